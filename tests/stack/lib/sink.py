#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the tests receive alerts: a webhook receiver and a mail server. And pages that stand in for a program's metrics.

usage: sink.py DIR [--http ADDRESS:PORT] [--smtp ADDRESS:PORT] [--page ADDRESS:PORT=FILE]...
               [--login USER:PASSWORD] [--tls CERTIFICATE:KEY]

Each webhook becomes a line of DIR/webhooks, {"path", "body"}; each mail a line of DIR/mails, {"from", "to", "subject",
"text", "login", "tls"}. Of --page, FILE is read anew for each request, so that a test can change it, and the connection
is dropped while it is gone. With --login mail is taken only after that login, with --tls only after STARTTLS. Writes
DIR/ready once everything listens.
"""
import argparse
import email
import email.policy
import json
import logging
import os
import signal
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

TEXT = 'text/plain; version=0.0.4; charset=utf-8'


def address(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)


def add_line(path, lock, item):
    """One write, so that a reader never sees half a line."""
    with lock, open(path, 'ab', buffering=0) as out:
        out.write(json.dumps(item).encode() + b'\n')


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, where, answer):
        self.answer = answer
        super().__init__(where, Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get('Content-Length', 0))))

    def do_GET(self):
        self.answer(b'')

    def answer(self, body):
        reply = self.server.answer(self.path, body)
        if reply is None:
            self.close_connection = True
            return
        try:
            self.send_response(200)
            self.send_header('Content-Type', TEXT)
            self.send_header('Content-Length', str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
        except ConnectionError:
            self.close_connection = True    # whoever asked lost patience

    def log_message(self, *args):
        pass


def webhooks(path):
    lock = threading.Lock()

    def answer(url, body):
        add_line(path, lock, {'path': url, 'body': json.loads(body) if body else None})
        return b''
    return answer


def page(path):
    def answer(_url, _body):
        try:
            with open(path, 'rb') as file:
                return file.read()
        except FileNotFoundError:
            return None
    return answer


class Mails:
    """Keeps each mail, with the login it came by."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()

    async def handle_DATA(self, _server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        login = session.auth_data
        add_line(self.path, self.lock, {
            'from': envelope.mail_from,
            'to': envelope.rcpt_tos,
            'subject': mail['Subject'],
            'text': mail.get_body(('plain', 'html')).get_content().replace('\r\n', '\n'),
            'login': login and [login.login.decode(), login.password.decode()],
            'tls': session.ssl is not None,
        })
        return '250 OK'


def mail_server(where, path, login, tls):
    more = {}
    if login:
        wanted = LoginPassword(*(part.encode() for part in login.split(':', 1)))

        def check(_server, _session, _envelope, _mechanism, data):
            return AuthResult(success=data == wanted, auth_data=data)
        # Its LOGIN asks for the user in words that Alertmanager does not know.
        more.update(auth_required=True, auth_require_tls=bool(tls), authenticator=check,
                    auth_exclude_mechanism=['LOGIN'])
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls.split(':'))
        more.update(tls_context=context, require_starttls=True)
    return Controller(Mails(path), hostname=where[0], port=where[1], **more)


def main():
    args = argparse.ArgumentParser()
    args.add_argument('dir')
    args.add_argument('--http', type=address)
    args.add_argument('--smtp', type=address)
    args.add_argument('--page', action='append', default=[])
    args.add_argument('--login')
    args.add_argument('--tls')
    args = args.parse_args()
    logging.getLogger('mail.log').setLevel(logging.ERROR)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    servers = [Server(args.http, webhooks(os.path.join(args.dir, 'webhooks')))] if args.http else []
    for item in args.page:
        where, path = item.split('=', 1)
        servers.append(Server(address(where), page(path)))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    if args.smtp:
        mail_server(args.smtp, os.path.join(args.dir, 'mails'), args.login, args.tls).start()
    with open(os.path.join(args.dir, 'ready'), 'w', encoding='utf-8'):
        pass
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == '__main__':
    main()
