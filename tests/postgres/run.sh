#!/usr/bin/env bash
# Tests the ledger in PostgreSQL on a private server behind pgBouncer in transaction mode: the tests of `cargo test` at full
# size, and the speed.
#
#   tests/postgres/run.sh
#
# Needs root on Debian 12 with the packages postgresql and pgbouncer. Installs nothing, and does not touch a server that is
# already running. A server with fsync=off is refused; the tests run through pgBouncer and over connections that break;
# four senders share 20,000 subscribers while they are killed and cut off; a standby that takes over is detected. Then
# the script measures messages per second with SQLite, with one sender over PostgreSQL, and with four.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }
tools=$(find /usr/lib/postgresql -name initdb -printf '%h\n' 2>/dev/null | sort | tail -n 1)
[ -n "$tools" ] || fail "there is no PostgreSQL: apt-get install postgresql"
command -v pgbouncer >/dev/null || fail "there is no pgBouncer: apt-get install pgbouncer"
[ "$(id -u)" -eq 0 ] || fail "as root: the server is started as the user postgres"

work=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-postgres.XXXXXX")
stop() {
    [ ! -d "$work/data" ] || as pg_ctl -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
as() { local tool=$1; shift; (cd / && runuser -u postgres -- "$tools/$tool" "$@"); }

# Tests that run at the same time print more after a panic.
panics() { grep -A 9 "panicked at" "$work/tests.log" | tail -n 60 || true; }

# The tests start their own servers. A test that did not run is a failure here.
cargo test --test it -- --include-ignored --nocapture --skip f30_a_connection_cut_at_every_message \
    --skip torture_200 postgres:: sharing:: >"$work/tests.log" 2>&1 || { tail -n 60 "$work/tests.log" >&2; panics >&2; fail "a test failed"; }
if grep 'NOT RUN' "$work/tests.log" >&2; then fail "a test did not run"; fi
grep -E '[0-9]+ kills|[0-9]+ sent, ' "$work/tests.log"

[ "${1:-}" != "--no-speed" ] || exit 0
chown postgres "$work"
port=$(python3 tests/ports.py)
as initdb -A trust -U postgres -E UTF8 --no-locale -D "$work/data" >/dev/null
as pg_ctl -w -D "$work/data" -l "$work/log" -o "-p $port -h 127.0.0.1 -k $work" start >/dev/null
for name in one four; do as psql -q -h 127.0.0.1 -p "$port" -U postgres -c "CREATE DATABASE $name" postgres; done
base=postgres://postgres@127.0.0.1:$port
LETTERPRESS_BENCH_POSTGRES="$base/one $base/four" cargo bench --quiet --bench send
