# SPDX-License-Identifier: MIT
"""The driver's arithmetic: medians with their spread, ratios round by round, parsing of what tools print."""
import re
import statistics


def spread(values):
    """What a figure was over the rounds; None where no round has it."""
    there = [v for v in values if v is not None]
    if not there:
        return None
    return {'median': statistics.median(there), 'min': min(there), 'max': max(there), 'rounds': list(values)}


def ratio(values, of):
    """values / of, round by round: what slowed a whole round down slowed both, and cancels out."""
    return spread([v / o if v is not None and o else None for v, o in zip(values, of)])


def fold(rounds):
    """[{figure: value}, ...] -> {figure: spread}, without the figures that no round has."""
    names = dict.fromkeys(name for r in rounds for name in r)
    folded = {name: spread([r.get(name) for r in rounds]) for name in names}
    return {name: s for name, s in folded.items() if s}


def ratios(work, base):
    """{peer: {figure: spread}} -> {peer: {figure: spread of its ratio to the peer `base`}}."""
    of = work.get(base)
    if not of:
        return {}
    found = {peer: {name: ratio(s['rounds'], of[name]['rounds']) for name, s in figures.items() if name in of}
             for peer, figures in work.items() if peer != base}
    return {peer: {name: r for name, r in figures.items() if r} for peer, figures in found.items()}


def rotated(peers, n):
    """The order of round n: who comes first, and next to whom, differs each time."""
    return peers[n % len(peers):] + peers[:n % len(peers)] if peers else []


def percentile(values, p):
    """The smallest value that p percent are not above; None of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * p // 100) - 1)] if ordered else None


# --- what tools print ---

def wrk_figures(text):
    """The line that lib/figures.lua prints: `figures requests=1 ...` -> {name: number}."""
    line = re.search(r'^figures (.+)$', text, re.M)
    if not line:
        raise ValueError('wrk printed no figures: ' + text.strip()[-300:])
    return {name: float(value) for name, value in (pair.split('=') for pair in line.group(1).split())}


def wrk_errors(figures, refused, least=1):
    """Why a run does not count, or None. `refused`: every answer should be a 4xx; `least`: of answers."""
    broken = {k: int(v) for k, v in figures.items() if k in ('connect', 'read', 'write', 'timeout') and v}
    if broken:
        return 'errors: ' + ', '.join('%s %d' % pair for pair in broken.items())
    if figures['requests'] < least:
        return 'not one request was answered'
    want = figures['requests'] if refused else 0
    if figures['status'] != want:
        return '%d answers above 399, expected %d of %d' % (figures['status'], want, figures['requests'])
    return None


def perf_instructions(text):
    """`perf stat -x,` -> (user, kernel), each None if not counted; scaled up where events shared a counter."""
    found = {}
    for line in text.splitlines():
        field = line.split(',')
        if len(field) > 4 and field[2].startswith('instructions:') and field[0].isdigit():
            found[field[2].split(':')[1][0]] = int(field[0])
    return found.get('u'), found.get('k')


def cachegrind_total(text):
    """The instructions of a cachegrind file: its summary, which is its last line."""
    line = re.search(r'^summary: *(\d+)', text, re.M)
    if not line:
        raise ValueError('cachegrind left no summary')
    return int(line.group(1))


def sum_of(page, name, **labels):
    """The sum of a metric's samples that have these labels, of a page in the text format."""
    total = 0.0
    for line in page.splitlines():
        if re.match(re.escape(name) + r'[{ ]', line) and all('%s="%s"' % pair in line for pair in labels.items()):
            total += float(re.sub(r'^[^{ ]+(\{.*\})? ', '', line).split()[0])
    return total


# --- for people ---

def number(value):
    """Three digits that mean something: 0.123, 12.3, 1,230."""
    if value is None:
        return '-'
    if value == 0 or abs(value) >= 100:
        return format(round(value), ',')
    return '%.*f' % (1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3, value)


def with_spread(s):
    """`1.02 (0.98-1.05)`; without the brackets where there was one round, or all were the same."""
    if s is None:
        return '-'
    low, mid, high = number(s['min']), number(s['median']), number(s['max'])
    return mid if low == high else '%s (%s-%s)' % (mid, low, high)
