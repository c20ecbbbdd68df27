#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails if a rule asks for a series that nothing makes, or by a label that the series has not: such a rule is silent for
ever. Dashboards: check-dashboards.py.
usage: check-rules.py"""
import sys

sys.dont_write_bytecode = True
import promql  # noqa: E402

FOREIGN = ('caddy_', 'prometheus_', 'alertmanager_', 'cloudflared_', 'probe_', 'scrape_')
PROMETHEUS_OWN = {'up', 'ALERTS', 'ALERTS_FOR_STATE'}
# Names that other set-ups use, whose series comes with a later version: until then the rule records nothing.
PROMISED = set()


def faults(metrics, path, rule):
    name = rule.get('record') or rule.get('alert')
    for selector in promql.parse(rule['expr']):
        if selector.name in metrics.labels:
            unknown = set(selector.labels) - metrics.labels_of(selector)
            yield from (f'{path}: {name}: {selector.name} has no label {label}' for label in sorted(unknown))
        elif selector.name not in metrics.recorded | PROMETHEUS_OWN | PROMISED and not selector.name.startswith(FOREIGN):
            yield f'{path}: {name}: no metric {selector.name}'


def main():
    metrics = promql.Metrics()
    found = [fault for path in promql.rule_files() for rule in promql.rules_of(path) for fault in faults(metrics, path, rule)]
    found += [f'{name} is made now: take it out of PROMISED' for name in PROMISED & set(metrics.labels)]
    for fault in found:
        print(f'docs-check: {fault}')
    return bool(found)


if __name__ == '__main__':
    sys.exit(main())
