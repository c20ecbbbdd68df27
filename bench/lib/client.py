# SPDX-License-Identifier: MIT
"""Clients: wrk for load, and a small one by hand where each request must be known (checks, instructions, scrapes)."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time

from lib import proc, stats

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = ('User-Agent: wrk/4.1', 'Accept: */*')
BODY = ('{"name":"Ada Lovelace","email":"ada@example.com","source":"bench",'
        '"message":"Could you tell me how many durable submissions a second this takes?"}')
LOAD_PATIENCE = 30


def request(path, body=None, extra=()):
    lines = ['%s %s HTTP/1.1' % ('POST' if body else 'GET', path), 'Host: 127.0.0.1', *AGENT, *extra]
    if body:
        lines += ['Content-Type: application/json', 'Content-Length: %d' % len(body)]
    return ('\r\n'.join(lines) + '\r\n\r\n' + (body or '')).encode()


class Connection:
    """One keep-alive connection. Knows Content-Length and chunks: what the peers send."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise proc.Failed('closed the connection')
        return data

    def until(self, mark):
        while mark not in self.rest:
            self.rest += self.more()
        found, _, self.rest = self.rest.partition(mark)
        return found

    def exactly(self, n):
        parts, have = [self.rest], len(self.rest)
        while have < n:
            parts.append(self.more())
            have += len(parts[-1])
        whole = b''.join(parts)
        self.rest = whole[n:]
        return whole[:n]

    def chunks(self):
        parts = []
        while True:
            size = int(self.until(b'\r\n').partition(b';')[0], 16)
            parts.append(self.exactly(size))
            self.until(b'\r\n')
            if size == 0:
                return b''.join(parts)

    def ask(self, raw):
        """-> (status, head in lower case, body)"""
        self.socket.sendall(raw)
        head = self.until(b'\r\n\r\n').decode('latin-1').lower()
        length = re.search(r'\r\ncontent-length: *(\d+)', head)
        if length:
            return int(head.split()[1]), head, self.exactly(int(length.group(1)))
        if 'transfer-encoding: chunked' in head:
            return int(head.split()[1]), head, self.chunks()
        # prometheus_client's server: HTTP/1.0, the body ends with the connection.
        parts = [self.rest]
        while data := self.socket.recv(1 << 20):
            parts.append(data)
        return int(head.split()[1]), head, b''.join(parts)


def get(port, path, extra=()):
    with Connection(port) as c:
        return c.ask(request(path, extra=extra))


def answers(port, path='/health'):
    """Whether a 200 comes by now."""
    try:
        return get(port, path)[0] == 200
    except (OSError, proc.Failed):
        return False


def must_be(c, raw, status):
    got = c.ask(raw)[0]
    if got != status:
        raise proc.Failed('answers %d, not %d' % (got, status))


def ask_times(port, path, n, status):
    """n requests over one connection, one after the other."""
    raw = request(path)
    with Connection(port, timeout=600) as c:
        for _ in range(n):
            must_be(c, raw, status)


class Crowd:
    """Idle keep-alive connections; each has had one answer."""

    def __init__(self, port, n, path):
        self.open = []
        raw = request(path)
        try:
            for _ in range(n):
                c = Connection(port)
                self.open.append(c)
                must_be(c, raw, 200)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for c in self.open:
            c.socket.close()


def may_open(n):
    """Raises the limit of open files so that n connections fit, here and in what is started from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = n + 1000
    if soft >= need:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(hard, need)))
    except (ValueError, PermissionError):
        return False
    return True


class Load:
    """A wrk that runs. finish() has its figures, or raises Failed if anything at all went wrong."""

    def __init__(self, port, path, seconds, cpus, connections=64, body=None, refused=False, perf=None):
        self.refused, self.perf = refused, perf
        # wrk knows whole seconds only; SIGINT ends it in good order, and finish() sends that.
        argv = ['wrk', '-t', str(len(cpus)), '-c', str(connections), '-d', '1h', '--timeout', '10s']
        for header in AGENT:
            argv += ['-H', header]
        argv += ['-s', os.path.join(HERE, 'figures.lua'), 'http://127.0.0.1:%d%s' % (port, path)]
        # perf counts in the servers' processes for as long as wrk runs.
        if perf:
            argv = ['perf', 'stat', '-x,', '-o', perf['out'], '-e', 'instructions:u,instructions:k',
                    '-p', ','.join(map(str, perf['pids'])), '--'] + argv
        env = {**os.environ, **({'BENCH_BODY': body} if body else {})}
        self.process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, preexec_fn=proc.birth(cpus))
        try:
            self.pid = self.running()
        except BaseException:
            self.__exit__()
            raise
        self.until = time.monotonic() + seconds

    def running(self):
        """The pid of wrk itself, be it under perf or not, once its threads run: then it catches SIGINT."""
        for _ in range(LOAD_PATIENCE * 1000):
            for pid in proc.tree(self.process.pid):
                if proc.catches(pid, 'wrk', signal.SIGINT):
                    return pid
            if self.process.poll() is not None:
                raise proc.Failed('wrk ended at once: ' + self.process.stdout.read().strip()[-200:])
            time.sleep(0.001)
        raise proc.Failed('wrk does not start')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    def finish(self, least=1):
        time.sleep(max(0.0, self.until - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)
        try:
            text = self.process.communicate(timeout=LOAD_PATIENCE)[0]
        except subprocess.TimeoutExpired:
            raise proc.Failed('wrk does not end') from None
        try:
            figures = stats.wrk_figures(text)
        except ValueError as e:
            raise proc.Failed(str(e)) from None
        why = stats.wrk_errors(figures, self.refused, least)
        if why:
            raise proc.Failed(why)
        if self.perf:
            with open(self.perf['out']) as f:
                user, kernel = stats.perf_instructions(f.read())
            figures['user_instructions'] = user and user / figures['requests']
            figures['kernel_instructions'] = kernel and kernel / figures['requests']
        return figures


def scrape_every(port, seconds, until):
    """Scrapes the page every `seconds` until then (of time.monotonic()); -> how many."""
    n, due = 0, time.monotonic()
    while due < until:
        if get(port, '/metrics')[0] != 200:
            raise proc.Failed('the page is not 200')
        n, due = n + 1, due + seconds
        time.sleep(max(0.0, due - time.monotonic()))
    return n
