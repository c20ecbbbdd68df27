# SPDX-License-Identifier: MIT
"""What the machine is and what its disk allows. No names of hosts or users, no paths: results.json is published."""
import os
import platform
import re
import time

BLOCK = bytes(4096)


def cpu_model():
    with open('/proc/cpuinfo') as f:
        found = re.search(r'^model name\s*: *(.+)$', f.read(), re.M)
    return found.group(1) if found else platform.machine()


def memory_gib():
    return round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30, 1)


def distribution():
    with open('/etc/os-release') as f:
        found = re.search(r'^PRETTY_NAME="?([^"\n]+)', f.read(), re.M)
    return found.group(1) if found else 'unknown'


def virtual():
    with open('/proc/cpuinfo') as f:
        return bool(re.search(r'^flags.*\bhypervisor\b', f.read(), re.M))


def machine(counters):
    return {'cpu': cpu_model(), 'cpus': os.cpu_count(), 'virtual': virtual(), 'memory_gib': memory_gib(),
            'kernel': '.'.join(platform.release().split('.')[:2]), 'system': distribution(),
            'load_before': round(os.getloadavg()[0], 2),
            'instructions': 'perf' if counters else 'valgrind, user only'}


def syncs(directory, seconds):
    """(fdatasyncs a second, the p99 of one in us) of 4 KiB appended each time: the store's pattern at its smallest."""
    name = os.path.join(directory, 'sync')
    took = []
    fd = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            os.write(fd, BLOCK)
            os.fdatasync(fd)
            took.append(time.perf_counter() - now)
    finally:
        os.close(fd)
        os.unlink(name)
    took.sort()
    return len(took) / sum(took), took[len(took) * 99 // 100] * 1e6
