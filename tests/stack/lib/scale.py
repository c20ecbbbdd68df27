#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes time run faster for the alerts: copies the production files with every duration divided by one factor.

usage: scale.py FACTOR FROM TO    FROM is the project, TO a new directory for STACK_FILES
       scale.py --compare FACTOR FROM TO

Durations are the values of the keys below, and the ranges and offsets of expressions; slo-rules.yml promises that no
expression has others, but for the server's own ticks, which do not run faster. Names (rate5m, window="5m") stay. A duration
that does not come out as whole milliseconds is an error, so that the files mean exactly the same, only sooner.

--compare reads both as YAML, not as text: each value that is a duration, unless it is a label, and each duration in an
expression outside of quotes must be divided; all else must be the same. So what one way of reading misses, the other
finds. It prints how many there are.
"""
import pathlib
import re
import shutil
import sys

import yaml

SCALED = ['prometheus/prometheus.yml', 'prometheus/alertmanager.yml', 'prometheus/compat-rules.yml', 'slo-rules.yml']
COPIED = ['prometheus/blackbox.yml', 'Caddyfile', 'config', 'docs']
KEYS = ('for|keep_firing_for|interval|scrape_interval|scrape_timeout|evaluation_interval|refresh_interval|'
        'resolve_timeout|group_wait|group_interval|repeat_interval')
UNITS = {'ms': 1, 's': 1000, 'm': 60_000, 'h': 3_600_000, 'd': 86_400_000, 'w': 604_800_000, 'y': 31_536_000_000}
ONE = r'(?:\d+(?:ms|[smhdwy]))+'
PLACES = [re.compile(rf'^( *(?:- )?(?:{KEYS}): *)({ONE})( *(?:#.*)?)$', re.M),
          re.compile(rf'(\[)({ONE})((?::(?:{ONE})?)?\])'),
          re.compile(rf'(\[(?:{ONE}):)({ONE})(\])'),
          re.compile(rf'(\boffset -?)({ONE})(\b)')]


def milliseconds(text):
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r'(\d+)(ms|[smhdwy])', text))


def written(ms):
    return f'{ms // 1000}s' if ms % 1000 == 0 else f'{ms}ms'


def scale(text, factor):
    def shorter(match):
        ms = milliseconds(match[2])
        if ms % factor:
            sys.exit(f'scale: {match[0].strip()}: no whole milliseconds when divided by {factor}')
        return match[1] + written(ms // factor) + match[3]
    for place in PLACES:
        text = place.sub(shorter, text)
    return text


def copy(factor, source, target):
    for name in COPIED:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        take = shutil.copytree if (source / name).is_dir() else shutil.copy
        take(source / name, target / name)
    for name in SCALED:
        (target / name).write_text(scale((source / name).read_text(), factor))


def durations(path, value):
    """What must be divided in this value, and the rest of it."""
    if path.endswith('.expr'):
        found, rest = [], []
        for i, part in enumerate(re.split(r'("[^"]*")', value)):
            pieces = [part] if i % 2 else re.split(rf'(?<![\w.])({ONE})(?!\w)', part)
            found += pieces[1::2]
            rest += pieces[::2]
        return found, rest
    if isinstance(value, str) and '.labels.' not in path and re.fullmatch(ONE, value):
        return [value], []
    return [], [value]


def same(path, before, after, factor):
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        return sum(same(f'{path}.{key}', before[key], after[key], factor) for key in before)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return sum(same(f'{path}[{i}]', *pair, factor) for i, pair in enumerate(zip(before, after)))
    (old, rest), (new, new_rest) = durations(path, before), durations(path, after)
    if rest != new_rest or [milliseconds(x) for x in old] != [milliseconds(x) * factor for x in new]:
        sys.exit(f'scale: {path}: {before} became {after}')
    return len(old)


def compare(factor, source, target):
    for name in SCALED:
        before, after = (yaml.safe_load((tree / name).read_text()) for tree in (source, target))
        print(f'{name}: {same(name, before, after, factor)} durations')
    for name in COPIED:
        for file in [source / name] if (source / name).is_file() else (source / name).rglob('*'):
            if file.is_file() and file.read_bytes() != (target / file.relative_to(source)).read_bytes():
                sys.exit(f'scale: {file} differs')


if __name__ == '__main__':
    what = compare if sys.argv[1] == '--compare' else copy
    what(int(sys.argv[-3]), pathlib.Path(sys.argv[-2]), pathlib.Path(sys.argv[-1]))
