#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs one service and tells inner.sh, by its pipe, when it ended. Leaves in STACK_DIR/run: NAME.pid while it runs, then
# NAME.status.
# usage: watch.sh NAME
set -eu
. "$STACK_HOME/tools/stack/common.sh"
. "$STACK_HOME/tools/stack/net.sh"
. "$STACK_HOME/tools/stack/services.sh"

file=$STACK_DIR/run/$1
run_service "$1" >>"$STACK_DIR/log/$1.log" 2>&1 3>&- 9>&- </dev/null &
echo $! >"$file.pid.new"
mv "$file.pid.new" "$file.pid"
{ wait $! && status=0 || status=$?; } 2>/dev/null       # dash says "Killed"
echo $status >"$file.status"
rm "$file.pid"
echo "ended $1 $status" >&3
