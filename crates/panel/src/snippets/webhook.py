# pip install flask
import hashlib
import hmac
import json
import os
import time

from flask import Flask, abort, request

SECRET = os.environ["SELLVIK_WEBHOOK_SECRET"].encode()
TOLERANCE_SECONDS = 5 * 60

app = Flask(__name__)


def is_from_sellvik(raw_body: bytes, header: str) -> bool:
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    t, v1 = parts.get("t", ""), parts.get("v1", "")
    if not t.isdecimal() or len(t) > 12:
        return False
    if abs(int(time.time()) - int(t)) > TOLERANCE_SECONDS:
        return False
    expected = hmac.new(SECRET, t.encode() + b"." + raw_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), v1.encode())


@app.post("/sellvik-webhook")
def sellvik_webhook():
    raw_body = request.get_data()
    if not is_from_sellvik(raw_body, request.headers.get("X-Sellvik-Signature", "")):
        abort(401)
    event = json.loads(raw_body)
    # The same event may come more than once, with the same id. Answer first, work later.
    print(event["type"], event["id"])
    return "", 200
