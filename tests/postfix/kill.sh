#!/usr/bin/env bash
# Kills the sender with SIGKILL at random moments in mid-issue, lets a last run finish, and compares the emails that Postfix
# delivered with the ledger. Then settles the unknown outcomes: every subscriber must have exactly one email.
#
#   tests/postfix/kill.sh BINARY N KILLS
#
# N is large enough if the issue lasts longer than the kills: most runs live up to 250 ms after their first email.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -ne 3 ]; then sed -n '2,7p' "$0" | sed 's/^# \?//' >&2; exit 2; fi
if [ -z "${POSTFIX_PORT:-}" ]; then exec "$here/run.sh" "${BASH_SOURCE[0]}" "$@"; fi
# shellcheck source=tests/postfix/run.sh
. "$here/run.sh"
# shellcheck source=tests/postfix/site.sh
. "$here/site.sh"

binary=$(realpath "$1") number=$2 kills=$3 connections=4
site=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-site.XXXXXX")
trap 'rm -rf "$site"' EXIT

fail() { printf 'kill.sh: %s\n' "$*" >&2; exit 1; }
letterpress() { "$binary" --config "$site/config.toml" "$@"; }
# Exit code 3 means that an outcome is unknown, which is expected here.
allow_unknown() { "$@" || [ $? -eq 3 ]; }

site_make "$site"
site_use_postfix "$site" "$POSTFIX_PORT" "$connections"
site_subscribers "$binary" "$site" "$number"

delivered() { find "$POSTFIX_MAILDIR" -path '*/new/*' -type f | wc -l; }

# Most kills wait for the first email of their run, so that they hit a slow machine in mid-issue too; every third hits any
# moment, also the start, the freeze or the recovery. Only those that hit a run while it was sending are counted: those after
# which more deliveries than before have a result, or were in progress.
tried=0 counted=0 begun=0
while [ "$counted" -lt "$kills" ]; do
    tried=$((tried + 1))
    [ "$tried" -le $((kills * 5)) ] || fail "only $counted of $((tried - 1)) kills hit the sender while it was sending"
    arrived=$(delivered)
    # Started without a function or a subshell, so that $! is the process id of the sender.
    "$binary" --quiet --config "$site/config.toml" publish >>"$site/runs.log" 2>&1 &
    sender=$!
    if [ $((tried % 3)) -ne 0 ]; then
        while kill -0 "$sender" 2>/dev/null && [ "$(delivered)" -eq "$arrived" ]; do sleep 0.01; done
    fi
    sleep "0.$(printf '%03d' $((RANDOM % 250)))"
    kill -9 "$sender" 2>/dev/null || true
    code=0
    # The message of the shell about the killed job is not needed.
    { wait "$sender" || code=$?; } 2>/dev/null
    postfix_drain "$POSTFIX_DIR"
    allow_unknown letterpress status --json >"$site/status.json"
    before=$begun begun=$(site_count sent unknown armed <"$site/status.json")
    if [ "$code" -eq 137 ]; then
        [ "$begun" -eq "$before" ] || counted=$((counted + 1))
    elif [ "$code" -eq 0 ] || [ "$code" -eq 3 ]; then
        fail "the issue was finished after $counted kills: use more subscribers than $number"
    else
        tail -n 20 "$site/runs.log" >&2
        fail "a run ended without a kill, with exit code $code"
    fi
done

allow_unknown letterpress publish
postfix_drain "$POSTFIX_DIR"
letterpress status recipients --json >"$site/ledger.json"
python3 "$here/account.py" "$POSTFIX_MAILDIR" "$site/ledger.json" --subscribers "$number" \
    --unknown-at-most $((connections * tried)) --settle "$site/settle"

# The log of Postfix proves each unknown delivery that arrived, and no other: the rest was never accepted.
allow_unknown letterpress ledger reconcile --postfix-log "$POSTFIX_DIR/log/postfix.log"
letterpress status recipients --json >"$site/ledger.json"
python3 "$here/account.py" "$POSTFIX_MAILDIR" "$site/ledger.json" --subscribers "$number" \
    --unknown-at-most $((connections * tried)) --settle "$site/settle"
! grep -q '^sent ' "$site/settle" || fail "the log of Postfix did not settle: $(grep '^sent ' "$site/settle")"
letterpress ledger verify

# The decisions that a person would make about the rest.
while read -r decision address; do
    letterpress --quiet resolve "--$decision" --subscriber "$address" --reason "the relay's log" >>"$site/runs.log"
done <"$site/settle"
letterpress publish
postfix_drain "$POSTFIX_DIR"
letterpress status recipients --json >"$site/ledger.json"
python3 "$here/account.py" "$POSTFIX_MAILDIR" "$site/ledger.json" --subscribers "$number" --unknown-at-most 0
python3 "$here/check_maildir.py" "$POSTFIX_MAILDIR" --expect "$number" --contains "우리를 기다린다"
printf '%s kills, %s of them while emails were being sent, the last after %s emails; %s subscribers, each once\n' \
    "$tried" "$counted" "$begun" "$number"
