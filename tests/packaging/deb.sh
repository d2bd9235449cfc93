#!/usr/bin/env bash
# deb.sh BINARY WORK: builds the Debian package of a program, and installs it in a new Debian root without Rust. There it
# makes a site and runs the commands of all units, then removes and purges the package, and compares the files with those
# before. As root, with access to the registries of Debian and Rust.
#
# First without a running systemd: a command of a unit is started as its user, in its folder. Then, if this machine can start
# one (systemd-nspawn), with the units themselves; otherwise a line says so.
set -euo pipefail

binary=$(realpath "$1")
work=$(realpath "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$here/target}
root=$work/root
# As systemd chooses it, a user that is in no file.
uid=64321
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

## Tools, root and package

for tool in mmdebstrap lintian systemd-analyze systemd-nspawn; do
    command -v "$tool" >&2 || fail "there is no $tool: apt-get install mmdebstrap lintian systemd systemd-container"
done
# The Debian that this machine takes its packages from.
sources=/etc/apt/sources.list.d/debian.sources
[ -e "$sources" ] || sources=/etc/apt/sources.list
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# With the settings for downloads that this machine has, such as a proxy.
apt-config dump Acquire >"$work/apt.conf"
mmdebstrap --mode=root --variant=minbase --aptopt="$work/apt.conf" --include=systemd,dbus,ca-certificates "$release" "$root" "$sources" >&2 &
unpacking=$!
export PATH=$target/cargo-deb/bin:$PATH
command -v cargo-deb >&2 || cargo install --locked --debug --quiet --root "$target/cargo-deb" cargo-deb >&2
"$here/packaging/build-deb.sh" "$binary" "$work/deb" --fast >&2
deb=$(find "$work/deb" -name '*.deb')
wait "$unpacking"
tags=$(lintian --fail-on error,warning "$deb" 2>&1) || fail "lintian: $tags"
printf '%s, %s, lintian finds nothing\n' "$(basename "$deb")" "$(du -h --apparent-size "$deb" | cut -f1)"

## Without a running systemd

# A list of all files, except those that dpkg keeps of every package, and the folder that systemd makes once for all services.
files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp \) -prune -o -print |
        grep -Ev '^\./var/((lib/dpkg|log|cache|tmp)/|lib/private$)' | LC_ALL=C sort)
}
files >"$work/before"
cp "$deb" "$root/tmp/letterpress.deb"
chroot "$root" dpkg -i /tmp/letterpress.deb >&2
! chroot "$root" sh -c 'command -v cargo || command -v rustc' || fail "there is a Rust in the new root"
chroot "$root" sh -c 'set -e; test -s /usr/share/man/man1/letterpress-publish.1.gz
    test -s /usr/share/bash-completion/completions/letterpress; test -s /usr/share/doc/letterpress/install.md
    test -s /usr/share/doc/letterpress/copyright; test -z "$(find /etc/systemd/system -name "*letterpress*")"'

units=$root/usr/lib/systemd/system
[ "$(find "$units" -name 'letterpress*@*' | wc -l)" -eq 8 ] || fail "there are other units than eight"
for unit in "$units"/letterpress*@*; do
    name=$(basename "$unit")
    said=$(systemd-analyze verify --man=no --root="$root" "$name" 2>&1) || fail "verify $name: $said"
    [ -z "$said" ] || fail "verify $name: $said"
    case $name in *.service) ;; *) continue ;; esac
    exposure=$(systemd-analyze security --offline=yes --root="$root" --threshold=15 "$name" | sed -n 's/.*level for [^:]*: \([0-9.]*\).*/\1/p') ||
        fail "security $name: more than 1.5"
    worst=$(printf '%s\n%s\n' "${worst:-0}" "$exposure" | sort -n | tail -n 1)
done

# setting UNIT KEY: the value in a unit, for the site "blog".
setting() { sed -n "s/^$2=//p" "$units/$1" | sed 's/%i/blog/g; s|%S|/var/lib|g'; }
# What StateDirectory= of a DynamicUser= makes.
mkdir -p "$root/var/lib/letterpress" "$root/var/lib/private/letterpress"
install -d -m 700 -o "$uid" -g "$uid" "$root/var/lib/private/letterpress/blog"
ln -s ../private/letterpress/blog "$root/var/lib/letterpress/blog"
# as_site COMMAND [exec]: runs a command line as the user of the site in its folder, in place of this shell with "exec". For that user alone, in place of the mount
# namespace of a unit, the way to the folder is open.
chmod 711 "$root/var/lib/private"
as_site() {
    local line="cd /var/lib/letterpress/blog && umask 077 && exec $1"
    if [ "${2:-}" = exec ]; then exec chroot --userspec="$uid:$uid" "$root" /usr/bin/env -i sh -c "$line"; fi
    chroot --userspec="$uid:$uid" "$root" /usr/bin/env -i sh -c "$line"
}
site=$root/var/lib/private/letterpress/blog

as_site "letterpress init --yes --title Blog --url https://blog.example --from 'Blog <me@blog.example>'" >"$work/init"
grep -qx 'to run it every ten minutes: systemctl enable --now letterpress@blog.timer' "$work/init" || fail "init: $(cat "$work/init")"
as_site 'letterpress subscribers add kim@example.com' >&2
sed -i 's/^draft = true$//' "$site"/posts/*.md
printf '\n[newsletter]\n' | cat - >/dev/null
for service in letterpress@.service letterpress-doctor@.service; do
    [ "$(setting $service WorkingDirectory)" = /var/lib/letterpress/blog ] || fail "$service works elsewhere"
    as_site "$(setting $service ExecStart)" || fail "$service ended with $?"
done
for file in rss.xml atom.xml feed.json; do [ -s "$site/public/$file" ] || fail "there is no public/$file"; done
[ "$(as_site 'letterpress status --max-age 1h' | cut -d: -f1)" = healthy ] || fail "the run was not noted"
# Without [inbox] its unit must say what is missing.
! as_site "$(setting letterpress-inbox@.service ExecStart)" 2>"$work/inbox" || fail "inbox read a mailbox that does not exist"
grep -q '\[inbox\]' "$work/inbox" || fail "inbox: $(cat "$work/inbox")"
printf '[web]\nlisten = "127.0.0.1:0"\n' >>"$site/config.toml"
as_site "$(setting letterpress-serve@.service ExecStart)" exec >"$work/serve" 2>&1 &
serving=$!
trap 'kill "$serving" 2>/dev/null || true' EXIT
for _ in $(seq 300); do ! grep -qs '^listening on' "$work/serve" || break; sleep 0.1; done
port=$(sed -n 's|^listening on http://127.0.0.1:\([0-9]*\)/|\1|p' "$work/serve")
[ -n "$port" ] || fail "serve: $(cat "$work/serve")"
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /rss.xml HTTP/1.0\r\n\r\n' >&4
head -n 1 <&4 | grep -q ' 200 ' || fail "serve does not serve the feed"
exec 4>&-
kill "$serving"
wait "$serving" || fail "serve ended with $?"
[ -z "$(find "$site" ! -uid $uid)" ] || fail "another user's files are in the folder of the site"

# What the administrator and the writer have made stays; everything else goes.
mkdir -p "$root/etc/systemd/system/timers.target.wants"
ln -s /lib/systemd/system/letterpress@.timer "$root/etc/systemd/system/timers.target.wants/letterpress@blog.timer"
chroot "$root" dpkg -r letterpress >&2
chroot "$root" dpkg -P letterpress >&2
files | grep -Ev '^\./var/lib/(private/)?letterpress' | diff "$work/before" - ||
    fail "after purge there are other files than before"
{ [ -s "$site/letterpress.db" ] && [ -s "$site/config.toml" ]; } || fail "purge removed the site"
rm -r "$root/var/lib/letterpress/blog" "$site"
chroot "$root" dpkg -i /tmp/letterpress.deb >&2
chroot "$root" dpkg -P letterpress >&2
files | diff "$work/before" - || fail "after purge without a site there are other files than before"
printf 'installed, run and purged in a new root: nothing is left; units verified, exposure at most %s\n' "$worst"

## With systemd itself

"$here/tests/packaging/booted.sh" "$root"
