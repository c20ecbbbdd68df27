#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails if compose.yaml, Dockerfile or cloudflared/config.yml disagree with the design's networks, with each other, or
with the files that the services read. `docker compose config` sees little of that: it takes networks that are not
defined, a metrics port open to the world, an address that nobody has. It is asked, too, where it is on the machine;
and so is the Specification's schema.
usage: check-compose.py [--own] [ROOT]     (--own: only the checks written here)"""

import glob
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys

import yaml

sys.dont_write_bytecode = True

from compose_check import files, image
from compose_check.design import (ALIASES, FLAGS, HEALTH, MEMBERS, OPEN, PORTS, STATE, Tree, fault, faults, interpolate,
                                  load, path, seconds, text, values, want)

SCHEMA = '/usr/lib/python3*/dist-packages/compose/config/compose_spec.json'
# What would undo the isolation, or hide from the checks below.
FORBIDDEN = ('privileged', 'network_mode', 'pid', 'ipc', 'uts', 'devices', 'userns_mode', 'env_file', 'volumes_from',
             'extends', 'extra_hosts', 'container_name', 'links', 'external_links', 'cgroup_parent', 'group_add',
             'configs', 'dns')


# --- each service ---

def check_hardening(name, s):
    uid = re.fullmatch(r'([0-9]+):[0-9]+', str(s.get('user')))
    want(uid and int(uid.group(1)) > 0, '%s: user is no number, or root', name)
    want(s.get('read_only') is True, '%s: its root is writable', name)
    want(s.get('cap_drop') == ['ALL'], '%s: cap_drop is not [ALL]', name)
    want(s.get('cap_add', []) == (['NET_BIND_SERVICE'] if name == 'caddy' else []), '%s: cap_add', name)
    want(s.get('security_opt') == ['no-new-privileges:true'], '%s: security_opt is not no-new-privileges', name)
    want(s.get('restart') == 'unless-stopped', '%s: restart is not unless-stopped', name)
    log = s.get('logging', {})
    want(log.get('driver') == 'json-file' and {'max-size', 'max-file'} <= set(log.get('options', {})),
         '%s: its log grows', name)
    for key in FORBIDDEN:
        want(key not in s, '%s: %s is not for here', name, key)
    for key, value in s.get('environment', {}).items():
        want(key.endswith('_FILE') or not re.search('PASSWORD|SECRET|TOKEN|CREDENTIAL', key),
             '%s: a secret in %s', name, key)
        want(isinstance(value, str), '%s: %s is not quoted', name, key)


def check_sizes(name, s):
    want(isinstance(s.get('cpus'), (int, float)) and 0 < s['cpus'] <= 4, '%s: cpus', name)
    want(re.fullmatch(r'[1-9][0-9]{0,3}[mg]', str(s.get('mem_limit'))), '%s: mem_limit', name)
    want(isinstance(s.get('pids_limit'), int) and 16 <= s['pids_limit'] <= 512, '%s: pids_limit', name)
    want(0 < seconds(s.get('stop_grace_period')) <= 120, '%s: stop_grace_period', name)
    for mount in s.get('tmpfs', []):
        where, _, options = mount.partition(':')
        want({'noexec', 'nosuid', 'nodev'} <= set(options.split(',')) and re.search(r'\bsize=[0-9]+m\b', options),
             '%s: tmpfs %s has no size, or programs run from it', name, where)


def check_health(name, s):
    h = s.get('healthcheck', {})
    test = h.get('test', [])
    want(test[:1] == ['CMD'], '%s: healthcheck asks nothing, or needs a shell', name)
    want(0 < seconds(h.get('timeout')) < seconds(h.get('interval')),
         '%s: healthcheck: timeout is not below interval', name)
    want(h.get('retries', 0) > 1 and seconds(h.get('start_period')) > 0,
         '%s: healthcheck: retries or start_period', name)
    if name in HEALTH:
        want(test[1:] == ['wget', '-q', '-O', '/dev/null', HEALTH[name]],
             '%s: healthcheck does not ask %s', name, HEALTH[name])


def check_image(name, s):
    tag = s.get('image', '')
    want(re.fullmatch(r'[a-z/-]+:v?[0-9]+(\.[0-9]+){2}(-[a-z]+)?(@sha256:[0-9a-f]{64})?', tag),
         '%s: image %s is not exact', name, tag)
    if name == 'caddy':
        want([int(n) for n in re.findall(r'[0-9]+', tag.split('@')[0])] >= [2, 11, 4],
             '%s: older ones let some spellings of a path past a matcher', tag)
    want(('build' in s) == (name == 'sidelight'), '%s: built or pulled?', name)


def check_mounts(name, s):
    kept = []
    for volume in s.get('volumes', []):
        source, target, *mode = volume.split(':')
        want(not re.search(r'docker\.sock|containerd', volume), '%s mounts docker.sock', name)
        if source[0] not in './~':
            kept.append(target)
            continue
        want(source.startswith('./') and '..' not in source, '%s: %s is not in the project', name, source)
        want(mode == ['ro'], '%s: %s is writable', name, source)
        want(os.path.exists(path(source)), '%s: %s is missing', name, source)
    want(kept == ([STATE[name]] if name in STATE else []), '%s: what it keeps is %s', name, kept)
    mounted = [v.split(':')[1] for v in s.get('volumes', [])] + ['/run/secrets/%s' % x for x in s.get('secrets', [])]
    for word in values(s.get('command', [])) + values(s.get('environment', {})):
        read = re.search(r'(/etc/[\w/.-]+|/run/secrets/[\w.-]+)$', word)
        want(not read or any((read.group(1) + '/').startswith(m + '/') for m in mounted),
             '%s: %s is not mounted', name, word)


def check_services(c):
    want(set(c['services']) == set(PORTS), 'the services are %s', ' '.join(sorted(c['services'])))
    for name, s in c['services'].items():
        for check in (check_hardening, check_sizes, check_health, check_image, check_mounts):
            check(name, s)
        for flag in FLAGS.get(name, []):
            want(flag in s.get('command', []), '%s: its command lacks %s', name, flag)


# --- how they hang together ---

def check_depends(c):
    for name, s in c['services'].items():
        for other, how in s.get('depends_on', {}).items():
            target = c['services'].get(other)
            if not want(target, '%s depends on %s, which there is not', name, other):
                continue
            want(set(target.get('profiles', [])) <= set(s.get('profiles', [])),
                 '%s depends on %s, which runs only with its profile', name, other)
            want(how.get('condition') == 'service_healthy', '%s does not wait until %s is healthy', name, other)
        want('profiles' not in s or name == 'cloudflared', '%s runs only with a profile', name)


def check_references(c):
    used = {'networks': set(), 'volumes': set(), 'secrets': set()}
    for s in c['services'].values():
        used['networks'] |= set(s.get('networks', {}))
        used['secrets'] |= set(s.get('secrets', []))
        used['volumes'] |= {v.split(':')[0] for v in s.get('volumes', []) if v[0] not in './~'}
    for kind, names in used.items():
        for name in sorted(names ^ set(c.get(kind, {}))):
            fault('%s: %s is %s', kind, name, 'used and not defined' if name in names else 'defined and not used')
        for name, definition in c.get(kind, {}).items():
            want('external' not in (definition or {}), '%s: %s is from outside', kind, name)


def check_addresses(name, pool, fixed):
    net, dynamic = ipaddress.ip_network(pool['subnet']), ipaddress.ip_network(pool['ip_range'])
    want(dynamic.subnet_of(net) and net.prefixlen == 27, 'network %s: subnet or ip_range', name)
    want(pool['gateway'] == str(net[1]), 'network %s: gateway is not %s', name, net[1])
    for who, address in list(fixed.items()) + [('the gateway', pool['gateway'])]:
        a = ipaddress.ip_address(address)
        want(a in net and a not in (net[0], net[-1]), 'network %s: %s of %s is outside of the subnet', name, a, who)
        want(a not in dynamic, 'network %s: %s of %s is in ip_range', name, a, who)
    return net


def check_networks(c):
    taken = []
    for name in sorted(set(MEMBERS) & set(c['networks'])):
        n = c['networks'][name]
        want(bool(n.get('internal')) == (name not in OPEN), 'network %s: internal?', name)
        members = {who: (s['networks'][name] or {}) for who, s in c['services'].items() if name in s['networks']}
        want(set(members) == set(MEMBERS[name]), 'network %s: its members are %s', name, ' '.join(sorted(members)))
        fixed = {who: m['ipv4_address'] for who, m in members.items() if 'ipv4_address' in m}
        want(fixed == {who: a for who, a in MEMBERS[name].items() if a},
             'network %s: fixed addresses are %s', name, fixed)
        net = check_addresses(name, n['ipam']['config'][0], fixed)
        want(not any(net.overlaps(other) for other in taken), 'network %s overlaps another', name)
        taken.append(net)
    for name in sorted(set(MEMBERS) ^ set(c['networks'])):
        fault('network %s: in the design or in compose.yaml, not in both', name)
    aliases = [(who, net, alias) for who, s in c['services'].items() for net, m in s['networks'].items()
               for alias in (m or {}).get('aliases', [])]
    want(aliases == ALIASES, 'the aliases are %s', aliases)


def check_published(c):
    for name, s in c['services'].items():
        for port in s.get('ports', []):
            want(name == 'caddy' and port == '127.0.0.1:8080:80', '%s publishes %s', name, port)
        want('9091' not in ' '.join(values(s)), '%s names port 9091', name)
    want(c['services']['caddy'].get('ports'), 'caddy publishes nothing')
    for name in ('Caddyfile', 'cloudflared/config.yml', 'Dockerfile'):
        want('9091' not in text(name), '%s names port 9091', name)


# --- other people's checks ---

def check_schema():
    found = sorted(glob.glob(SCHEMA))
    try:
        import jsonschema
    except ImportError:
        return []
    if not found:
        return []
    with open(found[-1], encoding='utf-8') as f:
        validator = jsonschema.Draft7Validator(json.load(f))
    for e in validator.iter_errors(yaml.safe_load(text('compose.yaml'))):
        fault('schema: %s: %s', '.'.join(map(str, e.path)), e.message[:200])
    return ['the schema']


def check_config():
    asked = []
    for tool in (['docker-compose'], ['docker', 'compose']):
        if not shutil.which(tool[0]) or subprocess.run(tool + ['version'], capture_output=True, check=False).returncode:
            continue
        command = tool + ['-f', path('compose.yaml'), 'config', '-q']
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        want(run.returncode == 0, '%s: %s', ' '.join(tool), ' '.join(run.stderr.split())[:300])
        asked.append(' '.join(tool) + ' config')
    return asked


def check_own(c):
    for check in (check_references, check_depends, check_networks, check_services, check_published,
                  files.check_sidelight, files.check_caddy, files.check_prometheus, files.check_grafana,
                  files.check_secrets, files.check_tunnel, image.check_stack):
        check(c)
    return ['ldd'] if image.check_dockerfile(c) else []


def main(arguments):
    own = '--own' in arguments
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    Tree.root = ([a for a in arguments if a != '--own'] or [here])[0]
    asked = [] if own else check_schema() + check_config()
    try:
        asked += check_own(interpolate(load('compose.yaml')))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
        fault('it is not of the form that can be checked: %s: %s', type(e).__name__, e)
    if not faults:
        print('compose-check: ok (also asked: %s)' % (', '.join(asked) or 'nothing, since nothing is installed'))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
