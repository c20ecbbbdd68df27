# SPDX-License-Identifier: MIT
"""What a PromQL expression asks for (its selectors, each with the calls around it), and which metrics there are.

Used by check-dashboards.py. Reads only as much of the language as that takes; promtool says whether it is PromQL.
"""
import pathlib
import re
from collections import namedtuple

import yaml

TARGET_LABELS = {'job', 'instance'}

# range: what stands in [], or None; calls: from the outermost in; by: the labels of an aggregation, None without `by`.
Selector = namedtuple('Selector', 'name labels range calls')
Call = namedtuple('Call', 'name by')

TOKEN = re.compile(r'''"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [A-Za-z_:][\w:]* | \d[\w.]*
                       | \[[^]]*\] | \{[^}]*\} | \S''', re.VERBOSE)
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"')
KEYWORDS = {'and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan'}
GROUPING = {'by', 'without', 'on', 'ignoring', 'group_left', 'group_right'}


def parse(expr):
    """All selectors of an expression."""
    tokens = TOKEN.findall(expr)
    found, calls, i = [], [], 0
    while i < len(tokens):
        token, after = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ''
        if token in GROUPING:
            i = end_of_list(tokens, i)[1]
        elif token[0].isalpha() or token[0] in '_:':
            if after in ('by', 'without'):
                labels, i = end_of_list(tokens, i + 1)
                calls.append(Call(token, labels if after == 'by' else None))
            elif after == '(':
                calls.append(Call(token, None))
                i += 1
            elif token not in KEYWORDS:
                i = selector(tokens, i, tuple(call for call in calls if call), found)
        elif token == '(':
            calls.append(None)
        elif token == ')':
            calls.pop()
        i += 1
    return found


def end_of_list(tokens, i):
    """tokens[i] is by, on, ...; what is in its parentheses, and where the next token of meaning is, less one."""
    if i + 1 >= len(tokens) or tokens[i + 1] != '(':
        return [], i
    end = tokens.index(')', i)
    labels = [token for token in tokens[i + 2:end] if token != ',']
    opens = tokens[i] in ('by', 'without') and tokens[end + 1:end + 2] == ['(']
    return labels, end + 1 if opens else end


def selector(tokens, i, calls, found):
    """tokens[i] is a metric's name; gives the last token that belongs to it."""
    labels, window, name = {}, None, tokens[i]
    if tokens[i + 1:i + 2] and tokens[i + 1][0] == '{':
        i += 1
        labels = {label: (op, value) for label, op, value in MATCHER.findall(tokens[i])}
    if tokens[i + 1:i + 2] and tokens[i + 1][0] == '[':
        i += 1
        window = tokens[i][1:-1]
    found.append(Selector(name, labels, window, calls))
    return i


def new_labels(expr):
    """The labels that label_replace makes."""
    return set(re.findall(r'label_replace\(.*?, *"(\w+)"', expr))


class Metrics:
    """The metrics of metrics.def and the series of the recording rules."""

    def __init__(self):
        text = pathlib.Path('src/metrics/metrics.def').read_text()
        self.counters, self.labels, self.exemplars, self.recorded = set(), {}, set(), set()
        self.bounds = {}
        for kind, name, row in re.findall(r'^(COUNTER|GAUGE|HISTOGRAM)\(\w+, "(\w+)",(.*?)\)\n', text, re.S | re.M):
            labels = set(re.findall(r'"(\w+)"', row.split('LABELS(')[1])) if ' LABELS(' in row else set()
            for part in ['_bucket', '_sum', '_count'] if kind == 'HISTOGRAM' else ['']:
                self.labels[name + part] = labels | ({'le'} if part == '_bucket' else set())
                if kind != 'GAUGE':
                    self.counters.add(name + part)
            if 'EXEMPLARS' in row:
                self.exemplars.add(name + '_bucket')
            if bounds := re.search(r' BOUNDS_(\w+)', row):
                self.bounds[name + '_bucket'] = bounds_of(bounds[1], re.search(r' (SECONDS|RATIO|DECIMAL),', row))
        for path in rule_files():
            self.recorded |= {rule['record'] for rule in rules_of(path) if 'record' in rule}

    def is_counter(self, name):
        if name in self.labels:
            return name in self.counters
        return re.search('_(total|bucket|sum|count)$', name) is not None

    def labels_of(self, selector):
        """None when they are not ours to know."""
        if selector.name in self.labels:
            return self.labels[selector.name] | TARGET_LABELS
        return {'slo', 'window'} if selector.name.startswith('slo:') else None


def bounds_of(name, is_decimal):
    """The values of le, as the page spells them: 2.5, 4.0, 1e+06."""
    table = pathlib.Path('src/metrics/table.c').read_text()
    row = re.search(rf'bounds_{name.lower()}\[\w+\] = {{([^}}]*)}}', table)[1]
    made = {'+Inf'}
    for cell in filter(None, map(str.strip, row.split(','))):
        # Sums of 7, MS(7) and MS(7) / 7.
        parts = re.findall(r'(MS\()?(\d+)\)?(?: / (\d+))?', cell)
        value = sum(int(n) * (1_000_000 if ms else 1) / int(by or 1) for ms, n, by in parts)
        text = f'{value / 1e9 if is_decimal else value:g}'
        made.add(text if re.search('[.e]', text) else text + '.0')
    return made


def rule_files():
    return [path for path in map(pathlib.Path, ['slo-rules.yml', 'prometheus/compat-rules.yml']) if path.is_file()]


def rules_of(path):
    return [rule for group in yaml.safe_load(path.read_text())['groups'] for rule in group['rules']]
