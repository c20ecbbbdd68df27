#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails if a dashboard would not work, or not be read: as far as that shows without a Grafana, which no test here has.

usage: check-dashboards.py            check grafana/ of this directory, and what refers to it
       check-dashboards.py --queries  print every query, for tests: board, panel, kind, expression, with tabs between

Kinds are those of Grafana's requests: `range`, `instant`, `exemplar`, `annotation`, `variable` (its name is the panel).
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

sys.dont_write_bytecode = True
import promql  # noqa: E402

WIDTH = 24
UNITS = {'none', 'short', 'percentunit', 's', 'bytes', 'Bps', 'reqps', 'cps'}
KINDS = {'row', 'stat', 'bargauge', 'timeseries', 'heatmap', 'table'}
BUILT_IN = {'__range', '__rate_interval', '__interval'}
RATES = {'rate', 'increase'}
RED = {'5xx', 'bad', 'poor', 'errors', 'lost', 'limit'}
# Metrics of others, and what Prometheus makes itself.
FOREIGN = re.compile(r'(caddy|cloudflared|prometheus|alertmanager|probe|scrape)_\w+|up|ALERTS')
# How selectors of our own metrics are narrowed to what was chosen.
OWN = {'job': ('=', '$job'), 'instance': ('=~', '$instance')}
DATASOURCE = {'type': 'prometheus', 'uid': '${datasource}'}

faults = []


def fault(where, what):
    faults.append(f'{where}: {what}')


# --- expressions ---

def strings(value):
    """Every string in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def check_expr(where, expr, metrics, instant=False):
    if expr != ' '.join(expr.split()):
        fault(where, f'write the expression with single spaces: {expr}')
    selectors = promql.parse(expr)
    labels = [metrics.labels_of(s) for s in selectors]
    made = promql.new_labels(expr).union(*filter(None, labels))
    ours = None not in labels
    for s in selectors:
        check_selector(where, s, metrics, OWN)
        check_window(where, s, metrics, instant)
        for call in s.calls:
            for label in set(call.by or ()) - made if ours else ():
                fault(where, f'{call.name} by {label}: no metric here has that label')
    return selectors


def check_selector(where, s, metrics, own):
    known = metrics.labels_of(s)
    if s.name not in metrics.labels and s.name not in metrics.recorded and not FOREIGN.fullmatch(s.name):
        # Rules that are not there yet can't be asked.
        if ':' not in s.name or metrics.recorded:
            fault(where, f'no metric {s.name}')
    for label in set(s.labels) - known if known else ():
        fault(where, f'{s.name} has no label {label}')
    if s.name in metrics.labels and not own.items() <= s.labels.items():
        wanted = ','.join(f'{label}{op}"{value}"' for label, (op, value) in own.items())
        fault(where, f'{s.name}: not narrowed to {wanted}')
    # Of another bound there is no series, and so no number.
    bounds = metrics.bounds.get(s.name, set())
    if bounds and s.labels.get('le', ('=', '+Inf')) not in {('=', le) for le in bounds}:
        fault(where, f'{s.name}: le must be = and one of {" ".join(sorted(bounds))}')
    if FOREIGN.fullmatch(s.name) and '_' in s.name and 'job' not in s.labels:
        fault(where, f'{s.name}: of which job?')


def check_window(where, s, metrics, instant):
    inner = s.calls[-1].name if s.calls else ''
    if metrics.is_counter(s.name) and inner not in RATES:
        fault(where, f'the counter {s.name} without rate')
    if inner in RATES and not metrics.is_counter(s.name):
        fault(where, f'{inner} of {s.name}, which is no counter')
    allowed = ['$__rate_interval'] + (['$__range'] if instant else [])
    if s.range is not None and s.range not in allowed:
        fault(where, f'{s.name}[{s.range}]: write [{allowed[0]}]')
    quantile = any(call.name == 'histogram_quantile' for call in s.calls)
    if is_histogram(s) != quantile and quantile:
        fault(where, f'histogram_quantile of {s.name}, which is no bucket')
    if is_histogram(s) and not any('le' in (call.by or ()) for call in s.calls):
        fault(where, f'{s.name}: not summed by le')


def is_histogram(s):
    """All of its buckets; one of them is a counter like others."""
    return s.name.endswith('_bucket') and 'le' not in s.labels


def check_legend(where, target, selectors, metrics):
    if not target.get('legendFormat'):
        fault(where, 'no legend')
    for label in re.findall(r'{{(\w+)}}', target.get('legendFormat', '')):
        if not any(label in kept for kept in (labels_kept(s, metrics) for s in selectors)):
            fault(where, f'the legend names {label}, which no series has')


class Any:
    def __contains__(self, _):
        return True


def labels_kept(s, metrics):
    """The labels that are left of a selector's, when all is calculated."""
    for call in s.calls:
        if call.name in ('sum', 'min', 'max', 'avg', 'count'):
            return call.by or ()
    return metrics.labels_of(s) or Any()


def check_syntax(board_queries):
    """By promtool, as rules, with values for the variables."""
    rules, where = [], {}
    for n, (board, panel, _, expr) in enumerate(board_queries):
        expr = re.sub(r'\[\$\w+\]', '[5m]', expr)
        rules.append({'record': f'query:{n}', 'expr': expr})
        where[str(n)] = f'{board}: {panel}'
    with tempfile.NamedTemporaryFile('w', suffix='.yml') as file:
        yaml.safe_dump({'groups': [{'name': 'dashboards', 'rules': rules}]}, file)
        file.flush()
        run = subprocess.run(['promtool', 'check', 'rules', file.name], capture_output=True, text=True, check=False)
    for number, what in re.findall(r'"query:(\d+)": (.*)', run.stdout + run.stderr):
        fault(where[number], what)
    if run.returncode and not faults:
        fault('promtool', run.stderr.strip())


# --- panels ---

def check_panel(where, panel, metrics):
    if panel['type'] not in KINDS:
        fault(where, f'a panel of type {panel["type"]}, which nothing here checks')
    text = panel.get('description', '')
    if not re.fullmatch(r'[^\n]{10,110}\.', text):
        fault(where, 'needs a description: a sentence, one line')
    defaults = panel['fieldConfig']['defaults']
    if defaults.get('unit') not in UNITS:
        fault(where, f'the unit {defaults.get("unit")} is none of {" ".join(sorted(UNITS))}')
    if panel['type'] == 'heatmap' and panel['options']['yAxis'].get('unit') != defaults.get('unit'):
        fault(where, 'the unit of the axis is another')
    if 'thresholds' in defaults:
        check_thresholds(where, defaults['thresholds']['steps'])
    if panel['type'] == 'timeseries' and not panel['options']['legend']['showLegend']:
        fault(where, 'hides its legend')
    check_colours(where, panel)
    refs = [target['refId'] for target in panel['targets']]
    if not refs or len(set(refs)) < len(refs):
        fault(where, 'needs queries, each with its own refId')
    for target in panel['targets']:
        check_target(where, panel, target, metrics)


def check_thresholds(where, steps):
    values = [step['value'] for step in steps]
    if not values or values[0] is not None:
        fault(where, 'the first threshold must be null: the colour below the others')
    rest = values[1:]
    if None in rest or any(a >= b for a, b in zip(rest, rest[1:])):
        fault(where, f'thresholds do not rise: {rest}')


def check_colours(where, panel):
    fixed = {o['matcher']['options']: p['value']['fixedColor'] for o in panel['fieldConfig']['overrides']
             for p in o['properties'] if p['id'] == 'color'}
    for name, colour in fixed.items():
        if (name in RED) != (colour == 'red'):
            fault(where, f'{name} is {colour}: red is for {" ".join(sorted(RED))}, and only for them')
    if fixed and panel['type'] != 'timeseries':
        fault(where, 'a fixed colour hides the thresholds')
    if panel['type'] == 'timeseries':
        for name in {target.get('legendFormat') for target in panel['targets']} & RED - set(fixed):
            fault(where, f'{name} must be red')


def check_target(where, panel, target, metrics):
    instant, kind = target.get('instant', False), panel['type']
    selectors = check_expr(where, target['expr'], metrics, instant)
    if instant == target.get('range', False):
        fault(where, 'a query is either instant or range')
    if (target.get('format') == 'heatmap') != (kind == 'heatmap'):
        fault(where, 'heatmaps, and only they, need the format heatmap')
    if kind in ('timeseries', 'heatmap') and instant:
        fault(where, 'an instant query has no course over time')
    carry = any(is_histogram(s) and s.name in metrics.exemplars for s in selectors)
    if (carry and kind in ('timeseries', 'heatmap')) != target.get('exemplar', False):
        fault(where, 'exemplars must be on exactly where the metric carries them')
    for s in selectors:
        quantile = any(call.name == 'histogram_quantile' for call in s.calls)
        if is_histogram(s) and quantile == (kind == 'heatmap'):
            fault(where, f'{s.name}: buckets are for heatmaps and histogram_quantile')
    if kind != 'table':
        check_legend(where, target, selectors, metrics)


# --- boards ---

def check_grid(where, panels):
    """Every cell of every line is one panel's: no overlap, no hole, nothing off the page."""
    cells = {}
    for panel in panels:
        g = panel['gridPos']
        if g['x'] < 0 or g['y'] < 0 or g['w'] < 1 or not 1 <= g['h'] <= 20 or g['x'] + g['w'] > WIDTH:
            fault(where, f'{panel["title"]} is off the page: {g}')
        for cell in ((x, y) for x in range(g['x'], g['x'] + g['w']) for y in range(g['y'], g['y'] + g['h'])):
            if cells.setdefault(cell, panel['title']) != panel['title']:
                fault(where, f'{panel["title"]} overlaps {cells[cell]}')
                break
    height = max((y + 1 for _, y in cells), default=0)
    for y in range(height):
        if (width := sum((x, y) in cells for x in range(WIDTH))) < WIDTH:
            fault(where, f'line {y} of the page is {width} of {WIDTH} wide')
            break


def check_variables(where, board, metrics):
    declared = []
    for v in board['templating']['list']:
        if v['type'] == 'query':
            if not (query := re.fullmatch(r'label_values\((.*), (\w+)\)', v['query']['query'])):
                fault(where, f'the variable {v["name"]} is no label_values(series, label)')
                continue
            own = {'job': OWN['job']} if 'job' in declared else {}
            for s in promql.parse(query[1]):
                check_selector(f'{where}: variable {v["name"]}', s, metrics, own)
                if query[2] not in (metrics.labels_of(s) or ()):
                    fault(where, f'the variable {v["name"]}: {s.name} has no label {query[2]}')
            for name in set(variables_in(query[1])) - set(declared):
                fault(where, f'the variable {v["name"]} uses {name}, which comes after it')
        declared.append(v['name'])
    if declared[:1] != ['datasource']:
        fault(where, 'the first variable must be datasource')
    used = {name for text in strings(board) for name in variables_in(text)}
    for name in sorted(used - set(declared) - BUILT_IN):
        fault(where, f'no variable {name}')
    for name in sorted(set(declared) - used):
        fault(where, f'the variable {name} is not used')


def variables_in(text):
    """Grafana's three spellings; ${1} is a group of a regular expression."""
    names = re.findall(r'\$(\w+)|\$\{(\w+)|\[\[(\w+)', text)
    return [name for name in map(''.join, names) if not name.isdigit() and name != '__all']


def check_datasources(where, value):
    if isinstance(value, dict):
        if value.get('datasource', DATASOURCE) != DATASOURCE:
            fault(where, f'the data source must be the variable: {value["datasource"]}')
        if 'datasource' not in value and ('expr' in value or value.get('targets') or 'definition' in value):
            fault(where, f'no data source: {value.get("title") or value.get("expr") or value.get("name")}')
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        check_datasources(where, item)


def check_board(path, board, boards, metrics):
    where = path.stem
    if board.get('uid') != path.stem:
        fault(where, f'the file must be named for its uid {board.get("uid")}')
    if 'id' not in board or board['id'] is not None:
        fault(where, 'id must be null: Grafana gives it')
    if board.get('schemaVersion') != 39:
        fault(where, 'schemaVersion must be 39')
    if board.get('tags') != ['sidelight'] or [link.get('tags') for link in board['links']] != [['sidelight']]:
        fault(where, 'must have the tag sidelight, and one link: to all with that tag')
    if not board.get('description') or not board.get('title'):
        fault(where, 'needs a title and a description')
    panels = [panel for panel in board['panels'] if panel['type'] != 'row']
    for key in 'id', 'title':
        values = [panel.setdefault(key, '') for panel in board['panels']]
        if '' in values:
            fault(where, f'a panel without {key}')
        for value in sorted({str(value) for value in values if values.count(value) > 1}):
            fault(where, f'two panels have the {key} {value}')
    check_grid(where, board['panels'])
    check_variables(where, board, metrics)
    check_datasources(where, board)
    for panel in panels:
        check_panel(f'{where}: {panel["title"]}', panel, metrics)
    for a in board['annotations']['list']:
        check_expr(f'{where}: annotation {a["name"]}', a['expr'], metrics)
    check_links(where, strings(board), boards)


def check_links(where, texts, boards):
    for text in texts:
        for uid in re.findall(r'/d/([\w-]+)', text):
            if uid not in boards:
                fault(where, f'a link to the dashboard {uid}, which is none')


# --- what Grafana starts with, and the rules that link to it ---

def headings(path):
    """The anchors of a page, as Caddy's markdown makes them."""
    lines = re.findall(r'^#+ +(.*)$', path.read_text(), re.M)
    return {re.sub(r'[^\w-]', '', line.lower().replace(' ', '-')) for line in lines}


def check_sources(path, uids):
    made = {source['uid']: source for source in yaml.safe_load(path.read_text())['datasources']}
    for uid, source in made.items():
        if source.get('access') != 'proxy' or source.get('editable') is not False:
            fault(path, f'{uid} must be read by Grafana (access: proxy), and not editable')
    for uid in uids - set(made):
        fault(path, f'no data source {uid}')
    data = made.get('prometheus', {}).get('jsonData', {})
    scrape = yaml.safe_load(pathlib.Path('prometheus/prometheus.yml').read_text())['global']['scrape_interval']
    if data.get('timeInterval') != scrape:
        fault(path, f'timeInterval must be the scrape_interval of prometheus.yml, {scrape}')
    if data.get('httpMethod') != 'POST' or data.get('alertmanagerUid') not in made:
        fault(path, 'prometheus must be asked by POST, and name the alertmanager')
    exemplars = data.get('exemplarTraceIdDestinations', [])
    if [to.get('name') for to in exemplars] != ['correlation_id']:
        fault(path, 'exemplars must link by correlation_id')
    for to in exemplars:
        if ('url' in to) == ('datasourceUid' in to) or to.get('datasourceUid', 'prometheus') not in made:
            fault(path, 'an exemplar links to a url or to a data source that is here')
        if '$${__value.raw}' not in to.get('url', '$${__value.raw}'):
            fault(path, 'the url needs $${__value.raw}, with two $: Grafana replaces ${...} by the environment')
        check_anchor(path, to.get('url', ''))


def check_anchor(where, text):
    page = pathlib.Path('docs/operations.md')
    for anchor in re.findall(r'/runbook[^#\s]*#([\w-]+)', text):
        if page.is_file() and anchor not in headings(page):
            fault(where, f'a link to #{anchor}, which is no heading of {page}')


def check_provider(path):
    for provider in yaml.safe_load(path.read_text())['providers']:
        if provider.get('allowUiUpdates') is not False or provider.get('disableDeletion') is not True:
            fault(path, 'the dashboards are files: allowUiUpdates false, disableDeletion true')
        compose = pathlib.Path('compose.yaml')
        mount = f'./grafana/dashboards:{provider["options"]["path"]}:ro'
        if compose.is_file() and mount not in compose.read_text():
            fault(path, f'compose.yaml does not mount {mount}')


def check_rule_links(boards):
    """An alert links to a board that is there, and shows something of what the alert is about."""
    rules = [rule for path in promql.rule_files() for rule in promql.rules_of(path)]
    made_of = {rule['record']: promql.parse(rule['expr']) for rule in rules if 'record' in rule}
    shown = {uid: {s.name for query in queries({uid: board}) if query[2] != 'variable' for s in promql.parse(query[3])}
             for uid, board in boards.items()}
    for rule in (rule for rule in rules if 'alert' in rule):
        where, texts = f'alert {rule["alert"]}', strings(rule.get('annotations', {}))
        check_links(where, texts, boards)
        check_anchor(where, ' '.join(texts))
        names = {s.name for s in promql.parse(rule['expr'])}
        while more := {s.name for name in names & set(made_of) for s in made_of[name]} - names:
            names |= more
        for uid in re.findall(r'/d/([\w-]+)', ' '.join(texts)):
            if names and not names & shown.get(uid, names):
                fault(where, f'the dashboard {uid} shows none of {" ".join(sorted(names))}')


# --- all of it ---

def queries(boards):
    for uid, board in boards.items():
        for v in board['templating']['list']:
            if v['type'] == 'query':
                yield uid, v['name'], 'variable', v['query']['query']
        for a in board['annotations']['list']:
            yield uid, a['name'], 'annotation', a['expr']
        for panel in board['panels']:
            for target in panel.get('targets', []):
                title = panel.get('title', '')
                yield uid, title, 'instant' if target.get('instant') else 'range', target['expr']
                if target.get('exemplar'):
                    yield uid, title, 'exemplar', target['expr']


def main():
    paths = sorted(pathlib.Path('grafana/dashboards').glob('*.json'))
    boards = {path.stem: json.loads(path.read_text()) for path in paths}
    every = list(queries(boards))
    if sys.argv[1:] == ['--queries']:
        print('\n'.join('\t'.join(query) for query in every))
        return 0
    run = subprocess.run(['grafana/generate.py', '--check'], capture_output=True, text=True, check=False)
    for line in (run.stdout + run.stderr).splitlines():
        faults.append(line)
    metrics = promql.Metrics()
    if not boards or not metrics.counters:
        fault('dashboards', 'there are none, or no metrics')
    for path in paths:
        check_board(path, boards[path.stem], boards, metrics)
    check_syntax([query for query in every if query[2] != 'variable'])
    sources = {source for board in boards.values() for source in ['prometheus', 'alertmanager']}
    check_sources(pathlib.Path('grafana/provisioning/datasources/datasources.yaml'), sources)
    check_provider(pathlib.Path('grafana/provisioning/dashboards/dashboards.yaml'))
    check_rule_links(boards)
    for line in faults:
        print(f'dashboards: {line}')
    return bool(faults)


if __name__ == '__main__':
    sys.exit(main())
