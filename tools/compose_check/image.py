# SPDX-License-Identifier: MIT
"""What check-compose.py asks about the image, and about the networks that tools/stack.sh makes without Docker."""

import os
import re
import shutil
import subprocess

from compose_check.design import MEMBERS, STATE, fault, path, text, want

BASE = 'debian:bookworm-slim'


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def linked_packages(binary):
    """The Debian packages of the libraries that a binary is linked with; None where that can't be known."""
    if not os.access(binary, os.X_OK) or not (shutil.which('ldd') and shutil.which('dpkg-query')):
        return None
    with open('/etc/os-release', encoding='utf-8') as f:
        if 'VERSION_ID="12"' not in f.read():
            return None
    # A package may know its files by their place from before /lib became a link.
    real = [os.path.realpath(library) for library in re.findall(r'(/\S+)', output('ldd', binary))]
    owners = output('dpkg-query', '-S', *real, *[f.replace('/usr/lib', '/lib', 1) for f in real])
    found = {line.split(':')[0] for line in owners.splitlines() if not line.startswith('diversion')}
    return None if any(p.startswith(('libasan', 'libtsan', 'libubsan')) for p in found) else found


def instructions(dockerfile, name):
    return re.findall(r'^%s (.*\S)' % name, dockerfile, flags=re.M)


def check_versions(c, d):
    version = text('VERSION').strip()
    want(instructions(d, 'ARG')[0] == 'BASE=' + BASE, 'Dockerfile: BASE is not %s', BASE)
    want(instructions(d, 'FROM') == ['${BASE} AS build', '${BASE}'], 'Dockerfile: not two stages, both from BASE')
    want('VERSION=' + version in instructions(d, 'ARG'), 'Dockerfile: VERSION is not %s', version)
    want(c['services']['sidelight']['image'] == 'sidelight:' + version,
         'compose.yaml: image is not sidelight:%s', version)


def check_dockerfile(c):
    d = re.sub(r'\\\n', ' ', re.sub(r'^#.*\n', '', text('Dockerfile'), flags=re.M))
    check_versions(c, d)
    final = d.rsplit('\nFROM', 1)[-1]
    want(instructions(final, 'USER') == [c['services']['sidelight']['user']], 'Dockerfile: USER is not compose.yaml\'s')
    uid, gid = c['services']['sidelight']['user'].split(':')
    want('install -d -o %s -g %s -m 700 %s' % (uid, gid, STATE['sidelight']) in final,
         'Dockerfile: %s is not its user\'s', STATE['sidelight'])
    want(instructions(final, 'ENTRYPOINT') == ['["/usr/local/bin/sidelight"]'], 'Dockerfile: ENTRYPOINT')
    want('RUN tools/setup.sh build\n' in d and ' SETUP=: ' in d, 'Dockerfile: not built as `make` does it')
    want(not re.search(r'^(ADD|VOLUME|SHELL|HEALTHCHECK)\b|curl|wget', d, flags=re.M),
         'Dockerfile: ADD, VOLUME, SHELL, HEALTHCHECK or a download')
    check_context(d)
    return check_packages(final)


def check_packages(final):
    named = re.search(r'--no-install-recommends install\s+((?:[a-z0-9.+-]+\s+)+)', final)
    if not want(named, 'Dockerfile: the packages of the last stage are not found'):
        return False
    linked = linked_packages(os.environ.get('SIDELIGHT') or path('build/dev/sidelight'))
    for package in sorted(set(named.group(1).split()) ^ linked) if linked else []:
        fault('Dockerfile: package %s: in the last stage or in what ldd says, not in both', package)
    return bool(linked)


def check_context(dockerfile):
    """.dockerignore lets in what the Dockerfile copies, and nothing else."""
    rules = [rule for rule in text('.dockerignore').split('\n') if rule and rule[0] != '#']
    want(rules[:1] == ['*'] and all(rule[0] == '!' for rule in rules[1:]),
         '.dockerignore lets in what it does not name')
    copied = set()
    for line in instructions(dockerfile, 'COPY'):
        if not line.startswith('--from'):
            copied |= {f.rstrip('/') for f in line.split()[:-1]}
    for f in sorted(copied ^ {rule[1:] for rule in rules[1:]}):
        fault('.dockerignore and COPY differ: %s', f)
    for f in sorted(copied):
        want(os.path.exists(path(f)), 'Dockerfile: %s is missing', f)


# --- the same networks without Docker ---

def stack_addresses(script):
    """{(namespace, network): address} of tools/stack/net.sh, and {network: third byte}."""
    line = re.search(r"^NETWORKS='([^']*)'", script, flags=re.M)
    nets = dict(re.findall(r'(\S+):(\d+)', line.group(1) if line else ''))
    rows = re.findall(r'^\s+([a-z]+) ([a-z-]+) (\d+) \S+$', script, flags=re.M)
    for network, first in re.findall(r'"sidelight-\$n ([a-z-]+) \$\(\((\d+) \+ n\)\)', script):
        rows += [('sidelight-%d' % n, network, str(int(first) + n)) for n in (1, 2)]
    return {(who, network): '172.31.%s.%s' % (nets.get(network), host) for who, network, host in rows}, nets


def check_stack(c):
    address, nets = stack_addresses(text('tools/stack/net.sh'))
    want({n: '172.31.%s.0/27' % byte for n, byte in nets.items()} ==
         {n: d['ipam']['config'][0]['subnet'] for n, d in c['networks'].items()},
         'tools/stack/net.sh: its networks are others')
    here = {(who.split('-')[0], network) for who, network in address} - {('sink', 'egress')}
    for who, network in sorted(here ^ {(who, n) for n, members in MEMBERS.items() for who in members}):
        fault('tools/stack/net.sh: %s on %s: only there, or only in compose.yaml', who, network)
    for (who, network), a in sorted(address.items()):
        fixed = MEMBERS.get(network, {}).get(who)
        want(a == fixed or (not fixed and (who == 'sink' or int(a.split('.')[3]) >= 16)),
             'tools/stack/net.sh: %s has %s on %s', who, a, network)
    check_header(address, nets)


def check_header(address, nets):
    short = {'tunnel': 'cloudflared', 'sidelight_1': 'sidelight-1', 'sidelight_2': 'sidelight-2'}
    defines = re.findall(r'^#define (\w+) "(172\.[0-9.]+)"', text('tests/stack/lib/stack.h'), flags=re.M)
    want(defines, 'tests/stack/lib/stack.h: no addresses found')
    for name, a in defines:
        fits = [n for n in nets if name.lower().startswith(n.replace('-', '_') + '_')]
        network = max(fits, key=len, default='')
        who = name[len(network) + 1:].lower()
        known = '172.31.%s.1' % nets.get(network) if who == 'hub' else address.get((short.get(who, who), network))
        want(a == known, 'tests/stack/lib/stack.h: %s is %s, not %s', name, a, known)
