#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs bench/parts under callgrind and prints what each part costs in instructions a call. parts.py PROGRAM"""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import counted


def run(program, where):
    """Name of part -> instructions a call, of the main thread alone."""
    r = subprocess.run([counted.tool('valgrind'), '--tool=callgrind', '--separate-threads=yes',
                        f'--callgrind-out-file={where}/callgrind', os.path.abspath(program)],
                       cwd=where, env=counted.ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    if r.returncode != 0:
        raise counted.Failed(f'{program} failed:\n{(r.stdout + r.stderr)[-2000:]}')
    dumps = []
    for path in glob.glob(f'{where}/callgrind.*-01'):
        with open(path, encoding='utf-8', errors='replace') as f:
            text = f.read()
        title = re.search(r'^desc: Trigger: Client Request: (.*)\|(\d+)$', text, re.M)
        number = re.search(r'^part: (\d+)$', text, re.M)
        total = re.search(r'^totals: (\d+)$', text, re.M)
        if title and number and total:
            dumps.append((int(number[1]), title[1], int(total[1]) / int(title[2])))
    return {name: count for _, name, count in sorted(dumps)}


def main():
    try:
        with tempfile.TemporaryDirectory(prefix='sidelight-parts-') as where:
            counts = run(sys.argv[1], where)
    except counted.Failed as e:
        print(f'parts.py: {e}', file=sys.stderr)
        return 1
    loop = counts.pop('the loop')
    print('instructions a call (by valgrind; the loop around it taken off):')
    for name, count in counts.items():
        print(f'  {name:<44} {count - loop:>9,.1f}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
