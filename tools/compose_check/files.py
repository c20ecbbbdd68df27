# SPDX-License-Identifier: MIT
"""What check-compose.py asks about compose.yaml together with the files that the services read."""

import glob
import os
import re

from compose_check.design import GRAFANA, MEMBERS, STATE, fault, listed, load, path, reach, seconds, text, want


def setting(conf, key):
    """Of config/sidelight.yaml, else the default of the table."""
    node = conf
    for part in key.split('.'):
        node = node.get(part) if isinstance(node, dict) else None
    if node is not None:
        return node
    row = re.search(r'CONFIG\("%s", \w+, \w+, "([^"]*)"' % re.escape(key), text('src/config/config_keys.def'))
    return row.group(1) if row else fault('there is no setting %s', key)


def check_sidelight(c):
    s, conf = c['services']['sidelight'], load('config/sidelight.yaml')
    caddy = MEMBERS['front']['caddy']
    want('./config:/etc/sidelight:ro' in s['volumes'], 'sidelight: config/ is not mounted, or not as a directory')
    want(s['healthcheck']['test'][1:] == ['/usr/local/bin/sidelight', 'healthcheck'] + s['command'],
         'sidelight: healthcheck asks with other settings')
    want(setting(conf, 'listen.metrics') == 'sidelight-metrics:9091',
         'sidelight: listen.metrics is not the alias on scrape')
    want(setting(conf, 'listen.public') == '0.0.0.0:8000', 'sidelight: listen.public is not 0.0.0.0:8000')
    want(listed(setting(conf, 'trusted_proxies')) in ([caddy + '/32'], [caddy]),
         'sidelight: trusted_proxies is not %s', caddy)
    want(setting(conf, 'client_ip_header') == 'X-Real-IP', 'sidelight: client_ip_header is not what Caddy sets')
    want(os.path.dirname(setting(conf, 'store.path')) == STATE['sidelight'],
         'sidelight: store.path is not in its volume')
    drain = sum(seconds(setting(conf, 'drain.' + key)) for key in ('delay', 'timeout', 'last_scrape'))
    want(seconds(s['stop_grace_period']) >= drain + 10,
         'sidelight: stop_grace_period is not 10 s above its drain (%g s)', drain)
    want(seconds(s['healthcheck']['start_period']) > seconds(setting(conf, 'store.lock_wait')),
         'sidelight: start_period is not above store.lock_wait')
    nofile = s.get('ulimits', {}).get('nofile', {})
    least = int(setting(conf, 'limits.connections')) + 1000
    want(nofile.get('soft') == nofile.get('hard') and nofile.get('soft', 0) >= least,
         'sidelight: nofile is not above limits.connections')


def caddy_variables(c, caddyfile):
    """What the Caddyfile gets for each of its variables."""
    default = {}
    for name, value in re.findall(r'\{\$(\w+):([^}]*)\}', caddyfile):
        want(default.setdefault(name, value) == value, 'Caddyfile: %s has two defaults', name)
    env = dict(c['services']['caddy'].get('environment', {}))
    # Of Go's runtime, not of the Caddyfile: it should collect garbage before the kernel ends it.
    heap, memory = env.pop('GOMEMLIMIT', ''), c['services']['caddy'].get('mem_limit', '')
    want(re.fullmatch('[0-9]+MiB', heap) and re.fullmatch('[0-9]+m', memory) and int(heap[:-3]) < int(memory[:-1]),
         'caddy: GOMEMLIMIT is not below mem_limit')
    for name, value in env.items():
        want(name in default, 'caddy: the Caddyfile knows no %s', name)
        want(value, 'caddy: %s is empty, and that is not its default', name)
    tunnel = MEMBERS['edge']['cloudflared'] + '/32'
    want(env.get('TUNNEL_CIDR') == tunnel, 'caddy: TUNNEL_CIDR is not %s', tunnel)
    want(default.get('TUNNEL_CIDR') == tunnel, 'Caddyfile: TUNNEL_CIDR is not %s', tunnel)
    return dict(default, **env)


def check_caddy(c):
    s = c['services']['caddy']
    caddyfile = re.sub(r'^\s*#.*', '', text('Caddyfile'), flags=re.M)
    have = caddy_variables(c, caddyfile)
    for name, value in (('CADDY_PORT', '80'), ('CADDY_METRICS_PORT', '2020'), ('USERS_FILE', '/run/secrets/users'),
                        ('LOGINS_FILE', '/run/secrets/logins')):
        want(have.get(name) == value, 'Caddyfile: %s is not %s', name, value)
    for name in ('users', 'logins'):
        want(name in s['secrets'], 'caddy: has no %s file', name)
    upstreams = ['%s:%s' % (have.get('SIDELIGHT_HOST'), have.get('SIDELIGHT_PORT'))]
    for upstream in upstreams + [value for name, value in have.items() if name.endswith('_UPSTREAM')]:
        reach(c, 'caddy', upstream, 'Caddyfile')
    want('./docs:%s:ro' % have.get('DOCS_DIR') in s['volumes'], 'caddy: docs/ is not where the Caddyfile looks')
    want(str(s.get('sysctls', {}).get('net.ipv4.ip_unprivileged_port_start')) == '0', 'caddy: may not open port 80')
    grace = re.search(r'\bgrace_period (\S+)', caddyfile)
    want(grace and seconds(s['stop_grace_period']) > seconds(grace.group(1)),
         'caddy: stop_grace_period is not above grace_period')


def check_prometheus(c):
    s, conf = c['services']['prometheus'], load('prometheus/prometheus.yml')
    kept = [flag.split('=')[1] for flag in s['command'] if flag.startswith('--storage.tsdb.retention.time=')]
    want(kept and seconds(kept[0]) >= 30 * 86400, 'prometheus: keeps less than the 30 days of a budget')
    for f in conf.get('rule_files', []):
        want(any(v.split(':')[1] == '/etc/prometheus/' + f for v in s['volumes']), 'prometheus: %s is not mounted', f)
    jobs = conf.get('scrape_configs', [])
    for job in jobs + conf.get('alerting', {}).get('alertmanagers', []):
        where = 'prometheus.yml: ' + job.get('job_name', 'alertmanagers')
        for target in [t for static in job.get('static_configs', []) for t in static['targets']]:
            if target.startswith('http'):       # a probe: the exporter is asked, and asks
                reach(c, 'blackbox', target.split('/')[2], where)
            else:
                reach(c, 'prometheus', target, where)
        for sd in job.get('dns_sd_configs', []):
            reach(c, 'prometheus', '%s:%d' % (sd['names'][0], sd['port']), where)
    for name in sorted(set(c['services']) - {job.get('job_name') for job in jobs}):
        fault('prometheus.yml: no job for %s', name)


def check_grafana(c):
    s = c['services']['grafana']
    for key, value in GRAFANA.items():
        want(s['environment'].get(key) == value, 'grafana: %s is not %s', key, value)
    flags = c['services']['prometheus']['command']
    public = [flag.split('=', 1)[1] for flag in flags if flag.startswith('--web.external-url=')]
    want(public and public[0].endswith('/prometheus/') and
         s['environment'].get('GF_SERVER_ROOT_URL') == public[0].replace('/prometheus/', '/grafana/'),
         'grafana and prometheus: their external addresses are not one')
    mounts = dict(v.split(':')[:2] for v in s['volumes'] if v[0] == '.')
    want(mounts.get('./grafana/provisioning') == '/etc/grafana/provisioning', 'grafana: provisioning is not mounted')
    for f in glob.glob('grafana/provisioning/dashboards/*.y*ml', root_dir=path('.')):
        for provider in load(f).get('providers', []):
            where = provider['options']['path']
            want(where == mounts.get('./grafana/dashboards'), 'grafana: dashboards are not at %s', where)
    for f in glob.glob('grafana/provisioning/datasources/*.y*ml', root_dir=path('.')):
        for source in load(f).get('datasources', []):
            reach(c, 'grafana', source['url'].split('/')[2], 'datasource ' + source['name'])


def check_secrets(c):
    script, ignored = text('tools/secrets.sh'), set(text('.gitignore').split())
    for name, secret in c['secrets'].items():
        want(secret.get('file') == './secrets/' + name, 'secret %s is not ./secrets/%s', name, name)
        want(re.search(r'\b%s\b' % re.escape(name), script), 'tools/secrets.sh does not make %s', name)
    for name in ('secrets', '.env'):
        want({name, '/' + name, name + '/', '/%s/' % name} & ignored, '.gitignore does not keep %s out', name)


# --- the tunnel ---

LET_IN = ('/', '/health', '/contact', '/api/metrics', '/metrics.js', '/grafana/d/sidelight-slo', '/prometheus/graph')
KEPT_OUT = ('/metrics', '//metrics', '/METRICS', '/metrics/', '/grafana/metrics', '/prometheus/metrics')
SETTINGS = {'tunnel', 'credentials-file', 'no-autoupdate', 'grace-period', 'metrics', 'loglevel', 'originRequest',
            'ingress'}


def route(rules, request):
    """The service that cloudflared takes for a path, whatever the host."""
    for rule in rules:
        if not rule.get('hostname') and re.search(rule.get('path', ''), request):
            return rule.get('service')
    return None


def check_rule(c, rule, where, last):
    everything = not rule.get('path') and rule.get('hostname', '*') in ('', '*')
    want(everything == last, '%s: the last one, and only that, takes everything', where)
    want(set(rule) <= {'hostname', 'path', 'service'}, '%s: it has %s', where, ' '.join(sorted(rule)))
    want(rule.get('path', '^').replace('(?i)', '').startswith('^'), '%s: may match in the middle of a path', where)
    service = re.fullmatch(r'http://([^:/]+:[0-9]+)|http_status:404', rule.get('service', ''))
    if want(service, '%s: service %s (one has no path)', where, rule.get('service')) and service.group(1):
        reach(c, 'cloudflared', service.group(1), where)


def check_ingress(c, rules):
    for i, rule in enumerate(rules, 1):
        check_rule(c, rule, 'cloudflared: ingress rule %d' % i, i == len(rules))
    want(rules and rules[-1].get('service') == 'http_status:404', 'cloudflared: what no rule takes is not 404')
    for request in KEPT_OUT:
        want(route(rules, request) == 'http_status:404', 'cloudflared: %s is let in', request)
    for request in LET_IN:
        want(route(rules, request) == 'http://caddy:80', 'cloudflared: %s does not reach caddy', request)


def check_tunnel(c):
    s, conf = c['services']['cloudflared'], load('cloudflared/config.yml')
    address = MEMBERS['tunnel-metrics']['cloudflared'] + ':2000'
    want(s.get('profiles') == ['tunnel'], 'cloudflared: its profile is not [tunnel]')
    want(set(conf) == SETTINGS, 'cloudflared: settings %s', ' '.join(sorted(set(conf) ^ SETTINGS)))
    want(conf.get('metrics') == address, 'cloudflared: metrics are not on tunnel-metrics alone')
    want(s['healthcheck']['test'] == ['CMD', 'cloudflared', 'tunnel', '--metrics', address, 'ready'],
         'cloudflared: healthcheck asks elsewhere')
    want(conf.get('credentials-file') == '/run/secrets/tunnel_credentials.json', 'cloudflared: credentials-file')
    want(s['environment'].get('TUNNEL_TOKEN_FILE') == '/run/secrets/tunnel_token', 'cloudflared: TUNNEL_TOKEN_FILE')
    want(set(s['secrets']) == {'tunnel_token', 'tunnel_credentials.json'}, 'cloudflared: its secrets')
    want(conf.get('no-autoupdate') is True, 'cloudflared: it updates itself')
    want(0 < seconds(conf.get('grace-period')) < seconds(s['stop_grace_period']),
         'cloudflared: stop_grace_period is not above grace-period')
    idle = re.search(r'^\s*idle (\S+)', text('Caddyfile'), flags=re.M)
    want(idle and 0 < seconds(conf.get('originRequest', {}).get('keepAliveTimeout')) < seconds(idle.group(1)),
         'cloudflared: keepAliveTimeout is not below Caddy\'s idle')
    check_ingress(c, conf.get('ingress', []))
