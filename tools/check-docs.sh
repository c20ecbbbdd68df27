#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a setting, metric or route of the tables is not in the docs (and a setting not in sidelight.yaml), or if
# the docs name one that does not exist. A name counts as documented when it stands in `code`.
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
fail() { echo "docs-check: $*"; bad=1; }

spans() { grep -o '`[^`]*`' "$1" | tr -d '`'; }      # the code spans of a document
# both TABLE DOC SPANS: every line of TABLE is one of SPANS, and the other way round
both() {
	[ -s "$tmp/names" ] || fail "$1: no rows found"
	sort -u -o "$tmp/names" "$tmp/names"
	for n in $(sort -u "$tmp/said" | comm -23 "$tmp/names" -); do fail "$n of $1 is not in $2"; done
	for n in $(sort -u "$tmp/doubt" | comm -13 "$tmp/names" -); do fail "$2 names $n, which is not in $1"; done
}

sed -n 's/^CONFIG("\([^"]*\)".*/\1/p' src/config/config_keys.def >"$tmp/names"
spans docs/config.md >"$tmp/said"
# What has the section of a real key and no such key: a typo, or a key that is gone.
sections=$(sed -n 's/[.].*/[.]/p' "$tmp/names" | sort -u | paste -sd'|')
grep -xE "($sections)[a-z_.]+" "$tmp/said" >"$tmp/doubt" || true
both src/config/config_keys.def docs/config.md
awk -f tools/yaml-keys.awk "$tmp/names" sidelight.yaml || bad=1

sed -n 's/^[A-Z]*([A-Z0-9_]*, *"\([^"]*\)".*/\1/p' src/metrics/metrics.def >"$tmp/names"
spans docs/metrics.md | sed 's/{.*//' >"$tmp/said"
grep -xE '[a-z0-9_]+_(total|seconds|bytes|info|ratio)' "$tmp/said" >"$tmp/doubt" || true
both src/metrics/metrics.def docs/metrics.md

grep -o '"/[^"]*"' src/api/routes.c | tr -d '"' >"$tmp/names"
spans docs/api.md | sed -E 's/^(GET|HEAD|POST|PUT|DELETE|OPTIONS) +//' >"$tmp/said"
spans docs/api.md | sed -nE 's/^(GET|HEAD|POST|PUT|DELETE|OPTIONS) +(\/[^ ?]*).*/\2/p' >"$tmp/doubt"
both src/api/routes.c docs/api.md
exit $bad
