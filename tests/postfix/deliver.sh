#!/usr/bin/env bash
# Sends an issue through a real Postfix and checks every email that it delivered; then runs again, which must send nothing.
#
#   tests/postfix/deliver.sh BINARY N                  a Korean email to N subscribers
#   tests/postfix/deliver.sh BINARY N SITE [WORDS...]  the newest post of a site; the emails must contain these words
#
# SITE is copied, never changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -lt 2 ]; then sed -n '2,7p' "$0" | sed 's/^# \?//' >&2; exit 2; fi
if [ -z "${POSTFIX_PORT:-}" ]; then exec "$here/run.sh" "${BASH_SOURCE[0]}" "$@"; fi
# shellcheck source=tests/postfix/run.sh
. "$here/run.sh"
# shellcheck source=tests/postfix/site.sh
. "$here/site.sh"

binary=$(realpath "$1") number=$2 source=${3:-}
shift 2
words=("$@")
site=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-site.XXXXXX")
trap 'rm -rf "$site"' EXIT

fail() { printf 'deliver.sh: %s\n' "$*" >&2; exit 1; }
letterpress() { "$binary" --config "$site/config.toml" "$@"; }

if [ -n "$source" ]; then
    cp -a "$source/." "$site"
    words=("${words[@]:1}")
else
    site_make "$site"
    words=("우리를 기다린다" "한 사람에게 한 번만 보낸다" "https://letterpress.test/past/")
fi
site_use_postfix "$site" "$POSTFIX_PORT" 8
site_subscribers "$binary" "$site" "$number"
subject=$(letterpress send --dry-run --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["issue"]["subject"])')

began=$(date +%s%N)
letterpress publish
took=$((($(date +%s%N) - began) / 1000000))
postfix_drain "$POSTFIX_DIR"

again=$(letterpress publish)
grep -q 'nothing is due' <<<"$again" || fail "the output of the second run is: $again"

checks=()
for phrase in "${words[@]}"; do checks+=(--contains "$phrase"); done
python3 "$here/check_maildir.py" "$POSTFIX_MAILDIR" --expect "$number" --subject "$subject" "${checks[@]}"

status=$(letterpress status --json)
sent=$(site_count sent <<<"$status") audience=$(site_count audience <<<"$status")
[ "$sent" -eq "$number" ] && [ "$audience" -eq "$number" ] ||
    fail "the ledger counts $sent sent of $audience, not $number of $number"
printf '%s: %s subscribers through Postfix in %s ms, each once; the second run sent nothing\n' "$subject" "$number" "$took"
