# SPDX-License-Identifier: MIT
"""The mutants of the rule files: each differs from them in one thing.

They are made from the files themselves, so that a new rule is covered as it is written. Of an expression, each in turn: every
number, range, matcher, comparison, sum or product, aggregation, grouping label and function changed; every part joined by and, or,
unless left out; every window in a name exchanged for another. Of a rule: its name, `for`, `keep_firing_for`, labels and
annotations, and the rule itself left out. To these come those written out below (BY_HAND). A group's `interval` stays: promtool
evaluates all groups alike.
"""
import copy
import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = ['slo-rules.yml', 'prometheus/compat-rules.yml']

# (rule, what to replace, by what): mistakes that people make.
BY_HAND = [
    ('slo:events:rate5m', '"good|bad"', '"good|bad|excluded"'),
    ('slo:bad_events:rate5m', '"bad"', '"bad|excluded"'),
    ('slo:events:rate5m', 'sum by (slo) (rate(', 'sum by (slo, instance) (rate('),
    ('slo:error_ratio:rate1d', 'sum_over_time(slo:bad_events:rate5m[1d]) / (sum_over_time(slo:events:rate5m[1d]) > 0)',
     'avg_over_time(slo:error_ratio:rate5m[1d])'),
    ('slo:error_ratio:rate3d', 'sum_over_time(slo:bad_events:rate5m[3d]) / (sum_over_time(slo:events:rate5m[3d]) > 0)',
     'avg_over_time(slo:error_ratio:rate5m[3d])'),
    ('slo:error_ratio:rate30d', 'sum_over_time(slo:bad_events:rate5m[30d]) / (sum_over_time(slo:events:rate5m[30d]) > 0)',
     'avg_over_time(slo:error_ratio:rate5m[30d])'),
    ('slo:objective:ratio', 'max_over_time(slo_objective_ratio{job="sidelight"}[5m])', 'slo_objective_ratio{job="sidelight"}'),
    ('slo:error_budget:ratio', 'clamp_min(1 - slo:objective:ratio, 1e-9)', '1 - slo:objective:ratio'),
    ('ContactReceived', 'contact:submissions:sum - min_over_time(contact:submissions:sum[1h])', 'increase(contact:submissions:sum[1h])'),
    ('contact:submissions:sum', 'sum by (job, instance) (contact_submissions_total{job="sidelight"})',
     'contact_submissions_total{job="sidelight"}'),
    ('ContactReceived', 'process_start_time_seconds > scalar(min_over_time(vector(time())[1h:1m]))',
     '(contact:submissions:sum unless contact:submissions:sum offset 1h)'),
    ('sidelight:start_time:max', 'max_over_time(process_start_time_seconds{job="sidelight"}[15m])',
     'process_start_time_seconds{job="sidelight"}'),
    ('SidelightRestarting', 'sidelight:start_time:max', 'process_start_time_seconds{job="sidelight"}'),
    ('EventLoopStalled', '(rate(event_loop_lag_seconds_count[5m]) / 2 + rate(event_loop_lag_seconds_sum[5m]))',
     'rate(event_loop_lag_seconds_count[5m]) / 2'),
    ('gateway:errors:increase5m', 'increase(gateway:errors:sum[5m])',
     'sum by (job, instance, server) (increase(caddy_http_request_duration_seconds_count{job="caddy",code=~"5.."}[5m]))'),
    ('gateway:errors:sum', '"5.."', '"4..|5.."'),
    ('gateway:errors:sum', 'max without (handler) (', '('),
    ('gateway:requests:sum', 'max by (job, instance, server) (', 'sum by (job, instance, server) ('),
    ('SidelightDown', 'absent(up{job="sidelight"} == 1)', 'max by (job) (up{job="sidelight"}) == 0'),
    ('TunnelDown', 'unless on (job) ', 'or '),
    ('DescriptorsLow', '(process_max_fds > 0)', 'process_max_fds'),
    ('compat:main_status:info', 'topk by (instance, method, path) (1, flask_http_request_duration_seconds_count)',
     'flask_http_request_duration_seconds_count'),
]

# Mutants that mean the same as the original: their description, and why.
EQUIVALENT = {
    f'slo:burn_rate:{name}: without window': "the expression's result has this label, too; promtool check rules wants it here"
    for name in ('page (1h)', 'page (6h)', 'ticket (1d)', 'ticket (3d)')
} | {
    f'flask_http_request_duration_seconds_{part}: ) * -> /': 'what it is multiplied by is 1' for part in ('sum', 'bucket')
} | {
    'Watchdog: keep_firing_for: 5m': 'it always fires',
}

TOKEN = re.compile(r'''\s+ | "(?:\\.|[^"\\])*" | \[[^]]*\] | \{[^}]*\} | [A-Za-z_:][\w:]* | (?:\d+\.?\d*(?:e-?\d+)?|\.\d+)
                       | == | != | >= | <= | . ''', re.VERBOSE)
DURATION = re.compile(r'(\d+)([smhd])')
IN_NAME = re.compile(r'(?<=rate|ease)(5m|30m|1h|2h|6h|1d|3d|30d)$')
WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d', '30d']
COMPARE = {'>': ['<'], '<': ['>'], '>=': ['<', '>'], '<=': ['>', '<'], '==': ['!='], '!=': ['==']}
ARITHMETIC = {'+': '-', '-': '+', '*': '/', '/': '*'}
RENAME = {'sum': ['max', 'avg'], 'max': ['min', 'sum'], 'min': ['max'], 'rate': ['increase'], 'increase': ['rate'],
          'max_over_time': ['min_over_time'], 'min_over_time': ['max_over_time'], 'sum_over_time': ['max_over_time'],
          'clamp_min': ['clamp_max'], 'changes': ['resets'], 'topk': ['bottomk'], 'count': ['sum', 'max']}
SET = {'and', 'or', 'unless'}


# --- mutants of an expression: pairs of a description and the new text

def tokens_of(expr):
    return [token for token in TOKEN.findall(expr)]


def replaced(tokens, i, new):
    return ''.join(tokens[:i] + [new] + tokens[i + 1:])


def expr_mutants(expr):
    tokens = tokens_of(expr)
    if ''.join(tokens) != expr:
        sys.exit(f'mutate: cannot read {expr}')
    words = [i for i, token in enumerate(tokens) if token.strip()]
    for n, i in enumerate(words):
        token = tokens[i]
        after = tokens[words[n + 1]] if n + 1 < len(words) else ''
        before = tokens[words[n - 1]] if n else ''
        for new in changed_token(token, before, after):
            if token in ('rate', 'increase') and compared_with_zero(tokens, words[n + 1]):
                continue
            if tokens[words[n - 2]] == 'vector':
                continue
            yield f'{before} {token} -> {new}'.strip(), replaced(tokens, i, new)
        if token in SET:
            yield from without_operand(tokens, i)
    yield from without_label(tokens, words)


def changed_token(token, before, after):
    if token[0] == '{':
        yield from changed_matchers(token)
    elif token[0] == '[':
        yield from changed_durations(token)
    elif token[0] == '"':
        yield '"mutant"'
    elif token in COMPARE:
        yield from COMPARE[token]
        if token == '>' and after == '0':
            yield '>='
    elif token in ARITHMETIC and before not in ('', '('):
        yield ARITHMETIC[token]
    elif re.fullmatch(r'[\d.]+(e-?\d+)?', token):
        yield from changed_number(token, after)
    elif after in ('(', 'by', 'without'):
        yield from RENAME.get(token, [])
    elif IN_NAME.search(token):
        now = IN_NAME.search(token)[0]
        yield IN_NAME.sub(WINDOWS[(WINDOWS.index(now) + 1) % len(WINDOWS)], token)


def compared_with_zero(tokens, opening):
    """Whether what a function with this opening parenthesis gives is only asked for its sign, which is the same in all units."""
    depths = depth_after(tokens)
    end = next(i for i in range(opening + 1, len(tokens)) if depths[i] == depths[opening])
    return re.match(r'\)\s*(>|==) 0\b', ''.join(tokens[end:])) is not None


def changed_number(token, after):
    value = float(token)
    if after == ',':
        return [f'{value + 1:g}', f'{value - 1:g}']
    if value == 0:
        return ['1', '-1']
    if 'e' in token:
        return [repr(value * 10), repr(value / 10)]
    # Counts are compared with a half: the limit is the whole number above it.
    if token.endswith('.5') and value > 1:
        return [str(value + 1), str(value - 1)]
    return [f'{value * 1.2:.6g}', f'{value * 0.8:.6g}']


def changed_durations(token):
    for match in DURATION.finditer(token):
        for new in (f'{int(match[1]) * 2}{match[2]}', half(match[1], match[2])):
            yield token[:match.start()] + new + token[match.end():]


def half(number, unit):
    seconds = int(number) * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[unit]
    return f'{seconds // 2}s'


def changed_matchers(token):
    matchers = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', token)
    for i, (label, op, value) in enumerate(matchers):
        others = matchers[:i] + matchers[i + 1:]
        news = [None, (label, {'=': '!=', '!=': '=', '=~': '!~', '!~': '=~'}[op], value), (label, op, value + 'x')]
        parts = value.split('|')
        news += [(label, op, '|'.join(parts[:k] + parts[k + 1:])) for k in range(len(parts)) if len(parts) > 1]
        if value.endswith('.'):
            news += [(label, op, value[:-1] + '0'), (label, op, '.' + value[1:])]
        for new in news:
            yield '{' + ','.join('%s%s"%s"' % m for m in others + ([new] if new else [])) + '}'


def depth_after(tokens):
    """How deep in parentheses each token stands."""
    depths, depth = [], 0
    for token in tokens:
        depth -= token == ')'
        depths.append(depth)
        depth += token == '('
    return depths


def without_operand(tokens, i):
    """The expression without what stands right of the operator at i, and without what stands left of it."""
    depths = depth_after(tokens)
    ends = {'or'} if tokens[i] == 'or' else SET
    right = i + 1
    while right < len(tokens) and depths[right] >= depths[i] and not (depths[right] == depths[i] and tokens[right] in ends):
        right += 1
    left = i - 1
    while left >= 0 and depths[left] >= depths[i] and not (depths[left] == depths[i] and tokens[left] in ends | {'or'}):
        left -= 1
    operator = re.sub(r'\s+', ' ', ''.join(tokens[i:right])).strip()
    yield f'without: {operator}', ''.join(tokens[:i] + tokens[right:])
    # What remains of `and on (slo) X` is X.
    start = i + 1
    rest = ''.join(tokens[start:right])
    rest = re.sub(r'^\s*(on|ignoring)\s*\([^)]*\)', '', rest)
    if tokens[i] != 'unless':
        yield f'only: {operator}', ''.join(tokens[:left + 1]) + ' ' + rest + ''.join(tokens[right:])
    other = {'and': 'unless', 'or': 'and', 'unless': 'and'}[tokens[i]]
    yield f'{other} instead of: {operator}', replaced(tokens, i, other)


def without_label(tokens, words):
    """Each label of by (...), on (...), ... left out."""
    for n, i in enumerate(words):
        if tokens[i] not in ('by', 'without', 'on', 'ignoring', 'group_left') or tokens[words[n + 1]] != '(':
            continue
        start, end = words[n + 1], tokens.index(')', i)
        labels = [token for token in tokens[start + 1:end] if token.strip() and token != ',']
        for label in labels:
            left = ', '.join(other for other in labels if other != label)
            yield f'{tokens[i]} ({", ".join(labels)}) without {label}', ''.join(tokens[:start + 1]) + left + ''.join(tokens[end:])


# --- mutants of a rule: pairs of a description and the new rule (None: left out)

def rule_mutants(rule):
    def but(**changes):
        new = copy.deepcopy(rule)
        for key, value in changes.items():
            new[key] = value
            if value is None:
                del new[key]
        return new
    kind = 'alert' if 'alert' in rule else 'record'
    yield 'left out', None
    yield 'renamed', but(**{kind: rule[kind] + '_mutant'})
    seen = {rule['expr']}
    for what, expr in expr_mutants(rule['expr']):
        if expr not in seen:
            seen.add(expr)
            yield what, but(expr=expr)
    for name, old, new in BY_HAND:
        if name == rule[kind] and old in rule['expr'] and rule['expr'].replace(old, new) not in seen:
            yield f'{old} -> {new}', but(expr=rule['expr'].replace(old, new))
    for key in ('for', 'keep_firing_for') if kind == 'alert' else ():
        match = DURATION.fullmatch(rule.get(key, ''))
        for value in (None, f'{int(match[1]) * 2}{match[2]}', half(match[1], match[2])) if match else ('5m',):
            yield f'{key}: {value}', but(**{key: value})
    for part in ('labels', 'annotations'):
        for key, value in rule.get(part, {}).items():
            rest = {k: v for k, v in rule[part].items() if k != key}
            yield f'without {key}', but(**{part: rest})
            if part == 'labels':
                yield f'another {key}', but(**{part: {**rest, key: value + 'x'}})
            for k, action in enumerate(re.findall(r'\{\{.*?\}\}', value)):
                if 'end' not in action and 'else' not in action and ' if ' not in action and ' with ' not in action:
                    yield f'{key} without {action}', but(**{part: {**rest, key: value.replace(action, '', 1)}})


class Mutant:
    """Rule `at` of a file's rules, changed; `new` is None when it is left out."""

    def __init__(self, rules, at, what, new):
        rule = rules.rules[at]
        window = rule.get('labels', {}).get('window')
        self.rules, self.at, self.new = rules, at, new
        self.name = name_of(rule)
        self.change = what
        self.text = f'{self.name}{f" ({window})" if window else ""}: {what}'


def name_of(rule):
    return rule.get('alert') or rule['record']


class Rules:
    """The rules of a file, in order, and which of them each one reads."""

    def __init__(self, file):
        self.file = file
        groups = yaml.safe_load((ROOT / file).read_text())['groups']
        self.groups = [{k: v for k, v in group.items() if k != 'rules'} for group in groups]
        self.rules = [rule for group in groups for rule in group['rules']]
        self.group = [g for g, group in enumerate(groups) for _ in group['rules']]
        self.names = {name_of(rule) for rule in self.rules}
        self.reads = [self.named(json.dumps(rule)) for rule in self.rules]

    def named(self, text):
        return set(re.findall(r'[A-Za-z_:][\w:]*', text)) & self.names

    def needed(self, names):
        """The indices of the rules of these names, and of all that those read, directly or not."""
        found, names = set(), set(names)
        while True:
            more = {i for i, rule in enumerate(self.rules) if name_of(rule) in names} - found
            if not more:
                return found
            found |= more
            for i in more:
                names |= self.reads[i]

    def json(self, indices, mutant=None):
        """A rule file of these; JSON is YAML, and quick."""
        groups = [{**group, 'rules': []} for group in self.groups]
        for i in sorted(indices):
            rule = mutant.new if mutant and i == mutant.at else self.rules[i]
            if rule:
                groups[self.group[i]]['rules'].append(rule)
        return json.dumps({'groups': [group for group in groups if group['rules']]})


def all_mutants():
    used = set()
    for rules in map(Rules, FILES):
        for at, rule in enumerate(rules.rules):
            used |= {(n, old) for n, old, _ in BY_HAND if n == name_of(rule) and old in rule['expr']}
            for what, new in rule_mutants(rule):
                yield Mutant(rules, at, what, new)
    for name, old, _ in BY_HAND:
        if (name, old) not in used:
            sys.exit(f'mutate: BY_HAND: {name} has no {old}')
