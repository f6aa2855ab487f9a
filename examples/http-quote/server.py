"""A small quote service: busy at the first call, then it answers. Run it with: python server.py [port]"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Quotes(BaseHTTPRequestHandler):
    """POST {"item": …, "count": …} gives {"price": …}."""

    calls = 0

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).calls += 1
        busy = type(self).calls == 1
        body = json.dumps({"error": "busy"} if busy else {"price": 12 * order["count"]}).encode()
        self.send_response(503 if busy else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Quiet."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8765), Quotes).serve_forever()
