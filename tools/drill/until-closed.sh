#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command until it ends by itself, or standard input does: a pipe that its owner closes, or loses with its life. A signal would
# not do: it does not cross into the networks of the stack.
# usage: until-closed.sh COMMAND...
set -u

"$@" </dev/null &
command=$!
cat >/dev/null
kill -TERM $command 2>/dev/null
wait $command 2>/dev/null
exit 0
