#!/bin/sh
# SPDX-License-Identifier: MIT
# First in a new world (unshare, see outer.sh): gives it what a small host has, then becomes the command.
# usage: world.sh COMMAND...
set -eu

# This process, as the host numbers it: /proc is still the host's.
read -r STACK_PID _ </proc/self/stat
STACK_WORLD=1
export STACK_PID STACK_WORLD

# Some containers allow no second /proc; their own does for most things.
mount -t proc proc /proc 2>/dev/null || :
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/stack
ip link set lo up

# Names come from the namespace's own resolver and from nowhere else. Each namespace has one on this address, so all
# share this file.
cat >/run/stack/resolv.conf <<-END
	nameserver 127.0.0.11
	options ndots:0
END
echo '127.0.0.1 localhost' >/run/stack/hosts
echo 'hosts: files dns' >/run/stack/nsswitch.conf
for f in resolv.conf hosts nsswitch.conf; do
	file=$(readlink -m "/etc/$f")
	case $file in
	/run/*) mkdir -p "${file%/*}" && : >>"$file" ;;     # what it pointed to went with the old /run
	esac
	if [ -e "$file" ]; then
		mount --bind "/run/stack/$f" "$file"
	elif [ $f = resolv.conf ]; then
		echo "there is no /etc/resolv.conf to mount another one over" >&2
		exit 1
	fi
done
exec "$@"
