# SPDX-License-Identifier: MIT
"""What check-compose.py compares with: the design's networks and ports, as tables.
And how files are read and faults told."""

import os
import re

import yaml

# Who is on which network, and who has an address that others rely on. None: Docker hands one out.
MEMBERS = {
    'edge': {'cloudflared': '172.31.250.2', 'caddy': '172.31.250.3'},
    'front': {'caddy': '172.31.251.3', 'sidelight': None},
    'dashboards': {'caddy': '172.31.252.3', 'grafana': None, 'prometheus': None, 'alertmanager': None,
                   'blackbox': None},
    'scrape': {'prometheus': '172.31.253.3', 'sidelight': None},
    'tunnel-metrics': {'cloudflared': '172.31.254.2', 'prometheus': '172.31.254.3'},
    'egress': {'alertmanager': '172.31.255.3'},
}
OPEN = {'edge', 'egress'}       # the networks with a way out
ALIASES = [('sidelight', 'scrape', 'sidelight-metrics')]
PORTS = {
    'caddy': {80, 2020}, 'sidelight': {8000, 9091}, 'prometheus': {9090}, 'alertmanager': {9093}, 'blackbox': {9115},
    'grafana': {3000}, 'cloudflared': {2000},
}
HEALTH = {                      # what each image can ask itself
    'caddy': 'http://127.0.0.1:2020/healthz',
    'prometheus': 'http://127.0.0.1:9090/prometheus/-/ready',
    'alertmanager': 'http://127.0.0.1:9093/-/ready',
    'blackbox': 'http://127.0.0.1:9115/-/healthy',
    'grafana': 'http://127.0.0.1:3000/grafana/api/health',
}
STATE = {                       # what outlives a container
    'sidelight': '/var/lib/sidelight', 'prometheus': '/prometheus', 'alertmanager': '/alertmanager',
    'grafana': '/var/lib/grafana',
}
FLAGS = {                       # what the rest of the project relies on
    'sidelight': ['--config', '/etc/sidelight/sidelight.yaml'],
    'cloudflared': ['tunnel', '--config', '/etc/cloudflared/config.yml', 'run'],
    'prometheus': ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus',
                   '--enable-feature=exemplar-storage', '--web.route-prefix=/prometheus/'],
    'alertmanager': ['--config.file=/run/secrets/alertmanager.yml', '--storage.path=/alertmanager',
                     '--cluster.listen-address='],
    'blackbox': ['--config.file=/etc/blackbox_exporter/blackbox.yml'],
}
GRAFANA = {
    'GF_SERVER_SERVE_FROM_SUB_PATH': 'true',
    'GF_AUTH_PROXY_ENABLED': 'true',
    'GF_AUTH_PROXY_HEADER_NAME': 'X-WEBAUTH-USER',
    'GF_AUTH_PROXY_WHITELIST': MEMBERS['dashboards']['caddy'],
    'GF_AUTH_BASIC_ENABLED': 'false',
    'GF_AUTH_DISABLE_LOGIN_FORM': 'true',
    'GF_USERS_AUTO_ASSIGN_ORG_ROLE': 'Viewer',
    'GF_SECURITY_ADMIN_PASSWORD__FILE': '/run/secrets/grafana_admin',
}

faults = []


class Tree:
    """The project, or a copy of it."""
    root = '.'


def fault(what, *of):
    faults.append(what % of if of else what)
    print('compose-check: ' + faults[-1])
    return False


def want(good, what, *of):
    return True if good else fault(what, *of)


def path(name):
    return os.path.join(Tree.root, name)


def text(name):
    try:
        with open(path(name), encoding='utf-8') as f:
            return f.read()
    except OSError:
        fault('%s is missing', name)
        return ''


class Strict(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
    """A key that is there twice is a mistake, and PyYAML would hide it."""


def mapping(loader, node):
    keys = [k.value for k, _ in node.value if k.tag != 'tag:yaml.org,2002:merge']
    for key in sorted({k for k in keys if keys.count(k) > 1}):
        fault('key %s is there twice (%s)', key, str(node.start_mark).strip())
    return loader.construct_yaml_map(node)


Strict.add_constructor('tag:yaml.org,2002:map', mapping)


def load(name):
    try:
        return yaml.load(text(name), Strict) or {}
    except yaml.YAMLError as e:
        fault('%s: %s', name, ' '.join(str(e).split()))
        return {}


def interpolate(value):
    """As Compose does when nothing is set. A variable without a default would come out empty."""
    if isinstance(value, dict):
        return {k: interpolate(v) for k, v in value.items()}
    if isinstance(value, list):
        return [interpolate(v) for v in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r'\$\{\w+:-([^}]*)\}', r'\1', value)
    want('$' not in value.replace('$$', ''), 'compose.yaml: a variable without a default: %s', value)
    return value


UNITS = {'ms': 0.001, 's': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800, 'y': 31536000}


def seconds(s):
    """Durations as Compose, Prometheus, cloudflared and Sidelight write them; -1: none of these."""
    parts = re.findall(r'([0-9.]+)(ms|[smhdwy])', str(s))
    if not parts or ''.join(n + u for n, u in parts) != str(s):
        return -1
    return sum(float(n) * UNITS[u] for n, u in parts)


def listed(value):
    return value if isinstance(value, list) else [value]


def values(node):
    """Every scalar below, as text, keys included."""
    if isinstance(node, dict):
        return [v for key, n in node.items() for v in [str(key)] + values(n)]
    if isinstance(node, list):
        return [v for n in node for v in values(n)]
    return [str(node)]


def named(name, service):
    """The names and addresses of a service, each with its network."""
    for network, member in service['networks'].items():
        yield network, name
        for known in (member or {}).get('aliases', []) + [(member or {}).get('ipv4_address')]:
            yield network, known


def reach(c, who, target, where):
    """May `who` open host:port, by this name?"""
    host, _, port = target.partition(':')
    if host in ('localhost', '127.0.0.1'):
        return want(int(port) in PORTS[who], '%s: %s has no port %s', where, who, port)
    mine = c['services'][who]['networks']
    for name, service in c['services'].items():
        if any(network in mine and known == host for network, known in named(name, service)):
            return want(int(port or 80) in PORTS[name], '%s: %s has no port %s', where, host, port)
    return fault('%s: %s shares no network with %s', where, who, host)
