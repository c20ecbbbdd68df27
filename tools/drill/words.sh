# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What tools/drill.sh says, and from whom it knows: a line whenever somebody's mind changes; the SLO's at least every
# REPEAT seconds.

SLO=availability        # the one that the errors burn
REPEAT=15
start=$(date +%s)
good=- bad=- burn_long=- burn_short=- alert='' notified='' said=0 said_burn=''

now() { date +%s; }
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
since() { echo "$(($(now) - $1)) s"; }
elapsed() { echo $(($(now) - start)); }
tell() { printf '%6s  %s\n' "$(clock "$(elapsed)")" "$*"; }

# The first target of a job, as Prometheus was told: an address in place of the name when all is on loopback.
target_of() { sed -n "/job_name: $1\$/,/job_name/s/.*targets: \['*\([^]',]*\)'*\].*/\1/p" "$STACK_DIR/etc/prometheus/prometheus.yml"; }

places() {
	at_sidelight=$(target_of sidelight)
	echo "${at_sidelight:-sidelight-metrics:9091} $(target_of prometheus) $(target_of alertmanager)"
}

one_decimal() { case $1 in -) echo - ;; *) printf '%.1f' "$1" ;; esac; }

say_slo() {
	tell "SLO           $SLO: $good good, $bad bad; burn rate $burn_long over 1h, $burn_short over 5m"
	said=$(now) said_burn="$burn_long $burn_short"
}
say_prometheus() {
	case $alert in
	calm) tell "Prometheus    no alert" ;;
	pending) tell "Prometheus    the alert is pending" ;;
	firing) tell "Prometheus    THE ALERT FIRES" ;;
	*) tell "Prometheus    does not answer" ;;
	esac
}
say_alertmanager() {
	case $notified in
	calm) tell "Alertmanager  has nothing to say" ;;
	new | active) tell "Alertmanager  HAS THE ALERT; the page goes out when its group has waited" ;;
	suppressed) tell "Alertmanager  has the alert and tells nobody: something else says it already" ;;
	*) tell "Alertmanager  does not answer" ;;
	esac
}

burns_are_known() { [ "$burn_long" != - ] && [ "$burn_short" != - ]; }

# Asks everybody, and says what is new.
look() {
	old_alert=$alert old_notified=$notified
	# shellcheck disable=SC2046 # words
	seen=$(inside prometheus sh "$STACK_HOME/tools/drill/look.sh" "$SLO" $(places)) || seen='- - - - - -'
	read -r good bad burn_long burn_short alert notified <<-END
		$seen
	END
	burn_long=$(one_decimal "$burn_long") burn_short=$(one_decimal "$burn_short")
	[ "$burn_long $burn_short" = "$said_burn" ] && [ $(($(now) - said)) -lt $REPEAT ] || say_slo
	[ "$alert" = "$old_alert" ] || say_prometheus
	[ "$notified" = "$old_notified" ] || say_alertmanager
}

# --- the page ---

pages() { grep -s '"status":"firing","alerts"' "$DRILL_DIR/pages" | grep '"alertname":"ErrorBudgetBurn"' | grep "\"slo\":\"$SLO\""; }
has_page() { [ -n "$(pages)" ]; }
of_page() { pages | head -n 1 | sed -n "s/.*\"annotations\":{[^}]*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
page_text() { for part in summary description runbook_url; do of_page $part; done; }
