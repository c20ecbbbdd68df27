#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a request costs in instructions, through the real pipeline, against bench/baseline.txt.

gate.py check     --sidelight FILE     fails when a row costs more than LIMIT above the baseline
gate.py baseline  --sidelight FILE     writes the baseline: rows that hardly changed stay as they are
gate.py share     --sidelight FILE --without FILE     what metrics cost, by a server built without them
check and baseline take --measured FILE instead of a server: a table of the same form, measured before; and
--rows NAME,... to look at these rows alone."""
import argparse
import os
import platform
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import counted

LIMIT = 0.03        # above this a row fails; below minus this it asks for a new baseline
KEPT = 0.005        # `baseline` leaves a row that moved by less, so that its diff shows what changed
SHARE = 300         # instructions metrics may add to GET /health (design, 10)
BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'baseline.txt')
HEAD = '''# Instructions a request takes, written by `make bench-baseline`; `make bench-gate` fails on more than 3 % above.
# A commit that changes this file says why.
'''

# As wrk asks; and as a browser does that comes through the front door.
PLAIN = 'User-Agent: wrk/4.1\r\nAccept: */*\r\n'
BROWSER = '''Connection: keep-alive\r
Cache-Control: max-age=0\r
sec-ch-ua: "Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"\r
sec-ch-ua-mobile: ?0\r
sec-ch-ua-platform: "Linux"\r
Upgrade-Insecure-Requests: 1\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r
Sec-Fetch-Site: same-origin\r
Sec-Fetch-Mode: navigate\r
Sec-Fetch-User: ?1\r
Sec-Fetch-Dest: document\r
Referer: https://shop.example/contact\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r
'''
MESSAGE = 'I would like to know whether you also ship to Iceland, and what that costs. ' * 2


def get(path, fields=PLAIN):
    return f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n{fields}\r\n'.encode()


def contact(email):
    body = f'{{"name":"Ada Lovelace","email":"{email}","message":"{MESSAGE}"}}'
    return (f'POST /contact HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n{PLAIN}Content-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n{body}').encode()


# row: port, request, status, requests to warm up, requests counted. So many that a row repeats to 0.2 %.
ROWS = {
    'health': ('public', get('/health'), 200, 1000, 6000),
    'health-browser': ('public', get('/health', BROWSER), 200, 500, 4000),
    'home-browser': ('public', get('/', BROWSER), 200, 500, 3000),
    'not-found': ('public', get('/nothing-here'), 404, 500, 4000),
    'contact-refused': ('public', contact('ada.example.com'), 422, 500, 3000),
    'contact-accepted': ('public', contact('ada@example.com'), 201, 500, 1500),
    'scrape': ('metrics', get('/metrics'), 200, 50, 200),
}


def sidelight(binary):
    def ready(server):
        found = dict(re.findall(r'"event":"listening","port":"(\w+)","address":"127\.0\.0\.1:(\d+)"', server.log()))
        return {k: int(v) for k, v in found.items()} if len(found) == 2 else None

    settings = ['listen.public=127.0.0.1:0', 'listen.metrics=127.0.0.1:0', 'threads=1', 'contact.rate=off']
    return counted.Server([os.path.abspath(binary)] + [x for s in settings for x in ('--set', s)], ready)


def measure(binary, names=None):
    with sidelight(binary) as server:
        return {name: server.count(*row) for name, row in ROWS.items() if names is None or name in names}


NGINX = '''daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error;
events { worker_connections 64; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
    server {
        listen 127.0.0.1:PORT;
        location = /health { return 200; }
    }
}
'''


def measure_nginx():
    """Bare nginx on the same request, for comparison; None where there is none."""
    try:
        nginx = counted.tool('nginx')
    except counted.Failed:
        return None
    port = counted.free_port()

    def ready(server):
        return {'public': port} if os.path.exists(f'{server.dir}/pid') and counted.listens(port) else None

    # The directory is the prefix, so that no file of the system's nginx is read.
    with counted.Server([nginx, '-p', '{dir}', '-c', '{dir}/nginx.conf', '-e', '{dir}/error'], ready,
                        {'nginx.conf': NGINX.replace('PORT', str(port))}) as server:
        return server.count(*ROWS['health'])


# --- what it was measured with ---

# Their code is in the counts.
PACKAGES = ['gcc-12', 'libc6', 'libcjson1', 'libh2o-evloop0.13', 'libsodium23', 'libsqlite3-0', 'libssl3', 'valgrind', 'zlib1g']


def surroundings():
    ret = {'machine': platform.machine(), 'avx2': 'no', 'CC': os.environ.get('CC', 'cc'),
           'CFLAGS': os.environ.get('CFLAGS', '-')}
    try:
        with open('/proc/cpuinfo', encoding='ascii', errors='replace') as f:
            ret['avx2'] = 'yes' if re.search(r'^flags.*\bavx2\b', f.read(), re.M) else 'no'
        out = subprocess.run(['dpkg-query', '-W', '-f', '${Package} ${Version}\n'] + PACKAGES,
                             capture_output=True, text=True, check=False).stdout
    except OSError:
        out = ''
    found = dict(line.split(' ', 1) for line in out.splitlines())
    return ret | {p: found.get(p) or 'none' for p in PACKAGES}


def read_table(path):
    """A table's surroundings and counts."""
    surround, counts = {}, {}
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.startswith('with '):
                _, name, value = line.split(None, 2)
                surround[name] = value.strip()
            elif line.startswith('count '):
                _, name, value = line.split()
                counts[name] = float(value)
    return surround, counts


def write_table(path, surround, counts):
    with open(path + '.new', 'w', encoding='utf-8') as f:
        f.write(HEAD)
        f.writelines(f'with {k:<20} {v}\n' for k, v in surround.items())
        f.writelines(f'count {k:<17} {v:>10.0f}\n' for k, v in counts.items())
    os.replace(path + '.new', path)


# --- the commands ---

def measured(args):
    if args.measured is not None:
        return read_table(args.measured)
    return surroundings(), measure(args.sidelight, args.rows)


def compare(was, now):
    """Prints the rows; returns those that cost too much, and those that became cheaper."""
    dear, cheap = [], []
    for name in was | now:
        if name not in was or name not in now:
            print(f'  {name:<18} {"has no baseline" if name not in was else "was not measured"}: FAIL')
            dear.append(name)
            continue
        change = now[name] / was[name] - 1
        verdict = 'ok'
        if change > LIMIT:
            verdict = 'FAIL'
            dear.append(name)
        elif change < -LIMIT:
            verdict = 'cheaper'
            cheap.append(name)
        print(f'  {name:<18} {now[name]:>10.0f}  baseline {was[name]:>10.0f}  {change:>+7.2%}  {verdict}')
    return dear, cheap


def reference(ours):
    """Printed beside the gate, not part of it."""
    bare = measure_nginx()
    if bare is None:
        print('bench-gate: no nginx here to compare with')
    else:
        print(f'for comparison: bare nginx (return 200, no log) {bare:.0f}; GET /health {ours:.0f}, {ours / bare:.2f} of it')


def check(args):
    was_with, was = read_table(args.baseline)
    was = {k: v for k, v in was.items() if args.rows is None or k in args.rows}
    if was_with.get('machine') != platform.machine() and args.measured is None:
        print(f'bench-gate: skipped: the baseline is of {was_with.get("machine")}, and this is {platform.machine()}')
        return 0
    now_with, now = measured(args)
    print('instructions a request:')
    dear, cheap = compare(was, now)
    other = [f'{k} {now_with.get(k)} (baseline: {was_with.get(k)})'
             for k in was_with | now_with if now_with.get(k) != was_with.get(k)]
    if other:
        print('bench-gate: compared all the same, but the baseline was measured with something else, which may be why a row '
              'moved:\n  ' + '\n  '.join(other))
    if cheap:
        print(f'bench-gate: cheaper by more than {LIMIT:.0%}: {", ".join(cheap)}. Run `make bench-baseline`, or the gate will let '
              'that much slip back.')
    if dear:
        print(f'bench-gate: FAILED: {", ".join(dear)}: above the baseline by more than {LIMIT:.0%}. `make bench-parts` says '
              'where. If it is worth it, run `make bench-baseline`, and say why in the commit.')
    if args.measured is None and args.rows is None:
        reference(now['health'])
    return 1 if dear else 0


def baseline(args):
    surround, counts = measured(args)
    was = read_table(args.baseline)[1] if os.path.exists(args.baseline) else {}
    for name, value in counts.items():
        if name in was and abs(value / was[name] - 1) < KEPT:
            counts[name] = was[name]
    if was:
        compare(was, counts)
    write_table(args.baseline, surround, counts)
    print(f'bench-baseline: wrote {os.path.relpath(args.baseline)}; say why in the commit')
    return 0


def share(args):
    names = ['health', 'health-browser', 'not-found']
    full, without = measure(args.sidelight, names), measure(args.without, names)
    # The compiler lays out a program without metrics anew: some of the difference is code that has nothing to do with them.
    print('instructions a request:')
    for name in names:
        print(f'  {name:<18} {full[name]:>8.0f}  without metrics {without[name]:>8.0f}  their share {full[name] - without[name]:>6.0f}')
    if full['health'] - without['health'] > SHARE:
        print(f'bench-metrics-share: FAILED: GET /health may pay {SHARE} for its metrics')
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=['check', 'baseline', 'share'])
    parser.add_argument('--sidelight', default='build/dev/sidelight')
    parser.add_argument('--without')
    parser.add_argument('--measured')
    parser.add_argument('--rows', type=lambda text: text.split(','))
    parser.add_argument('--baseline', default=BASELINE)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # the server goes, too
    try:
        return {'check': check, 'baseline': baseline, 'share': share}[args.command](args)
    except counted.Failed as e:
        print(f'{parser.prog}: {e}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
