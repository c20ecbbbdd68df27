#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Somebody's web site, for tests: pages from a directory, and a place that keeps what browsers report to it.

usage: site.py DIR PORT

Listens on 127.0.0.1, PORT 0 takes a free one, and writes it to DIR/port. GET /metrics.js is src/web/metrics.js; any other
path a file of DIR/pages, as HTML, with the header lines in the file of the same name and ".headers", if there is one. Each
POST becomes a line of DIR/reports: {"path", "headers", "body"}.
"""
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, port = sys.argv[1], int(sys.argv[2])


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return None


class Site(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        path = self.path.split('?')[0]
        file = os.path.join(folder, 'pages', os.path.basename(path) or 'index')
        body = read('src/web/metrics.js' if path == '/metrics.js' else file)
        self.send_response(200 if body is not None else 404)
        self.send_header('Content-Type', 'text/javascript' if path.endswith('.js') else 'text/html; charset=utf-8')
        for line in (read(file + '.headers') or b'').decode().splitlines():
            self.send_header(*line.split(': ', 1))
        self.finish_with(body or b'')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        line = json.dumps({'path': self.path, 'headers': {k.lower(): v for k, v in self.headers.items()}, 'body': body})
        with open(os.path.join(folder, 'reports'), 'ab', buffering=0) as out:
            out.write(line.encode() + b'\n')
        self.send_response(200)
        self.finish_with(b'')

    def finish_with(self, body):
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(('127.0.0.1', port), Site)
with open(os.path.join(folder, 'port.new'), 'w') as out:
    out.write(str(server.server_port))
os.rename(os.path.join(folder, 'port.new'), os.path.join(folder, 'port'))
server.serve_forever()
