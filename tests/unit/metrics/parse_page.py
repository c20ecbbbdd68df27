# SPDX-License-Identifier: MIT
"""Reads a page of metrics with the parsers of Debian's python3-prometheus-client.

    parse_page.py text|openmetrics < page

Prints one line a sample: name, then each label and its value, in hex. A page that is not one ends in a traceback.
Run it with /usr/bin/python3: the one on the PATH may lack the package.
"""
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

parse = {"text": parser, "openmetrics": openmetrics}[sys.argv[1]].text_string_to_metric_families
page = sys.stdin.buffer.read().decode("utf-8")
for family in parse(page):
    for sample in family.samples:
        labels = ["%s=%s" % (name, value.encode("utf-8").hex()) for name, value in sample.labels.items()]
        print(sample.name, *labels, "exemplar" if sample.exemplar else "")
