# SPDX-License-Identifier: MIT
# yaml-keys.awk NAMES FILE: fails unless every dotted name of NAMES is a key of the nested FILE, live or
# commented out, and every live key of FILE is in NAMES. Prose in comments is told apart by not being a name.
NR == FNR {
	key[$0] = 1
	for (n = $0; sub(/[.][^.]*$/, "", n);)
		section[n] = 1
	next
}
{
	line = $0
	live = !sub(/^ *# ?/, substr(line, 1, index(line, "#") - 1), line)
}
line ~ /^ *[a-z_]+:( |$)/ {
	match(line, /^ */); indent = RLENGTH
	name = substr(line, indent + 1); sub(/:.*/, "", name)
	while (depth && indents[depth] >= indent)
		depth--
	path = depth ? names[depth] "." name : name
	if (path in key)
		found[path] = 1
	else if (path in section) {
		indents[++depth] = indent; names[depth] = path
	} else if (live) {
		print "docs-check: " FILENAME ":" FNR ": " path " is no key"; bad = 1
	}
}
END {
	for (name in key)
		if (!(name in found)) { print "docs-check: " name " is not in " FILENAME; bad = 1 }
	exit bad
}
