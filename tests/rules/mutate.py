#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does tests/rules notice it when a rule changes? Changes one thing at a time in the rule files (mutants.py says what), and wants
the tests to fail.

usage: mutate.py [-v] [-j JOBS] [--share I/N] [TEXT...]
                                       TEXT: only mutants whose description contains it
                                       --share: only every Nth, from the Ith (0 to N-1) on
       mutate.py --list

Each mutant meets the tests that can see it, one by one, until one fails: first those that killed its like before. A test runs with
those rules only that it asks about, and what those read, which is quick.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import time

import yaml

from mutants import EQUIVALENT, FILES, Rules, all_mutants, name_of

HERE = pathlib.Path(__file__).resolve().parent


# --- the tests

class Suite:
    """Each test as a file of its own, and how often it killed what."""

    def __init__(self):
        self.text, self.file, self.cost, self.kills, self.asks = {}, {}, {}, {}, {}
        for path in sorted(HERE.glob('*.yml')):
            content = yaml.safe_load(path.read_text())
            for i, test in enumerate(content['tests']):
                name = f'{path.stem}-{i}.yml'
                self.text[name] = json.dumps({**content, 'tests': [test]})
                self.file[name] = content['rule_files'][0].removeprefix('../../')
                self.cost[name] = 1

    def names(self, name, rules):
        """The rules that a test asks about. One that asks by a pattern asks about all."""
        text = self.text[name]
        if '__name__' in text or 'alertname!' in text or re.search(r'ALERTS(?!\{alertname=)', text):
            return rules.names
        return rules.named(text)

    def order(self, mutant):
        """Those that can see the mutant, and first of them those that killed its like before, or are quick."""
        def key(name):
            return [-self.kills.get((which, name), 0) for which in likeness(mutant)], self.cost[name]
        rules, found = mutant.rules, []
        reads = rules.named(json.dumps(mutant.new)) if mutant.new else set()
        for name, (names, needed) in self.asks[rules.file].items():
            if mutant.at in needed:
                found.append((name, needed if reads <= names else rules.needed(names | reads)))
        return sorted(found, key=lambda pair: key(pair[0]))

    def killed(self, mutant, name):
        for which in likeness(mutant):
            self.kills[which, name] = self.kills.get((which, name), 0) + 1

    def write(self, root):
        (root / 'tests/rules').mkdir(parents=True)
        (root / 'prometheus').mkdir()
        for name, text in self.text.items():
            (root / 'tests/rules' / name).write_text(text)

    def fails(self, root, name, rules):
        (root / self.file[name]).write_text(rules)
        start = time.monotonic()
        # Short-lived: collecting garbage and writing to a disk only take time.
        run = subprocess.run(['promtool', 'test', 'rules', name], cwd=root / 'tests/rules', capture_output=True, check=False,
                             env={**os.environ, 'GOGC': 'off', 'GOMEMLIMIT': '512MiB', 'TMPDIR': str(root.parent)})
        self.cost[name] = time.monotonic() - start
        return run.returncode != 0

    def check(self, root):
        """Each test must pass with the rules as they are, and only those that it needs, else its failure means nothing."""
        for rules in map(Rules, FILES):
            self.asks[rules.file] = asks = {}
            for name in (name for name in self.text if self.file[name] == rules.file):
                needed = rules.needed(self.names(name, rules))
                asks[name] = {name_of(rules.rules[i]) for i in needed}, needed
                if self.fails(root, name, rules.json(needed)):
                    sys.exit(f'mutate: {name} (a file, and the number of a test in it) fails with the rules as they are')


def likeness(mutant):
    """What mutants may have in common, the closest first."""
    change = re.sub(r'\d+[mhds]', '', mutant.change)
    place = change.split(' -> ')[0]
    family = re.sub(r'\d+[mhds]$', '', mutant.name)
    return [(family, change), (mutant.name, place), (family, place), (mutant.name, ''), (family, '')]


def run(mutants, jobs, verbose):
    suite, roots = Suite(), queue.Queue()
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None) as top:
        for i in range(jobs):
            root = pathlib.Path(top) / str(i)
            suite.write(root)
            roots.put(root)
        suite.check(root)

        def killer(mutant):
            root = roots.get()
            start = time.monotonic()
            try:
                name = next((name for name, needed in suite.order(mutant)
                             if suite.fails(root, name, mutant.rules.json(needed, mutant))), None)
            finally:
                roots.put(root)
            if name:
                suite.killed(mutant, name)
            if verbose:
                print(f'{time.monotonic() - start:5.2f} s  {mutant.text}  killed by {name}', flush=True)
            return name
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(killer, mutants))


def share(text):
    """I/N as two numbers."""
    first, every = (int(part) for part in text.split('/'))
    if not 0 <= first < every:
        raise ValueError
    return first, every


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-v', action='store_true', dest='verbose')
    parser.add_argument('-j', type=int, default=len(os.sched_getaffinity(0)), dest='jobs')
    parser.add_argument('--share', type=share, default=(0, 1))
    parser.add_argument('--list', action='store_true')
    parser.add_argument('text', nargs='*')
    args = parser.parse_args()
    mutants = list(all_mutants())
    unknown = set(EQUIVALENT) - {m.text for m in mutants}
    if unknown:
        sys.exit(f'mutate: EQUIVALENT has what is no mutant: {sorted(unknown)}')
    mutants = [m for m in mutants if m.text not in EQUIVALENT and (not args.text or any(text in m.text for text in args.text))]
    mutants = mutants[args.share[0]::args.share[1]]
    if args.list:
        print('\n'.join(m.text for m in mutants))
        return 0
    survivors = [m.text for m, name in zip(mutants, run(mutants, args.jobs, args.verbose)) if name is None]
    for what in survivors:
        print(f'survived: {what}')
    print(f'{len(mutants)} mutants, {len(mutants) - len(survivors)} killed, {len(survivors)} survived')
    return bool(survivors) or not mutants


if __name__ == '__main__':
    sys.exit(main())
