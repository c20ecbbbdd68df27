# SPDX-License-Identifier: MIT
"""Tables for a terminal, of what results.json holds."""
from lib import stats

MIB = 2**20
BASES = ('nginx-bare', 'fastapi')
# figure, heading, divisor
REQUESTS = (('user_instructions', 'user instr', 1), ('kernel_instructions', 'kernel instr', 1), ('user_us', 'user us', 1),
            ('system_us', 'system us', 1), ('requests_per_second', 'requests/s', 1), ('p50_us', 'p50 us', 1),
            ('p99_us', 'p99 us', 1), ('p999_us', 'p99.9 us', 1), ('rss_bytes', 'RSS MiB', MIB))
COLUMNS = {
    'scrape': (('cpu_ms', 'CPU ms', 1), ('us_per_sample', 'CPU us/sample', 1), ('samples', 'samples', 1),
               ('page_bytes', 'page KiB', 1024), ('p50_ms', 'p50 ms', 1), ('p99_ms', 'p99 ms', 1), ('rss_bytes', 'RSS MiB', MIB)),
    'idle': (('rss_bytes', 'RSS MiB, none', MIB), ('rss_full_bytes', 'RSS MiB, all', MIB),
             ('bytes_per_connection', 'bytes/connection', 1)),
    'cold': (('first_answer_ms', 'ms', 1),),
    'beside': (('p99_us', 'p99 us', 1), ('p99_scraped_us', 'p99 us, scraped', 1), ('p99_ratio', 'ratio', 1),
               ('requests_per_second_ratio', 'requests/s, ratio', 1), ('pages', 'pages', 1)),
}
COLUMNS['scrape-2'] = COLUMNS['scrape']
# What is divided by the same of a base, first of what both have: instructions are steadier than seconds.
COMPARED = ('user_instructions', 'cpu_us', 'cpu_ms', 'bytes_per_connection', 'first_answer_ms')


def title(work, label, variant):
    if work == 'scrape':
        return '%s with %s series' % (label, format(variant, ','))
    if work != 'beside':
        return '%s, %d worker%s' % (label, variant, '' if variant == 1 else 's')
    return label


def compared(figures):
    return [name for name in COMPARED if any(name in f for f in figures.values())]


def rows(work, figures, ratios, labels):
    columns = [c for c in COLUMNS.get(work, REQUESTS) if any(c[0] in f for f in figures.values())]
    divided = [] if work == 'beside' else compared(figures)[:2 if 'cpu_us' in compared(figures) else 1]
    bases = [b for b in BASES if b in figures and divided]
    head = [''] + [c[1] for c in columns]
    names = {'user_instructions': 'instr', 'cpu_us': 'CPU', 'cpu_ms': 'CPU'}
    head += ['%s / %s' % (names.get(d, ''), b) if d in names else '/ ' + b for b in bases for d in divided]
    yield head
    for peer, f in figures.items():
        line = [labels.get(peer, peer)]
        line += [stats.number(f[n]['median'] / by) if n in f else '-' for n, _, by in columns]
        line += ['1' if peer == b else stats.with_spread(ratios.get(b, {}).get(peer, {}).get(d)) for b in bases for d in divided]
        yield line


def table(lines):
    lines = list(lines)
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        yield '  ' + '  '.join(cell.ljust(w) if i == 0 else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(line, width))).rstrip()


def notes(r):
    for name in ('skipped', 'failed'):
        for entry in r[name]:
            yield '%s: %s' % (name, entry)


def text(r):
    m = r['machine']
    yield '%s, %d CPUs%s, %s GiB, %s, Linux %s' % (m['cpu'], m['cpus'], ' (virtual)' if m['virtual'] else '',
                                                   m['memory_gib'], m['system'], m['kernel'])
    yield '%d interleaved rounds of %s s, server on one CPU per worker, wrk with 64 connections; medians, ratios (least-most)' % (
        r['settings']['rounds'], r['settings']['seconds'])
    for result in r['results']:
        if not result['figures']:
            continue
        yield ''
        yield title(result['work'], result['label'], result['variant']) + (
            '  [wrk shares the servers\' CPUs]' if result.get('shared_cpus') else '')
        yield from table(rows(result['work'], result['figures'], result['ratios'], r['labels']))
    if r.get('disk'):
        yield ''
        yield 'the disk: %s fdatasyncs/s of 4 KiB, p99 %s us' % (stats.with_spread(r['disk']['syncs_per_second']),
                                                               stats.number(r['disk']['p99_us']['median']))
    yield ''
    for result in r['results']:
        for peer, f in result['figures'].items():
            if 'logged_ratio' in f and f['logged_ratio']['min'] < 0.9995:
                yield 'note: %s, %s: %.1f %% of its log lines were written, the rest dropped' % (
                    title(result['work'], result['label'], result['variant']), r['labels'][peer],
                    f['logged_ratio']['median'] * 100)
    yield from notes(r)
