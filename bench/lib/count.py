# SPDX-License-Identifier: MIT
"""Instructions per request: from hardware counters while under load, or one by one by valgrind.

By its tool cachegrind, whose simulation of caches is off: callgrind counts the same to 0.2 %,
but 3.19 cannot follow Go's stacks.
"""
import contextlib
import glob
import os
import shutil
import socket
import subprocess

from lib import client, proc, stats

NO_KERNEL = 'kernel instructions: not counted here (no hardware counters; valgrind sees user code only)'


def has_counters():
    """Whether perf can count instructions on this machine; many virtual machines have no counters."""
    if not shutil.which('perf'):
        return False
    done = subprocess.run(['perf', 'stat', '-x,', '-e', 'instructions:u', 'true'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    return stats.perf_instructions(done.stderr)[0] is not None


def end(run):
    """Under valgrind an idle nginx may sleep on in epoll_wait with its SIGTERM pending: somebody who connects wakes it."""
    run.process.terminate()
    with contextlib.suppress(OSError):
        socket.create_connection(('127.0.0.1', run.port), 1).close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.process.wait(proc.STOP_PATIENCE)
    run.stop()


def total(peer, scratch, asked):
    """User instructions of a whole run, start to end, that answers `asked`: [(path, requests), ...]."""
    wrapper = ('valgrind', '--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=cachegrind.%p')
    with peer.start(scratch, wrapper=wrapper) as run:
        for path, n in asked:
            client.ask_times(run.port, path, n, 200 if path == '/health' else 404)
        end(run)
        files = glob.glob(run.path('cachegrind.*'))
        if not files:
            raise proc.Failed('cachegrind wrote nothing')
        sums = []
        for name in files:
            with open(name) as f:
                sums.append(stats.cachegrind_total(f.read()))
        return sum(sums)


def per_request(peer, scratch):
    """{path: user instructions}: runs that differ by a number of requests only, so that starting cancels out."""
    few, more = peer.counted
    extra = more - few
    base = total(peer, scratch, [('/health', few), ('/no-such-page', few)])
    return {'health': (total(peer, scratch, [('/health', more), ('/no-such-page', few)]) - base) / extra,
            '404': (total(peer, scratch, [('/health', few), ('/no-such-page', more)]) - base) / extra}
