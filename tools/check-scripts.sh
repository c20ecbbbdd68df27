#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a shell script does not parse; with shellcheck on the machine, also if that finds an error or a warning.
set -eu

bad=0
for f in $(find tools tests -name '*.sh') .ci/run; do
	case $(head -n 1 "$f") in
	*bash*) bash -n "$f" || bad=1 ;;
	*) sh -n "$f" || bad=1 ;;
	esac
	! command -v shellcheck >/dev/null || shellcheck -S warning -e SC2046,SC2038 "$f" || bad=1
done
exit $bad
