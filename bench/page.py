#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the tables of docs/performance.md from bench/results.json; with --check only says whether they are those.

usage: page.py [--check]
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import report, stats  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / 'docs' / 'performance.md'
BEGIN, END = '<!-- tables: make bench -->\n', '<!-- end of the tables -->\n'


def markdown(lines):
    head, *rest = lines
    yield '| %s |' % ' | '.join(head)
    yield '|---' + '|---:' * (len(head) - 1) + '|'
    for line in rest:
        yield '| %s |' % ' | '.join(line)


def tables(r):
    m, s = r['machine'], r['settings']
    yield 'Measured on: %s, %d CPUs%s, %s GiB, %s, Linux %s. %d interleaved rounds of %s s, one CPU a worker, `wrk` with %d connections.' % (
        m['cpu'], m['cpus'], ' (virtual)' if m['virtual'] else '', m['memory_gib'], m['system'], m['kernel'], s['rounds'],
        s['seconds'], s['connections'])
    yield 'Medians; ratios with the least and the most of the rounds. The disk: %s `fdatasync`/s of 4 KiB.' % stats.with_spread(
        r['disk']['syncs_per_second'])
    for result in r['results']:
        if result['figures']:
            yield ''
            yield '**%s**%s' % (report.title(result['work'], result['label'], result['variant']),
                                ' (`wrk` shares the CPUs)' if result.get('shared_cpus') else '')
            yield ''
            yield from markdown(report.rows(result['work'], result['figures'], result['ratios'], r['labels']))
    for note in report.notes(r):
        yield ''
        yield note[0].upper() + note[1:] + '.'


def main():
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + '\n'.join(tables(json.loads((HERE / 'results.json').read_text()))) + '\n' + END + after
    if sys.argv[1:] == ['--check']:
        if text != wanted:
            sys.exit('bench: the tables of docs/performance.md are not those of bench/results.json; run bench/page.py')
    elif sys.argv[1:]:
        sys.exit('usage: page.py [--check]')
    else:
        PAGE.write_text(wanted)


if __name__ == '__main__':
    main()
