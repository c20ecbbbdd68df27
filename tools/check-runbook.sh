#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if an alert of slo-rules.yml has no section in the runbook of docs/operations.md, a section has no alert, or they disagree
# on severity and duration; if an alert lacks a summary, a description, or a link that leads to its section and to a dashboard; if a
# link in the documents leads nowhere; and if a page that Caddy shows holds what its templates would run.
set -eu

exec /usr/bin/python3 - <<'EOT'
import json
import pathlib
import re
import sys

import yaml

PAGE = 'docs/operations.md'
SHOWN = sorted(pathlib.Path('docs').glob('*.md'))
DOCUMENTS = SHOWN + [pathlib.Path(name) for name in ('README.md', 'HACKING.md', 'CHANGELOG.md', 'SECURITY.md') if pathlib.Path(name).exists()]
faults = []


def fail(what):
    faults.append(what)


def without_code(text):
    return re.sub(r'`[^`\n]*`', '', re.sub(r'^ *```.*?^ *```', '', text, flags=re.M | re.S))


def headings(text):
    text = re.sub(r'^ *```.*?^ *```', '', text, flags=re.M | re.S)
    return re.findall(r'^#+ +(.+?) *$', text, flags=re.M)


def anchor(heading):
    """As GitHub makes it; Caddy agrees as long as a heading has no underscore."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def check_alert(rule, sections, boards):
    name, notes, labels = rule['alert'], rule.get('annotations', {}), rule.get('labels', {})
    for key in ('summary', 'description', 'runbook_url', 'dashboard_url'):
        if not str(notes.get(key, '')).strip():
            fail(f'slo-rules.yml: {name} has no {key}')
    if not notes.get('runbook_url', '').endswith(f'/runbook#{name.lower()}'):
        fail(f'slo-rules.yml: the runbook_url of {name} does not end in /runbook#{name.lower()}')
    board = re.search(r'/grafana/d/([\w-]+)', notes.get('dashboard_url', ''))
    if not board or board[1] not in boards:
        fail(f'slo-rules.yml: the dashboard_url of {name} leads to no dashboard of grafana/dashboards')
    if name not in sections:
        return fail(f'{PAGE}: no section of the runbook is about {name}')
    first = sections[name].strip().split('\n\n')[0].lower()
    if labels.get('severity') not in re.findall(r'\w+', first):
        fail(f'{PAGE}: the first lines of {name} do not say its severity, {labels.get("severity")}')
    if rule.get('for') and not re.search(rf'\b{rule["for"]}\b', first):
        fail(f'{PAGE}: the first lines of {name} do not say how long it waits, {rule["for"]}')


def check_burn(rule, text):
    """Of slo:burn_rate:page and slo:burn_rate:ticket: the runbook has a row with its limit and windows."""
    burns = re.findall(r'slo:burn_rate:ratio\{window="(\w+)"\} > ([\d.]+)', rule['expr'])
    row = f'| {rule["record"].split(":")[-1]} | {burns[0][1]} | ' + ' | '.join(window for window, _ in burns) + ' |'
    if row not in text:
        fail(f'{PAGE}: ErrorBudgetBurn has no row: {row}')


def check_runbook():
    groups = yaml.safe_load(pathlib.Path('slo-rules.yml').read_text(encoding='utf-8'))['groups']
    alerts = [rule for group in groups for rule in group['rules'] if 'alert' in rule]
    boards = {json.loads(path.read_text(encoding='utf-8'))['uid'] for path in pathlib.Path('grafana/dashboards').glob('*.json')}
    text = pathlib.Path(PAGE).read_text(encoding='utf-8')
    runbook = re.search(r'^## Runbook\n(.*?)(?=^## |\Z)', text, flags=re.M | re.S)
    parts = re.split(r'^### +(.*?) *\n', runbook[1] if runbook else '', flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2]))
    if not alerts:
        fail('slo-rules.yml: no alerts found')
    for rule in alerts:
        check_alert(rule, sections, boards)
    burns = [rule for group in groups for rule in group['rules'] if re.fullmatch('slo:burn_rate:(page|ticket)', rule.get('record', ''))]
    if not burns:
        fail('slo-rules.yml: no slo:burn_rate:page or slo:burn_rate:ticket found')
    for rule in burns:
        check_burn(rule, sections.get('ErrorBudgetBurn', ''))
    for name in parts[1::2]:
        if name not in {rule['alert'] for rule in alerts}:
            fail(f'{PAGE}: the runbook has a section {name}, which is no alert')
        if [anchor(heading) for heading in headings(text)].count(anchor(name)) > 1:
            fail(f'{PAGE}: two headings are called #{anchor(name)}')


def check_links(path):
    text = path.read_text(encoding='utf-8')
    if path in SHOWN and '{{' in text:
        fail(f'{path}: has two opening braces, which Caddy would take for a template')
    for link in re.findall(r'\]\(([^)\s]+)\)', without_code(text)):
        if re.match(r'[a-z]+:', link):
            continue
        name, _, fragment = link.partition('#')
        target = path.parent / name if name else path
        if not target.exists():
            fail(f'{path}: a link leads to {name}, which is not there')
        elif str(path) == PAGE and target.resolve().parent != path.parent.resolve():
            fail(f'{path}: a link leads to {name}, which Caddy does not show beside it')
        elif fragment and fragment not in [anchor(h) for h in headings(target.read_text(encoding='utf-8'))]:
            fail(f'{path}: a link leads to {link}, and there is no such heading')


check_runbook()
for document in DOCUMENTS:
    check_links(document)
for fault in faults:
    print(f'docs-check: {fault}')
sys.exit(bool(faults))
EOT
