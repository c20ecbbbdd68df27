# SPDX-License-Identifier: MIT
"""Tools of growth.py: a server under test, clients, load, and what /proc, callgrind and strace say."""
import itertools
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

PATIENCE = 120  # seconds; under valgrind everything takes fifty times as long
RUNNING = []  # so that nothing outlives us

WRK_SCRIPT = """
function done(s, l, r)
  local e = s.errors
  io.write(string.format("\\n@%d %d %d %.0f %.0f %.0f\\n", s.requests, s.duration,
    e.connect + e.read + e.write + e.timeout + e.status,
    l:percentile(50), l:percentile(99), l:percentile(99.9)))
end
"""


def have(program):
    return shutil.which(program) is not None


def number(v):
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.1f}" if abs(v) >= 100 else f"{v:.2f}"


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it took too long")
        time.sleep(0.01)


def stop_all():
    for p in RUNNING:
        if p.poll() is None:
            p.kill()
            p.wait()


def launch(argv, **kw):
    p = subprocess.Popen(argv, **kw)
    RUNNING.append(p)
    return p


def counted(path):
    """The user instructions that callgrind counted."""
    with open(path, encoding="utf-8", errors="replace") as f:
        totals = [line for line in f if line.startswith(("totals:", "summary:"))]
    return int(totals[-1].split()[1])


class Server:
    """A server of its own, on ports that it chose, in a directory of its own."""

    def __init__(self, argv, work, valgrind=None, store=None):
        self.dir = store or tempfile.mkdtemp(dir=work)
        self.counts = os.path.join(self.dir, "callgrind") if valgrind else None
        if valgrind:
            argv = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={self.counts}"] + argv
        log = os.path.join(self.dir, "log")
        with open(log, "wb") as out:
            self.process = launch(argv, cwd=self.dir, stdout=out, stderr=out)
        self.pid = self.process.pid
        self.ports = {}
        wait_for(lambda: self.read_ports(log))
        self.public, self.metrics = self.ports["public"], self.ports["metrics"]

    def read_ports(self, log):
        if self.process.poll() is not None:
            with open(log, encoding="utf-8") as f:
                raise RuntimeError(f"the server ended: {f.read()}")
        with open(log, encoding="utf-8") as f:
            for line in f:
                if '"event":"listening"' in line and line.endswith("\n"):
                    event = json.loads(line)
                    self.ports[event["port"]] = int(event["address"].rsplit(":", 1)[1])
        return len(self.ports) == 2

    def sample(self, name):
        """A sample's value, from the page."""
        with socket.create_connection(("127.0.0.1", self.metrics)) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(1 << 20), b"")).decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def stop(self):
        """Ends it; the instructions counted, if they were."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        RUNNING.remove(self.process)
        return counted(self.counts) if self.counts else None


# --- /proc ---

def thread_ns(tid):
    with open(f"/proc/{tid}/task/{tid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def process_ns(pid):
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    return {"cpu": model[1] if model else "unknown", "cpus": os.cpu_count(), "kernel": '.'.join(platform.release().split('.')[:2]),
            "when": time.strftime("%Y-%m-%d")}


# --- clients ---

def dial(port):
    s = socket.create_connection(("127.0.0.1", port), PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def drop(s):
    """With a reset, so that ten thousand ports are free again at once."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Clients:
    """Keep-alive connections that ask in rounds: each asks, then each reads its answer."""

    def __init__(self, port, n):
        self.socks = [dial(port) for _ in range(n)]

    def ask(self, requests, rounds):
        turn = itertools.cycle(requests)
        for _ in range(rounds):
            for s in self.socks:
                s.sendall(next(turn))
            for s in self.socks:
                read_answer(s)

    def close(self):
        for s in self.socks:
            drop(s)


def read_answer(s):
    """One whole answer with a Content-Length; the number of its bytes."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        more_of(s, data)
    if not data.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"unexpected answer: {bytes(data[:200])!r}")
    length = int(re.search(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)", data[:end + 2])[1])
    while len(data) < end + 4 + length:
        more_of(s, data)
    return length


def more_of(s, data):
    part = s.recv(1 << 20)
    if not part:
        raise RuntimeError("the server closed the connection")
    data += part


class Scraper:
    """Reads the page again and again over one connection."""

    def __init__(self, port, headers):
        self.sock = dial(port)
        self.request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def scrape(self):
        self.sock.sendall(self.request)
        return read_answer(self.sock)


def start_scraping(port, period):
    """In a process of its own, so that it shares no interpreter with a client; gzip, as Prometheus asks for."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        with Scraper(port, "Accept-Encoding: gzip\r\n") as scraper:
            while True:
                scraper.scrape()
                time.sleep(period)
    finally:
        os._exit(0)


def stop_scraping(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


# --- load ---

def paced(port, rate, seconds):
    """Requests at a steady rate on four connections, whatever the answers take: p50 and p99 in ms."""
    request = b"GET /r/000000 HTTP/1.1\r\nHost: a\r\n\r\n"
    socks = [dial(port) for _ in range(4)]
    times = []
    begin = time.perf_counter()
    for i in range(int(rate * seconds)):
        due = begin + i / rate
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        socks[i % 4].sendall(request)
        read_answer(socks[i % 4])
        times.append((time.perf_counter() - due) * 1e3)
    for s in socks:
        drop(s)
    times.sort()
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}


def wrk(work, port, path, conns, seconds, body=None):
    """One thread of wrk; `body` is posted as JSON."""
    script = os.path.join(work, "load.lua")
    post = (f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [==[{body}]==]\n"
            if body else "")
    with open(script, "w", encoding="utf-8") as f:
        f.write(post + WRK_SCRIPT)
    p = launch(["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}{path}"],
               stdout=subprocess.PIPE, text=True)
    out = p.communicate()[0]
    RUNNING.remove(p)
    found = re.search(r"^@(\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", out, re.M)
    requests, us, errors, p50, p99, p999 = map(int, found.groups())
    return {"rate": requests * 1e6 / us, "errors": errors, "p50_ms": p50 / 1e3, "p99_ms": p99 / 1e3,
            "p999_ms": p999 / 1e3}


# --- the disk ---

def syncs(work, size, seconds):
    """Writes over a file that is there already, each followed by fdatasync: how many a second."""
    block, blocks = b"x" * size, 4096 * 1024 // size
    path = os.path.join(work, "disk")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.pwrite(fd, block * blocks, 0)
        os.fsync(fd)
        n, begin = 0, time.perf_counter()
        while time.perf_counter() < begin + seconds:
            os.pwrite(fd, block, n % blocks * size)
            os.fdatasync(fd)
            n += 1
        return n / (time.perf_counter() - begin)
    finally:
        os.close(fd)
        os.unlink(path)


class SyncCounter:
    """Counts fsync and fdatasync of a process with strace."""

    def __init__(self, pid, work):
        self.out = os.path.join(work, "strace")
        self.process = launch(["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", self.out, "-p", str(pid)],
                              stderr=subprocess.PIPE, text=True)
        self.attached = "attached" in self.process.stderr.readline()
        time.sleep(0.2)

    def stop(self):
        """None when it was not allowed to watch."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        RUNNING.remove(self.process)
        if not self.attached:
            return None
        with open(self.out, encoding="utf-8") as f:
            return sum(int(line.split()[3]) for line in f if re.search(r"\bf(data)?sync$", line))


# --- start ---

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_to_answer(argv, directory, request):
    """Milliseconds until a whole answer has come."""
    port = free_port()
    argv = argv + ["--set", f"listen.public=127.0.0.1:{port}"]
    begin = time.perf_counter()
    p = launch(argv, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            s = dial(port)
            break
        except ConnectionRefusedError:
            time.sleep(0.0001)
    s.sendall(request)
    read_answer(s)
    took = (time.perf_counter() - begin) * 1e3
    drop(s)
    p.send_signal(signal.SIGTERM)
    p.wait(PATIENCE)
    RUNNING.remove(p)
    return took
