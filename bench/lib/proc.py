# SPDX-License-Identifier: MIT
"""Processes: started on a CPU, weighed with their children, and ended one by one, however the run ends."""
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
TICK = os.sysconf('SC_CLK_TCK')
START = 20              # seconds until a peer answers
SLOW_START = 300        # under valgrind
STOP_PATIENCE = 20


class Failed(Exception):
    """A peer or a tool did not do what it should; the run goes on without the figure and says so."""


def free_ports(n):
    """n ports nobody has now. Someone could take one before the peer does: it then fails to start, and says so."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for s in sockets:
            s.bind(('127.0.0.1', 0))
        return [s.getsockname()[1] for s in sockets]


def stat(pid):
    """(parent, user seconds, system seconds) of a process, all threads; None when it is gone."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            field = f.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(field[1]), int(field[11]) / TICK, int(field[12]) / TICK


def session(leader):
    """The processes of a session that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name) as f:
                field = f.read().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(field[3]) == leader and field[0] not in 'ZX':
            found.append(int(name))
    return found


def tree(pid):
    """The process and what it started, the oldest first."""
    parent = {int(name): (stat(int(name)) or (0,))[0] for name in os.listdir('/proc') if name.isdigit()}
    found = [pid]
    for known in found:
        found += [child for child, of in parent.items() if of == known]
    return found


def catches(pid, name, number):
    """Whether the process runs the program `name` by now, and that has a handler for the signal."""
    try:
        with open('/proc/%d/status' % pid) as f:
            status = dict(line.split(':', 1) for line in f)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status['Name'].strip() == name and bool(int(status.get('SigCgt', '0'), 16) >> (number - 1) & 1)


def cpu(pid):
    """(user, system) seconds so far of the process and its children."""
    stats = [s for s in map(stat, tree(pid)) if s]
    return sum(s[1] for s in stats), sum(s[2] for s in stats)


def memory(pid):
    """(resident, proportional) bytes of the process and its children: pages they share count each time, or once."""
    total = {'Rss': 0, 'Pss': 0}
    for one in tree(pid):
        try:
            with open('/proc/%d/smaps_rollup' % one) as f:
                for line in f:
                    name = line.partition(':')[0]
                    if name in total:
                        total[name] += int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return total['Rss'], total['Pss']


def birth(cpus, tell=None):
    """What a child does before it becomes the program: takes its CPUs (so do all its threads and children), asks for
    SIGTERM should the driver be killed in a way it cannot clean up after, and tells when it began. In the child and
    not by taskset, whose start would count as the peer's."""
    def prepare():
        if cpus:
            os.sched_setaffinity(0, cpus)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if tell is not None:
            os.write(tell, struct.pack('d', time.perf_counter()))
    return prepare


class Child:
    """A server under test in a scratch directory of its own. `with Child(...) as c:` ends it, whatever happens."""

    def __init__(self, argv, directory, env=None, cpus=None):
        self.directory, self.argv, self.cpus = directory, argv, cpus
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def __enter__(self):
        os.makedirs(self.directory, exist_ok=True)
        hear, tell = os.pipe()
        try:
            with open(self.path('stdout'), 'ab') as out, open(self.path('stderr'), 'ab') as err:
                # A session of its own: Ctrl-C is for the driver, which then ends each child in order.
                self.process = subprocess.Popen(
                    self.argv, cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                    start_new_session=True, preexec_fn=birth(self.cpus, tell))
            self.began, = struct.unpack('d', os.read(hear, 8))
        finally:
            os.close(hear)
            os.close(tell)
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def stop(self):
        """SIGTERM, then SIGKILL for whatever of its session is left, be it orphaned."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_PATIENCE)
        while left := session(self.pid):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.001)

    def died(self):
        """Raises Failed with its last words if it is gone."""
        status = self.process.poll()
        if status is not None:
            with open(self.path('stderr'), errors='replace') as f:
                words = f.read().strip().splitlines()
            raise Failed('ended with status %d: %s' % (status, words[-1][:200] if words else 'no words'))

    def wait_until(self, ready, patience=START, pause=0.0002):
        """Seconds from exec until ready() holds."""
        while not ready():
            self.died()
            if time.perf_counter() - self.began > patience:
                raise Failed('does not answer after %d s' % patience)
            time.sleep(pause)
        return time.perf_counter() - self.began


@contextlib.contextmanager
def interruptible():
    """SIGTERM and SIGHUP leave by the same way as Ctrl-C: through every `with`."""
    def leave(number, _):
        raise KeyboardInterrupt(signal.Signals(number).name)
    old = {s: signal.signal(s, leave) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
