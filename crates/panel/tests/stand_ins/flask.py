"""What the receiver uses of Flask, for one request: the body on the standard input, the signature's header
in SIGNATURE; prints the answer's status when the receiver's file has been read."""

import atexit
import os
import sys


class Refused(Exception):
    pass


class Request:
    headers = {"X-Sellvik-Signature": os.environ["SIGNATURE"]} if "SIGNATURE" in os.environ else {}

    def get_data(self):
        return sys.stdin.buffer.read()


def abort(status):
    raise Refused(status)


class Flask:
    def __init__(self, name):
        pass

    def post(self, path):
        return lambda handler: atexit.register(answer, handler)


def answer(handler):
    try:
        status = handler()[1]
    except Refused as refused:
        status = refused.args[0]
    print("status", status)


request = Request()
