"""A merchant's endpoint in Python: verifies what it gets by the documented recipe and with the published
library, each for itself, and says in its answer what they made of it.

The secret is read anew for every request from the file SECRET_FILE.
"""

import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

TOLERANCE_SECONDS = 300


def by_recipe(header, body, secret):
    try:
        fields = dict(part.split("=", 1) for part in header.split(","))
        sent, given = fields["t"], fields["v1"]
        if abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
            return False
    except (KeyError, ValueError):
        return False
    expected = hmac.new(secret.encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, given)


def by_library(headers, body, secret):
    try:
        return Webhook(secret).verify(body, headers)["id"] == headers["webhook-id"]
    except Exception:  # whatever the library makes of it, it is not a yes
        return False


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(os.environ["SECRET_FILE"]) as file:
            secret = file.read().strip()
        headers = {name.lower(): value for name, value in self.headers.items()}
        recipe = by_recipe(headers.get("x-sellvik-signature", ""), body, secret)
        library = by_library(headers, body, secret)
        answer = json.dumps({"recipe": recipe, "library": library}).encode()
        self.send_response(200 if recipe and library else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
