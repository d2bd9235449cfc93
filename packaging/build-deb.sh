#!/usr/bin/env bash
# build-deb.sh BINARY OUT [OPTION...]: makes the Debian package of a built program in the folder OUT. Needs cargo-deb
# (`cargo install --locked cargo-deb`), whose options may follow. The manual pages and completions come from the program itself.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: packaging/build-deb.sh BINARY OUT [OPTION...]" >&2; exit 1; }
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The assets of [package.metadata.deb] in Cargo.toml.
stage=target/deb
rm -rf "$stage"
mkdir -p "$stage/man" "$stage/completions" "$stage/doc"
install -m 755 "$binary" "$stage/letterpress"
"$binary" man "$stage/man"
"$binary" completions bash >"$stage/completions/letterpress"
"$binary" completions zsh >"$stage/completions/_letterpress"
"$binary" completions fish >"$stage/completions/letterpress.fish"
cp docs/*.md "$stage/doc"

version=$("$binary" --version | cut -d ' ' -f 2)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
# The time of the commit, so that the same sources make the same package.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
cat >"$stage/changelog" <<CHANGELOG
letterpress ($version-1) unstable; urgency=medium

  * See changelog.gz for what has changed.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGELOG

cargo deb --no-build --no-strip --no-dbgsym --quiet --output "$out" "$@"
