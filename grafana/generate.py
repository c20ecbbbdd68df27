#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes dashboards/*.json from the tables in boards.py: there is what is shown, here how Grafana wants it.

usage: generate.py            writes the files
       generate.py --check    only says which of them differ
"""
import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import boards  # noqa: E402  (no __pycache__ in a directory that a container mounts)

OUT = pathlib.Path(__file__).resolve().parent / 'dashboards'
PROMETHEUS = {'type': 'prometheus', 'uid': '${datasource}'}
PAGE_WIDTH = 24
LINE_LENGTH = 120

# Shorthand of the tables. In braces, so that no metric's name can hold one by chance.
SHORT = [
    ('{ROUTE', '{OWN,endpoint=~"$endpoint"'),
    ('{PAGE', '{OWN,page=~"$page"'),
    ('{OWN', '{job="$job",instance=~"$instance"'),
    ('[~]', '[$__rate_interval]'),
]

# One meaning, one colour, on every board. By what a series is called, or by the label whose value names it.
COLOURS = {
    'class': {'1xx': 'text', '2xx': 'green', '3xx': 'blue', '4xx': 'yellow', '5xx': 'red'},
    'outcome': {'good': 'green', 'bad': 'red', 'excluded': 'text'},
    'good': 'green', 'needs improvement': 'orange', 'poor': 'red',
    'p50': 'light-blue', 'p75': 'super-light-blue', 'p95': 'blue', 'p99': 'purple', 'mean': 'light-blue',
    'limit': 'red', 'lost': 'red', 'errors': 'red',
}


def expand(expr):
    for short, whole in SHORT:
        expr = expr.replace(short, whole)
    return expr


# --- a panel's parts ---

def targets(queries, **how):
    return [{'refId': chr(ord('A') + i), 'datasource': PROMETHEUS, 'editorMode': 'code', 'expr': expand(expr),
             'legendFormat': legend, **how}
            for i, (legend, expr) in enumerate(queries.items())]


def thresholds(limits):
    """[(None, 'green'), (0.01, 'red')]: green, and red from 0.01 on."""
    return {'mode': 'absolute', 'steps': [{'value': value, 'color': colour} for value, colour in limits]}


def override(name, properties):
    return {'matcher': {'id': 'byName', 'options': name},
            'properties': [{'id': key, 'value': value} for key, value in properties.items()]}


def fixed(colour):
    return {'color': {'mode': 'fixed', 'fixedColor': colour}}


def overrides(queries):
    """The colours of what these queries show; a limit is a dashed line that no area is drawn under."""
    found = []
    for legend in queries:
        label = re.fullmatch(r'{{(\w+)}}', legend)
        colours = COLOURS.get(label.group(1) if label else legend)
        for name, colour in (colours if isinstance(colours, dict) else {legend: colours}).items():
            if name == 'limit':
                found.append(override(name, {**fixed(colour), 'custom.lineStyle': {'fill': 'dash', 'dash': [8, 8]},
                                             'custom.fillOpacity': 0, 'custom.stacking': {'mode': 'none'}}))
            elif colour:
                found.append(override(name, fixed(colour)))
    return found


# --- what boards.py calls ---

def panel(kind, row, options, defaults, **how):
    made = {'type': kind, 'title': row.title, 'description': row.text, 'datasource': PROMETHEUS,
            'fieldConfig': {'defaults': {'unit': row.unit, **defaults},
                            'overrides': overrides(row.queries) if kind == 'timeseries' else []},
            'options': options, 'targets': targets(row.queries, **how)}
    if row.more.get('link'):
        title, url = row.more['link']
        made['fieldConfig']['defaults']['links'] = [{'title': title, 'url': url}]
    return made


def stat(row):
    """One number, now; with `spark`, its course behind it."""
    spark = row.more.get('spark', False)
    options = {'reduceOptions': {'calcs': ['lastNotNull'], 'fields': '', 'values': False},
               'colorMode': 'value', 'graphMode': 'area' if spark else 'none',
               'textMode': row.more.get('show', 'auto'), 'justifyMode': 'auto', 'orientation': 'auto'}
    defaults = {'color': {'mode': 'thresholds'}, 'thresholds': thresholds(row.more.get('limits', [(None, 'blue')])),
                'mappings': row.more.get('mappings', []), 'noValue': '-'}
    if 'decimals' in row.more:
        defaults['decimals'] = row.more['decimals']
    return panel('stat', row, options, defaults, **({'range': True} if spark else {'instant': True}))


def bars(row):
    """One bar for each series, now."""
    options = {'reduceOptions': {'calcs': ['lastNotNull'], 'fields': '', 'values': False}, 'displayMode': 'basic',
               'orientation': 'horizontal', 'showUnfilled': True, 'valueMode': 'color', 'minVizHeight': 8}
    defaults = {'color': {'mode': 'thresholds'}, 'thresholds': thresholds(row.more.get('limits', [(None, 'blue')])),
                'min': 0, **row.more.get('scale', {})}
    return panel('bargauge', row, options, defaults, instant=True)


def graph(row):
    """Lines over time, or `bars`; `stack`ed; `limits` are drawn as dashed lines, and stay in sight. `sparse`: of events
    that are minutes apart."""
    limits = row.more.get('limits')
    custom = {'drawStyle': 'bars' if row.more.get('bars') else 'line', 'lineWidth': 1, 'showPoints': 'never',
              'fillOpacity': 40 if row.more.get('stack') else 8, 'spanNulls': 60000,
              'stacking': {'mode': 'normal' if row.more.get('stack') else 'none', 'group': 'A'},
              'thresholdsStyle': {'mode': 'dashed' if limits else 'off'}}
    if row.more.get('sparse'):
        custom.update(showPoints='auto', spanNulls=3600000)
    if limits:
        custom['axisSoftMax'] = limits[-1][0] * 1.1
    defaults = {'color': {'mode': 'palette-classic'}, 'custom': custom,
                'thresholds': thresholds(limits or [(None, 'green')])}
    if not row.more.get('signed'):
        defaults['min'] = 0
    defaults.update(row.more.get('scale', {}))
    options = {'legend': {'showLegend': True, 'displayMode': 'table', 'placement': 'bottom',
                          'calcs': ['lastNotNull', 'max']},
               'tooltip': {'mode': 'multi', 'sort': 'desc'}}
    exemplars = {'exemplar': True} if row.more.get('exemplars') else {}
    made = panel('timeseries', row, options, defaults, range=True, **exemplars)
    if row.more.get('bars'):
        # $__rate_interval is a scrape longer than a step: of short steps, each event would be in several bars.
        made['interval'] = '1m'
    if row.more.get('sparse'):
        made['interval'] = '5m'
    return made


def heatmap(row):
    """A histogram over time: the unit is that of its buckets, a cell is so many events a second."""
    options = {'calculate': False, 'cellGap': 1,
               'color': {'mode': 'scheme', 'scheme': 'Oranges', 'exponent': 0.5, 'steps': 64, 'reverse': False},
               'cellValues': {'unit': 'cps'}, 'filterValues': {'le': 1e-9}, 'rowsFrame': {'layout': 'auto'},
               'yAxis': {'unit': row.unit, 'axisPlacement': 'left', 'reverse': False},
               'exemplars': {'color': 'rgba(255,0,255,0.7)'}, 'legend': {'show': True},
               'tooltip': {'mode': 'single', 'yHistogram': True}}
    exemplars = {'exemplar': True} if row.more.get('exemplars') else {}
    made = panel('heatmap', row, options, {'custom': {'scaleDistribution': {'type': 'linear'}}},
                 range=True, format='heatmap', **exemplars)
    # Cells wide enough to see.
    made['maxDataPoints'] = 120
    return made


def table(row):
    """The labels of each series, now."""
    made = panel('table', row, {'showHeader': True, 'cellHeight': 'sm'}, {'custom': {'align': 'left'}},
                 instant=True, format='table')
    shown = row.more['columns']
    made['transformations'] = [
        {'id': 'organize', 'options': {'indexByName': {name: i for i, name in enumerate(shown)}}},
        {'id': 'filterFieldsByName', 'options': {'include': {'names': list(shown)}}}]
    return made


KINDS = {'stat': stat, 'bars': bars, 'graph': graph, 'heatmap': heatmap, 'table': table}


# --- a board ---

def place(rows):
    """Panels flow from left to right, and on to the next line where one is full."""
    panels, x, y, line = [], 0, 0, 0
    for n, row in enumerate(rows, 1):
        if x + row.width > PAGE_WIDTH:
            x, y = 0, y + line
        if row.kind == 'heading':
            made = {'type': 'row', 'title': row.title, 'collapsed': False, 'panels': []}
        else:
            made = KINDS[row.kind](row)
        panels.append({'id': n, **made, 'gridPos': {'x': x, 'y': y, 'w': row.width, 'h': row.height}})
        x, line = x + row.width, row.height
    return panels


def variable(name):
    kind, label, of = boards.VARIABLES[name]
    if kind == 'datasource':
        return {'name': name, 'label': label, 'type': 'datasource', 'query': of, 'hide': 0, 'refresh': 1,
                'current': {'text': 'Prometheus', 'value': 'prometheus'}}
    query = {'qryType': 1, 'query': of, 'refId': 'PrometheusVariableQueryEditor-VariableQuery'}
    made = {'name': name, 'label': label, 'type': 'query', 'datasource': PROMETHEUS, 'definition': of, 'query': query,
            'refresh': 2, 'sort': 1, 'hide': 0, 'multi': kind == 'many', 'includeAll': kind == 'many'}
    if kind == 'many':
        # All is all there ever was in the shown time, also what has gone since.
        made.update(allValue='.+', current={'text': 'All', 'value': '$__all'})
    return made


def annotation(name, colour, expr, mark, title, text):
    """Marks on the time axis."""
    return {'name': name, 'enable': True, 'hide': False, 'iconColor': colour, 'datasource': PROMETHEUS,
            'expr': expand(expr), 'titleFormat': title, 'textFormat': text, 'step': '30s',
            'useValueForTime': mark == 'value'}


def dashboard(board):
    return {'uid': board.uid, 'id': None, 'title': board.title, 'description': board.text, 'tags': ['sidelight'],
            'schemaVersion': 39, 'editable': False, 'graphTooltip': 1, 'timezone': 'browser', 'refresh': '30s',
            'time': {'from': board.since, 'to': 'now'},
            'links': [{'type': 'dashboards', 'title': 'Sidelight', 'tags': ['sidelight'], 'asDropdown': False,
                       'includeVars': True, 'keepTime': True, 'targetBlank': False, 'url': ''}],
            'templating': {'list': [variable(name) for name in board.variables]},
            'annotations': {'list': [annotation(*row) for row in boards.ANNOTATIONS]},
            'panels': place(board.rows)}


# --- files ---

def pretty(value, indent=0):
    """JSON with what fits on a line on one, except that an expression always has its own."""
    whole = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value:
        return whole
    if '"expr"' not in whole and len(whole) + indent <= LINE_LENGTH:
        return whole
    pad = ' ' * (indent + 2)
    if isinstance(value, dict):
        items = [f'{pad}{json.dumps(key)}: {pretty(item, indent + 2)}' for key, item in value.items()]
        return '{\n' + ',\n'.join(items) + '\n' + ' ' * indent + '}'
    return '[\n' + ',\n'.join(pad + pretty(item, indent + 2) for item in value) + '\n' + ' ' * indent + ']'


def main():
    check, bad = sys.argv[1:] == ['--check'], False
    files = {OUT / f'{board.uid}.json': pretty(dashboard(board)) + '\n' for board in boards.BOARDS}
    for path, text in files.items():
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            print(f'{path.relative_to(OUT.parents[1])}: not what grafana/generate.py makes; run it')
            bad = True
    for path in set(OUT.glob('*.json')) - set(files):
        print(f'{path.relative_to(OUT.parents[1])}: of no board in grafana/boards.py')
        bad = True
    return bad


if __name__ == '__main__':
    sys.exit(main())
