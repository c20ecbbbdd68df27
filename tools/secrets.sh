#!/bin/sh
# SPDX-License-Identifier: MIT
# `make secrets`: makes what is secret, or yours alone, and must not stand in the repository:
#
#   users                    who may see the dashboards, for Caddy: lines of `name hash`; made once, with the user ops
#   logins                   the names in `users`, as they begin in a request; made anew each time
#   alertmanager.yml         prometheus/alertmanager.yml with your receivers; made anew each time
#   grafana_admin            the password of Grafana's administrator, whom nobody needs (Caddy logs people in); made once
#   tunnel_token, tunnel_credentials.json   of the Cloudflare tunnel; empty while there is none, kept when they hold something
#
# A password is printed once, when it is made; only its hash is kept. Run it as often as you like: what is there stays.
# Settings come from .env (see .env.example); one that is in the environment, if empty, wins.
#
# usage: secrets.sh [--dir DIR] [--files DIR] [--env FILE] [--add NAME | --renew NAME | --remove NAME]
#   --dir     where they go (default: secrets/ of the project)
#   --files   where prometheus/alertmanager.yml is (default: the project)
#   --env     the settings (default: .env of the project, if it is there)
#   --add, --renew, --remove   a user of the dashboards: with a new password, or away
#
# Needs only what every Debian has: bcrypt is crypt() of perl-base. What is secret goes through pipes and shell variables, never
# through a command line or the environment of another program, which others on the machine can read.
set -eu
LC_ALL=C
export LC_ALL
umask 077
nl='
'
SETTINGS='ALERT_WEBHOOK ALERT_EMAIL DEADMAN_WEBHOOK OWNER_EMAIL SMTP_HOST SMTP_FROM SMTP_USER SMTP_PASSWORD SMTP_TLS
	PUBLIC_URL TUNNEL_TOKEN'

# First of all, out of the environment of whatever is started from here.
for key in $SETTINGS; do
	eval "have_$key=\${$key+yes} value=\${$key-}; unset $key; $key=\$value"
done
unset value

say() { printf '%s\n' "$*"; }
die() { printf 'secrets: %s\n' "$*" >&2; exit 1; }
usage() { sed -n 's/^# usage: /usage: /p' "$project/tools/secrets.sh" >&2; exit 2; }

project=$(cd "$(dirname "$0")/.." && pwd)
dir=$project/secrets files=$project env_file='' action='' name=''
while [ $# -gt 0 ]; do
	[ $# -gt 1 ] && [ -n "$2" ] || usage
	case $1 in
	--dir) dir=$2 ;;
	--files) files=$2 ;;
	--env) env_file=$2; [ -r "$2" ] || die "can't read $2" ;;
	--add | --renew | --remove) [ -z "$action" ] || usage; action=${1#--} name=$2 ;;
	*) usage ;;
	esac
	shift 2
done

# --- settings ---

# $1: a value as it stands in .env after KEY=. Prints what it means. Compose reads the same file, and its versions differ in what
# they do with $, \, # and blanks outside of single quotes: what is read in two ways is refused.
unquote() {
	case $1 in
	\'*\') v=${1#\'} v=${v%\'}; case $v in *\'*) return 1 ;; esac ;;
	\"*\") v=${1#\"} v=${v%\"}; case $v in *[\"\$\\\`]*) return 1 ;; esac ;;
	*[\"\'\$\\\`\#\ \	]*) return 1 ;;
	*) v=$1 ;;
	esac
	[ "$1" != "'" ] && [ "$1" != '"' ] || return 1
	printf '%s' "$v"
}

assign() { eval "$1=\$2"; }

read_settings() {                # $1: the file
	n=0
	while IFS= read -r line || [ -n "$line" ]; do
		n=$((n + 1))
		line=${line%"$(printf '\r')"}
		line=${line#"${line%%[! 	]*}"} line=${line%"${line##*[! 	]}"}
		line=${line#export }
		case $line in
		'' | '#'*) continue ;;
		*=*) key=${line%%=*} ;;
		*) key='' ;;
		esac
		case $key in
		'' | *[!A-Za-z0-9_]*) die "$1:$n: expected KEY=VALUE without blanks around =, or # before a comment" ;;
		esac
		case " $(echo $SETTINGS) " in
		*" $key "*) ;;
		*) case $key in
			ALERT_* | DEADMAN_* | OWNER_* | SMTP_*) die "$1:$n: no such setting: $key; there are:" $SETTINGS ;;
			*) continue ;;           # one of Compose's
			esac ;;
		esac
		case " $seen " in *" $key "*) die "$1:$n: $key stands there twice" ;; esac
		seen="$seen $key"
		value=$(unquote "${line#*=}") || die "$1:$n: $key: put the value in single quotes (or, if it has one," \
			"in double quotes, without \$, \\, \` and \")"
		eval "is_set=\${have_$key:-}"
		[ -n "$is_set" ] || assign "$key" "$value"
	done <"$1"
}

seen=''
if [ -z "$env_file" ] && [ -e "$project/.env" ]; then
	env_file=$project/.env
	# It holds passwords, and an editor makes it readable by all.
	[ -z "$(find "$env_file" -perm /077)" ] || { chmod go= "$env_file" && say "made .env readable by its owner only"; }
fi
[ -z "$env_file" ] || read_settings "$env_file"

# --- what a setting may be ---

# $1: the key; the rest says what is allowed
refuse() { key=$1; shift; die "$key: $*"; }

check_text() {                   # every setting: nothing that breaks a line or a file
	eval "v=\$$1"
	case $v in
	*[[:cntrl:]]*) refuse "$1" "must be one line, without control characters" ;;
	esac
	printf '%s' "$v" | perl -0777 -ne 'exit !utf8::decode($_)' || refuse "$1" "must be UTF-8"
}

# RFC 3986, as far as Go's parser, which Alertmanager uses, asks for it.
HEX='%[0-9A-Fa-f]{2}'
HOST='([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?'
URL="^https?://(([!\$&'()*+,;=A-Za-z0-9._~:-]|$HEX)*@)?$HOST([/?#]([!#\$&-;=?-Z_a-z~]|\[|\]|$HEX)*)?\$"

check_url() {                    # $1: the key
	eval "v=\$$1"
	case $v in
	'') return 0 ;;
	*[\ \"\<\>\\\^\`{}\|]*) ;;
	*[!\ -~]*) ;;
	*) ! printf '%s\n' "$v" | grep -Eq "$URL" || return 0 ;;
	esac
	refuse "$1" "must be a URL, http://host... or https://host..., without blanks or quotes; a % stands before two hex digits"
}

check_addresses() {              # $1: the key: addresses, separated by commas
	eval "v=\$$1"
	[ -n "$v" ] || return 0
	case $v in *,) refuse "$1" "ends in a comma" ;; esac
	rest=$v,
	while [ -n "$rest" ]; do
		one=${rest%%,*} rest=${rest#*,}
		one=${one#"${one%%[! ]*}"} one=${one%"${one##*[! ]}"}
		case $one in
		*[!A-Za-z0-9._%+@-]* | *@*@* | @* | *@ | *@-* | *@.* | *..* | *.) ;;
		*@*) continue ;;
		esac
		refuse "$1" "must be a mail address like you@example.com, or several with commas between them"
	done
}

check_smtp_host() {
	port=${SMTP_HOST##*:}
	case $SMTP_HOST in
	*[!A-Za-z0-9.:_-]* | *:*:* | :* | *: | -*) ;;
	*:*[!0-9]*) ;;
	*:??????*) ;;
	*:*) [ "$port" -lt 1 ] || [ "$port" -gt 65535 ] || return 0 ;;
	esac
	refuse SMTP_HOST "must be a name or an IPv4 address and a port, like smtp.example.com:587"
}

check_mail() {                   # what hangs together
	if [ -z "$SMTP_HOST" ]; then
		[ -z "$ALERT_EMAIL" ] || die "ALERT_EMAIL needs SMTP_HOST and SMTP_FROM: who carries the mail, and from whom it is"
		[ -z "$OWNER_EMAIL" ] || die "OWNER_EMAIL needs SMTP_HOST and SMTP_FROM: who carries the mail, and from whom it is"
		return 0
	fi
	check_smtp_host
	[ -n "$SMTP_FROM" ] || die "SMTP_HOST needs SMTP_FROM: the address mails come from"
	case $SMTP_FROM in *,*) refuse SMTP_FROM "must be one mail address" ;; esac
	case $SMTP_TLS in true | false) ;; *) refuse SMTP_TLS "must be true or false" ;; esac
	[ -z "$SMTP_USER" ] || [ -n "$SMTP_PASSWORD" ] || die "SMTP_USER needs SMTP_PASSWORD"
	[ -z "$SMTP_PASSWORD" ] || [ -n "$SMTP_USER" ] || die "SMTP_PASSWORD needs SMTP_USER"
	case $SMTP_TLS:$SMTP_USER:${SMTP_HOST%:*} in
	true:* | false::* | false:*:localhost | false:*:127.0.0.1) ;;
	*) die "SMTP_TLS=false with SMTP_USER would send the password in the clear; set SMTP_TLS=true" ;;
	esac
}

check_settings() {
	: "${SMTP_TLS:=true}"
	for key in $SETTINGS; do
		check_text "$key"
	done
	check_url ALERT_WEBHOOK
	check_url DEADMAN_WEBHOOK
	check_url PUBLIC_URL
	case $PUBLIC_URL in
	*://*[/?#]*) refuse PUBLIC_URL "must end after the name, as in https://example.com: /grafana and /prometheus are put behind it" ;;
	esac
	check_addresses ALERT_EMAIL
	check_addresses OWNER_EMAIL
	check_addresses SMTP_FROM
	check_mail
	case $TUNNEL_TOKEN in *[!A-Za-z0-9+/=_-]*) refuse TUNNEL_TOKEN "must be the token alone: letters, digits, + / = _ -" ;; esac
}

# --- alertmanager.yml ---

quoted() {                       # stdin as a YAML string that no character can leave
	perl -0777 -ne 'utf8::decode($_); s/([^ !#-\[\]-~])/sprintf ord $1 > 65535 ? "\\U%08x" : "\\u%04x", ord $1/ge; print "\"$_\""'
}

webhook() {                      # $1: URL, $2: whether it hears of the end, too
	printf '    webhook_configs:\n      - url: %s\n        send_resolved: %s\n' "$(printf '%s' "$1" | quoted)" "$2"
	printf '        max_alerts: 50\n'
}

mail() {                         # $1: to, $2: whether they hear of the end, too; then come subject and text
	printf '    email_configs:\n      - to: "%s"\n        from: "%s"\n        smarthost: "%s"\n' "$1" "$SMTP_FROM" "$SMTP_HOST"
	printf '        require_tls: %s\n        send_resolved: %s\n' "$SMTP_TLS" "$2"
	[ -z "$SMTP_USER" ] || printf '        auth_username: %s\n        auth_password: %s\n' \
		"$(printf '%s' "$SMTP_USER" | quoted)" "$(printf '%s' "$SMTP_PASSWORD" | quoted)"
	printf "        html: ''\n"
}

mail_alert() {                   # $1: the word before the subject
	mail "$ALERT_EMAIL" true
	cat <<-EOT
	        headers:
	          Subject: '{{ if eq .Status "resolved" }}Resolved{{ else }}$1{{ end }}: {{ (index .Alerts 0).Annotations.summary }}'
	EOT
	cat <<-'EOT'
	        text: |
	          {{ range .Alerts }}{{ if eq .Status "resolved" }}RESOLVED: {{ end }}{{ .Annotations.summary }}

	          {{ .Annotations.description }}

	          Alert:      {{ .Labels.alertname }} ({{ .Labels.severity }})
	          Since:      {{ .StartsAt.UTC.Format "2006-01-02 15:04:05" }} UTC
	          What to do: {{ .Annotations.runbook_url }}
	          Dashboard:  {{ .Annotations.dashboard_url }}

	          {{ end }}
	EOT
}

# The address goes into the text of a mail, and with it into places where mail is read: nothing of what was written may.
mail_owner() {
	mail "$OWNER_EMAIL" false
	cat <<-'EOT'
	        headers:
	          Subject: '{{ (index .Alerts 0).Annotations.summary }}'
	        text: |
	          {{ range .Alerts }}{{ .Annotations.summary }}
	          {{ .Annotations.description }}
	          {{ end }}
	          What they wrote is on the server only. To read it there, in Sidelight's directory:
	              docker compose exec sidelight sidelight contacts list --config /etc/sidelight/sidelight.yaml
	EOT
}

receivers() {
	printf 'receivers:\n'
	for key in pages tickets; do
		printf '  - name: %s\n' $key
		[ -z "$ALERT_WEBHOOK" ] || webhook "$ALERT_WEBHOOK" true
		if [ -n "$ALERT_EMAIL" ]; then
			[ $key = pages ] && mail_alert PAGE || mail_alert Ticket
		fi
	done
	printf '  - name: deadman\n'
	[ -z "$DEADMAN_WEBHOOK" ] || webhook "$DEADMAN_WEBHOOK" false
	printf '  - name: owner\n'
	[ -z "$OWNER_EMAIL" ] || mail_owner
}

render() {
	source=$files/prometheus/alertmanager.yml
	[ -r "$source" ] || die "can't read $source"
	[ "$(grep -c '^receivers:' "$source")" = 1 ] || die "$source has no section receivers:, or several"
	! sed '1,/^receivers:/d' "$source" | grep -q '^[^ #]' || die "$source: receivers: must be its last section"
	sed '/^# Replaced by `make secrets`/,$d' "$source" | sed '/^receivers:/,$d'
	printf '# Made by tools/secrets.sh from prometheus/alertmanager.yml and your settings; changes here are lost.\n'
	receivers
}

# --- files ---

# The directory is for its owner only, the files are for all: containers run as various users, and a secret of Compose is a mount of
# the file with the owner and mode it has here. Others on this machine don't get past the directory.
open_dir() {
	if [ -d "$dir" ]; then
		# First what is there, then whether it is ours: another of us may be making it.
		found=$(find "$dir" -mindepth 1 -print -quit)
		for key in users logins alertmanager.yml grafana_admin tunnel_token tunnel_credentials.json .lock; do
			[ ! -e "$dir/$key" ] || known=yes
		done
		[ -n "${known-}" ] || [ -z "$found" ] ||
			die "$dir holds something else; --dir needs a directory of its own"
	else
		mkdir -p "$dir"
	fi
	chmod 700 "$dir"
	exec 9>"$dir/.lock"
	flock 9
	trap 'rm -f "$dir"/.*.new' EXIT
	trap 'exit 130' INT TERM HUP
}

put() {                          # $1: the file; stdin becomes it, whole or not at all
	cat >"$dir/.$1.new"
	chmod 644 "$dir/.$1.new"
	mv -f "$dir/.$1.new" "$dir/$1"
}

# --- users ---

# 120 bits, of letters and digits that are not mistaken for each other.
make_password() {
	perl -e 'open my $r, "<:raw", "/dev/urandom" or die; read($r, my $b, 24) == 24 or die;
		my $p = join "", map { substr "abcdefghijkmnpqrstuvwxyz23456789", ord($_) & 31, 1 } split //, $b;
		print join "-", unpack "(A6)*", $p'
}

# A password on stdin. Cost 5, a few milliseconds of Caddy's CPU for each guess: a high cost protects words that people think of, when the
# file is stolen. These passwords are random, so it would protect nothing, and let a flood of wrong ones stop the whole site.
make_hash() {
	perl -e 'open my $r, "<:raw", "/dev/urandom" or die; read($r, my $b, 22) == 22 or die;
		my @digits = (".", "/", "A" .. "Z", "a" .. "z", 0 .. 9);
		my $salt = join "", map { $digits[ord($_) & 63] } split //, $b;
		my $hash = crypt(<STDIN>, "\$2b\$05\$$salt") // "";
		$hash =~ /^\$2b\$05\$[.\/A-Za-z0-9]{53}$/ or die "secrets: crypt() of this system makes no bcrypt\n";
		print $hash'
}

check_users() {
	while IFS= read -r line; do
		case $line in
		[!\ ]*' $2'[aby]'$'[01][0-9]'$'*) ;;
		*) die "$dir/users: expected lines of: name hash" ;;
		esac
	done <"$dir/users"
	[ -s "$dir/users" ] || die "$dir/users is empty: delete it, and a new one is made"
}

line_of() { printf '^%s ' "$1" | sed 's/[.]/[.]/g'; }
others() { [ ! -e "$dir/users" ] || grep -v "$(line_of "$name")" "$dir/users" || [ $? -eq 1 ]; }

save_user() {                    # $name gets a new password
	password=$(make_password)
	hash=$(printf '%s' "$password" | make_hash)
	kept=$(others)
	printf '%s%s %s\n' "${kept:+$kept$nl}" "$name" "$hash" | put users
	say "user: $name  password: $password"
	say "  (printed this once; only its hash is kept. A new one: tools/secrets.sh --renew $name)"
	password=''
}

users() {
	case $name in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]* | ?????????????????????????????????*)
		die "a user's name is 1 to 32 letters, digits and . _ -, and begins with a letter or digit" ;;
	import) die "the name import means something else to Caddy; choose another" ;;
	[Aa][Dd][Mm][Ii][Nn]) die "$name is the name of Grafana's own administrator; choose another" ;;
	esac
	before=yes
	if [ ! -e "$dir/users" ]; then
		before='' asked=$action$name
		name=ops
		save_user
		[ "$asked" != addops ] || return 0
		name=${asked#"$action"}
	fi
	check_users
	there=$(grep -c "$(line_of "$name")" "$dir/users" || :)
	case $action$there in
	add0) save_user ;;
	add*) die "$name is there already; --renew $name gives a new password" ;;
	renew0 | remove0) die "there is no user $name" ;;
	renew*) save_user ;;
	remove*)
		kept=$(others)
		[ -n "$kept" ] || die "$name is the only user: nobody could see the dashboards"
		printf '%s\n' "$kept" | put users
		say "removed: $name" ;;
	*) return 0 ;;
	esac
	[ -z "$before" ] || say "  (Caddy reads it when it starts: docker compose restart caddy)"
}

# The names as a matcher of Caddy: how `Authorization: Basic` begins for each. Base64 has 6 bits a character, so the last one is
# only partly the name's. Caddy asks for it before it looks at passwords: one of an unknown name would cost it a second of CPU.
make_logins() {
	cut -d' ' -f1 "$dir/users" | perl -e 'my @begins;
		sub base64 { (my $u = pack "u", $_[0]) =~ s/^.|\n//g; $u =~ tr|` -_|AA-Za-z0-9+/|; $u }
		while (my $name = <STDIN>) {
			chomp $name;
			my $n = int(8 * (1 + length $name) / 6);
			my %last = map { substr(base64("$name:" . chr), $n, 1) => 1 } 0 .. 255;
			my $known = substr(base64("$name:aaa"), 0, $n);
			$known .= "[" . join("", sort keys %last) . "]" if keys %last < 64;
			push @begins, $known =~ s/[+]/[+]/gr;
		}
		print "header_regexp Authorization \"^(?i:basic) +(", join("|", @begins), ")\"\n"' | put logins
}

# --- what was done, for a person ---

site() { v=${1#*://} v=${v%%[/?#]*}; printf '%s' "${v##*@}"; }   # not all of a URL: it is a secret, too

report() {
	to=''
	[ -z "$ALERT_WEBHOOK" ] || to="a webhook at $(site "$ALERT_WEBHOOK")"
	[ -z "$ALERT_EMAIL" ] || to="${to:+$to and }$ALERT_EMAIL"
	[ -n "$to" ] && say "alerts go to $to" || say "alerts reach nobody: set ALERT_WEBHOOK or ALERT_EMAIL in .env"
	[ -n "$DEADMAN_WEBHOOK" ] && say "the heartbeat goes to $(site "$DEADMAN_WEBHOOK")" ||
		say "no heartbeat: with DEADMAN_WEBHOOK something outside could tell you that this machine is dead"
	[ -n "$OWNER_EMAIL" ] && say "that a contact came in goes to $OWNER_EMAIL" ||
		say "nobody is told of a contact: set OWNER_EMAIL to be"
	[ -s "$dir/tunnel_token" ] || [ -s "$dir/tunnel_credentials.json" ] || say "no tunnel: set TUNNEL_TOKEN to use one"
	[ "${changed-}" != yes ] || say "the receivers changed; Alertmanager reads them when it starts: docker compose restart alertmanager"
}

check_settings
rendered=$(render)
open_dir
users
make_logins
if [ -e "$dir/alertmanager.yml" ]; then
	printf '%s\n' "$rendered" | cmp -s - "$dir/alertmanager.yml" || changed=yes
fi
printf '%s\n' "$rendered" | put alertmanager.yml
[ -s "$dir/grafana_admin" ] || { password=$(make_password); printf '%s' "$password" | put grafana_admin; password=''; }
[ -z "$TUNNEL_TOKEN" ] || printf '%s' "$TUNNEL_TOKEN" | put tunnel_token
for key in tunnel_token tunnel_credentials.json; do
	[ -e "$dir/$key" ] || : | put $key
done
for key in users logins alertmanager.yml grafana_admin tunnel_token tunnel_credentials.json; do
	chmod 644 "$dir/$key"
done
report
