#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if promtool refuses the rules, or one of their tests fails. Whether the tests would notice a change: tests/rules/mutate.py.
set -eu

out=$(mktemp)
trap 'rm -f "$out"' EXIT
promtool check rules slo-rules.yml prometheus/compat-rules.yml >"$out" 2>&1 || { cat "$out"; exit 1; }
cd tests/rules
set -- *.yml
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 promtool test rules >"$out" 2>&1 || { grep -v '^ *SUCCESS$' "$out"; exit 1; }
echo "rules-check: $# files of tests passed"
