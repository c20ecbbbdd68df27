# SPDX-License-Identifier: MIT
"""Counts the instructions of a server's requests: the server runs under valgrind's callgrind, one client asks over one
connection, one request at a time. Instructions, unlike seconds, do not mind a busy machine, and valgrind shows every
program the same CPU, so that libc takes the same routines wherever AVX2 is there. What it does not show is the kernel's
vDSO: reading the clock counts as some 10 instructions, and takes 55 to 100 without valgrind."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
ENVIRONMENT = {'PATH': PATH, 'LC_ALL': 'C'}     # nothing else: it must not matter who asks, and from where
READY_S = 60        # until a server must listen; slow machines take a few seconds
ANSWER_S = 60
# A thread that did less than this share of the work follows the clock (ticks, the log's writer), not the requests: left
# out, or the count would rise with the machine's load. It is 0.5 % on an idle machine.
BACKGROUND = 0.10


class Failed(Exception):
    """Something a person has to look at; the text says what."""


def tool(name):
    path = shutil.which(name, path=PATH)
    if path is None:
        raise Failed(f'{name} is not there; tools/setup.sh test installs it')
    return path


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


class Client:
    """One connection, one request at a time, each answer read whole."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        self.socket.sendall(request)
        answer = b''
        head = -1
        while head < 0 or len(answer) < head + length:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise Failed(f'the server closed the connection after {answer[:200]!r}')
            answer += piece
            if head < 0 and (end := answer.find(b'\r\n\r\n')) >= 0:
                head = end + 4
                length = int(re.search(rb'\r\ncontent-length: *([0-9]+)\r\n', answer[:head].lower())[1])
        return answer

    def repeat(self, request, status, n):
        for _ in range(n):
            answer = self.ask(request)
            if not answer.startswith(b'HTTP/1.1 %d ' % status):
                raise Failed(f'wanted {status}, got {answer[:300]!r}')

    def close(self):
        self.socket.close()


class Server:
    """A program under callgrind, in a directory of its own that goes with it. `argv` and `config` (name: text) may say
    {dir}; `ready` is called until it returns the ports."""

    def __init__(self, argv, ready, config=None):
        self.dir = tempfile.mkdtemp(prefix='sidelight-bench-')
        self.process = None
        try:
            for name, text in (config or {}).items():
                with open(os.path.join(self.dir, name), 'w', encoding='ascii') as f:
                    f.write(text.replace('{dir}', self.dir))
            self.start([a.replace('{dir}', self.dir) for a in argv])
            self.ports = self.wait(ready)
        except BaseException:
            self.stop()
            raise

    def start(self, argv):
        self.pipes = f'--vgdb-prefix={self.dir}/vgdb'
        with open(os.path.join(self.dir, 'log'), 'wb') as log:
            self.process = subprocess.Popen(
                [tool('valgrind'), '--tool=callgrind', '--separate-threads=yes', self.pipes,
                 f'--callgrind-out-file={self.dir}/callgrind'] + argv,
                cwd=self.dir, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def log(self):
        with open(os.path.join(self.dir, 'log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait(self, ready):
        for _ in range(READY_S * 20):
            if self.process.poll() is not None:
                raise Failed(f'the server ended at once:\n{self.log()[-2000:]}')
            ports = ready(self)
            if ports:
                return ports
            time.sleep(0.05)
        raise Failed(f'the server did not listen within {READY_S} s:\n{self.log()[-2000:]}')

    def tell(self, command):
        """Has callgrind zero its counts or dump them, by valgrind's own debugging channel."""
        r = subprocess.run([tool('vgdb'), self.pipes, f'--pid={self.process.pid}', command],
                           capture_output=True, text=True, timeout=60, check=False)
        if r.returncode != 0:
            raise Failed(f'vgdb cannot reach valgrind (it needs ptrace): {r.stderr.strip()}')

    def threads(self):
        """Instructions by thread since the counts were zeroed."""
        before = set(glob.glob(f'{self.dir}/callgrind.*'))
        self.tell('dump')
        counts = []
        for path in set(glob.glob(f'{self.dir}/callgrind.*')) - before:
            with open(path, encoding='utf-8', errors='replace') as f:
                counts += [int(line.split()[1]) for line in f if line.startswith('totals: ')]
            os.unlink(path)
        if not counts:
            raise Failed('callgrind wrote no counts')
        return counts

    def count(self, port, request, status, warm, n):
        """Instructions a request, of the threads that work for it. The answers must have that status."""
        client = Client(self.ports[port])
        client.repeat(request, status, warm)
        self.tell('zero')
        client.repeat(request, status, n)
        counts = self.threads()
        client.close()
        return sum(c for c in counts if c >= BACKGROUND * sum(counts)) / n

    def stop(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
