"""A server that speaks one version of TLS, however old, and answers every request with 200.

    old_tls.py <TLSv1|TLSv1_1|TLSv1_2> <file with certificate and key>
"""

import ssl
import sys
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(HTTPServer):
    def handle_error(self, *_):
        pass


version, identity = sys.argv[1:]
# That the old versions are deprecated is the point.
warnings.simplefilter("ignore")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("DEFAULT@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.load_cert_chain(identity)
server = Server(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
