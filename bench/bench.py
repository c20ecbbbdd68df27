#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the peers on the same work, interleaved, and writes a table and results.json. README.md says what and why.

usage: bench.py --built DIR [--out FILE]        DIR: what peers.mk built
The environment may narrow it down: BENCH_ROUNDS (3), BENCH_SECONDS (1.5), BENCH_PEERS and BENCH_WORK (comma-separated).
Exit status 1 if a run failed (an error of any kind in it), 2 for what it cannot make sense of.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import client, count, facts, peers, proc, report, stats, works


def say(text):
    print(text, flush=True)


def chosen(variable, known):
    """What the environment names, in the order of the table; unknown names are errors."""
    text = os.environ.get(variable, '')
    names = [n.strip() for n in text.split(',') if n.strip()]
    unknown = [n for n in names if n not in known]
    if unknown:
        sys.exit('bench: %s: %s is none of %s' % (variable, unknown[0], ', '.join(known)))
    return [n for n in known if not names or n in names]


def positive(variable, default, kind):
    try:
        value = kind(os.environ.get(variable, '') or default)
    except ValueError:
        value = 0
    if not value > 0:
        sys.exit('bench: %s is no positive number' % variable)
    return value


class Bench:
    def __init__(self, built, scratch):
        self.rounds = positive('BENCH_ROUNDS', 3, int)
        seconds = positive('BENCH_SECONDS', 1.5, float)
        self.works = chosen('BENCH_WORK', list(works.TABLE) + ['instructions'])
        self.cpus = sorted(os.sched_getaffinity(0))
        self.setting = works.Setting(seconds, self.cpus, scratch, count.has_counters())
        self.skipped, self.failed, self.results = [], [], []
        self.disk = []
        self.machine = facts.machine(self.setting.counters)
        wanted = chosen('BENCH_PEERS', [p.name for p in peers.TABLE])
        self.peers = [p for p in self.present(built) if p.name in wanted]
        self.many = self.there(peers.Many(built)) if peers.Many.name in wanted else None

    def skip(self, what, why):
        entry = '%s: %s' % (what, why)
        if entry not in self.skipped:
            self.skipped.append(entry)

    def there(self, peer):
        why = peer.missing()
        if why:
            self.skip(peer.label, why)
        return None if why else peer

    def present(self, built):
        return [p for p in (self.there(make(built)) for make in peers.TABLE) if p]

    def able(self, work):
        """Who does this work."""
        found = [p for p in [self.many] + self.peers if p and work in p.works]
        for p in self.peers:
            if work == 'contact' and p.duties and not p.can_store():
                self.skip('%s, contact' % p.label, 'built without SQLite')
                found.remove(p)
        return found

    def once(self, work, label, peer, variant):
        """The figures of one peer in one round; {} if it failed, which is kept and said."""
        try:
            return works.TABLE[work][1](self.setting, peer, variant)
        except (proc.Failed, OSError, ValueError) as e:
            self.failed.append('%s, %s: %s' % (label, peer.label, e))
            return {}

    def run(self, work, variant):
        label = works.TABLE[work][0]
        what = report.title(work, label, variant)
        able = self.able(work)
        loaded = work in ('health', '404', 'contact')
        if work not in ('scrape', 'beside') and variant > len(self.cpus):
            self.skip(what, 'only %d CPU here' % len(self.cpus))
            return
        if work not in ('idle', 'cold', 'scrape', 'scrape-2') and not shutil.which('wrk'):
            self.skip(what, 'wrk is not installed')
            return
        if work == 'idle' and not client.may_open(works.IDLE):
            self.skip(what, 'the limit of open files is too low')
            return
        rounds = {p.name: [] for p in able}
        began = time.monotonic()
        for n in range(self.rounds):
            if work == 'contact' and variant == 1:
                self.disk.append(works.disk(self.setting))
            for peer in stats.rotated(able, n):
                figures = self.once(work, what, peer, variant)
                rounds[peer.name].append(figures)
                if not figures:
                    able = [p for p in able if p is not peer]   # it has failed, once is enough
        for r in rounds.values():
            r += [{}] * (self.rounds - len(r))
        figures = {name: folded for name, r in rounds.items() if (folded := stats.fold(r))}
        say('  %-50s %4d s' % (what, time.monotonic() - began))
        self.results.append({'work': work, 'label': label, 'variant': variant, 'figures': figures,
                             'shared_cpus': loaded and self.setting.shared(variant)})

    def instructions(self):
        """Without hardware counters: valgrind's counts join those of the loaded runs with one worker."""
        if self.setting.counters:
            return
        self.skip('kernel instructions', count.NO_KERNEL.partition(': ')[2])
        if not shutil.which('valgrind'):
            self.skip('user instructions', 'no hardware counters, and valgrind is not installed')
            return
        began = time.monotonic()
        for peer in self.able('instructions'):
            try:
                counts = count.per_request(peer, self.setting.scratch)
            except (proc.Failed, OSError, ValueError) as e:
                self.skip('%s, user instructions' % peer.label, 'not under valgrind: %s' % e)
                continue
            for result in self.results:
                if result['variant'] == 1 and result['work'] in counts:     # of one worker
                    f = result['figures'].setdefault(peer.name, {})
                    f['user_instructions'] = stats.spread([counts[result['work']]] * self.rounds)
        say('  %-50s %4d s' % ('user instructions, by valgrind', time.monotonic() - began))

    def all(self):
        for work in self.works:
            for variant in works.TABLE[work][2] if work in works.TABLE else ():
                self.run(work, variant)
        if 'instructions' in self.works:
            self.instructions()
        order = [p.name for p in peers.TABLE]
        for result in self.results:
            result['figures'] = dict(sorted(result['figures'].items(), key=lambda pair: order.index(pair[0])))
            result['ratios'] = {base: stats.ratios(result['figures'], base) for base in report.BASES}

    def found(self):
        return {'machine': self.machine,
                'settings': {'rounds': self.rounds, 'seconds': self.setting.seconds, 'connections': 64},
                'labels': {p.name: p.label for p in peers.TABLE}, 'about': {p.name: p.about for p in peers.TABLE},
                'versions': {p.name: p.version() for p in self.peers},
                'disk': stats.fold(self.disk), 'skipped': self.skipped, 'failed': self.failed, 'results': self.results}


def rounded(value):
    """Five digits: more would only be noise in the commits."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float('%.5g' % value) if isinstance(value, float) and value % 1 else value


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--built', required=True)
    options.add_argument('--out')
    given = options.parse_args()
    os.environ['PATH'] += ':/usr/sbin'      # where an ordinary user's nginx is
    # On the disk of the build, not on a tmpfs: the durable work must meet a real one.
    scratch = tempfile.mkdtemp(prefix='run.', dir=given.built)
    try:
        os.chmod(scratch, 0o755)        # nginx's workers give up root
        with proc.interruptible():
            bench = Bench(os.path.abspath(given.built), os.path.abspath(scratch))
            bench.all()
            found = rounded(bench.found())
    except KeyboardInterrupt:
        say('bench: interrupted')
        return 130
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for line in report.text(found):
        say(line)
    if given.out:
        with open(given.out, 'w') as f:
            json.dump(found, f, indent=1)
            f.write('\n')
    return 1 if found['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
