#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for Grafana, which is not in Debian: an HTTP server that answers every request with what it got, as JSON.

It also says what a real one may say and Caddy must not pass on twice (Server, X-Correlation-ID, nosniff), takes a
websocket and sends back each of its messages, and keeps a line for each request: what reached it, and what never did.

usage: standin_grafana.py ADDRESS PORT LOG
"""
import base64
import hashlib
import http.server
import json
import sys

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"     # RFC 6455, 1.3
CLOSE = 8


class Grafana(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Standin/1"

    def version_string(self):
        return self.server_version

    def log_message(self, *_):
        pass

    def note(self):
        """What came, as JSON; one line in the log, too."""
        seen = {"method": self.command, "target": self.requestline.split(" ")[1], "headers": {}}
        for name, value in self.headers.items():
            seen["headers"].setdefault(name.lower(), []).append(value)
        line = json.dumps(seen)
        with open(sys.argv[3], "a", encoding="utf-8") as log:
            log.write(line + "\n")
        return line.encode()

    def answer(self):
        body = self.note()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.websocket()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Correlation-ID", "of-the-upstream")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "deny")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while self.echo():
            pass

    def echo(self):
        """One short frame; false when the other side is done."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return False
        size = head[1] & 0x7f
        mask = self.rfile.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
        self.wfile.write(bytes([head[0], size]) + data)
        return head[0] & 0xf != CLOSE


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Grafana).serve_forever()
