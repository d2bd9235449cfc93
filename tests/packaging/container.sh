#!/usr/bin/env bash
# container.sh BINARY WORK: lays a folder out as packaging/container/Containerfile.binary says, with a static program, and does
# there the job of README.md as the image would: as its user, with its command, its health check and its way to stop. As
# root. Not tested are the layers of an image and its volume, which are the business of podman or Docker.
set -euo pipefail

binary=$(realpath "$1")
work=$(realpath "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
file=$here/packaging/container/Containerfile.binary
root=$work/root
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

mkdir -p "$work/context/empty" "$root"
cp "$binary" "$work/context/letterpress"
cp /etc/ssl/certs/ca-certificates.crt "$work/context/"
user=$(sed -n 's/^USER //p' "$file")
# words KEY: the words of an instruction that is a list.
words() { sed -n "s/^$1.*\[\(.*\)\]\$/\1/p" "$file" | tr -d '",'; }
while read -r instruction; do
    mode=$(grep -o 'chmod=[0-9]*' <<<"$instruction" | cut -d= -f2 || true)
    owner=$(grep -o 'chown=[0-9:]*' <<<"$instruction" | cut -d= -f2 || true)
    read -r from to <<<"$(sed 's/^COPY //; s/--[^ ]* //g; s/\${BINARY}/letterpress/; s/\${CERTIFICATES}/ca-certificates.crt/' <<<"$instruction")"
    mkdir -p "$(dirname "$root$to")"
    cp -r "$work/context/$from" "$root$to"
    [ -z "$mode" ] || chmod "$mode" "$root$to"
    [ -z "$owner" ] || chown -R "$owner" "$root$to"
done < <(grep '^COPY ' "$file")
# The same instructions end the other file.
tail -n 8 "$file" | diff - <(tail -n 8 "$here/packaging/container/Containerfile") >&2 || fail "the two Containerfiles differ"

(cd "$here" && git archive HEAD config.toml posts subscribers.csv) | tar -x -C "$root/site"
chown -R "$user" "$root/site"
read -ra entry <<<"$(words ENTRYPOINT)"
read -ra command <<<"$(words CMD)"
read -ra check <<<"$(words HEALTHCHECK)"
# chroot cannot change the folder as WORKDIR does.
inside() { exec chroot --userspec="$user" "$root" "$@"; }
config=(--config "$(sed -n 's/^WORKDIR //p' "$file")/config.toml")
! (inside "${check[@]}" "${config[@]}") 2>"$work/before" || fail "it is healthy before the first run"
inside "${entry[@]}" "${config[@]}" "${command[@]}" >"$work/log" 2>&1 &
running=$!
trap 'kill "$running" 2>/dev/null || true' EXIT
for _ in $(seq 300); do
    (inside "${check[@]}" "${config[@]}") >"$work/health" 2>&1 || true
    ! grep -q '^healthy: the last run ended well' "$work/health" || break
    sleep 0.2
done
grep -q '^healthy: the last run ended well' "$work/health" || fail "$(cat "$work/health" "$work/log")"
kill "$running"
wait "$running" || fail "after SIGTERM it ended with $?"
[ "$(find "$root/site/outbox" -name '*.eml' | wc -l)" -eq 3 ] || fail "there are not three emails: $(cat "$work/log")"
for name in rss.xml atom.xml feed.json; do [ -s "$root/site/public/$name" ] || fail "there is no public/$name"; done
[ -z "$(find "$root/site" "$root/tmp" ! -uid "${user%:*}")" ] || fail "another user's files are in the volume"
printf 'a root of %s with %s files does the job of README.md as user %s, is healthy, and stops at SIGTERM\n' \
    "$(du -sh --apparent-size "$root/usr" | cut -f1)" "$(find "$root/usr" "$root/etc" -type f | wc -l)" "$user"
