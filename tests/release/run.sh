#!/usr/bin/env bash
# The scripts of a release, with a made-up one: version, notes, archive, checksums, and the download by the GitHub Action.
#
#   tests/release/run.sh BINARY
set -euo pipefail

binary=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-release.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }
# refused WORDS COMMAND...: fails, and says so.
refused() {
    local words=$1
    shift
    if "$@" >"$work/said" 2>&1; then fail "not refused: $*"; fi
    grep -qF -- "$words" "$work/said" || { cat "$work/said" >&2; fail "does not say \"$words\": $*"; }
}

version=$("$binary" --version | cut -d ' ' -f 2)
[ "$(packaging/release/version.sh "v$version")" = "$version" ] || fail "the version in Cargo.toml is not that of the program"
refused "is not v$version" packaging/release/version.sh "v$version.1"
refused "is not v$version" packaging/release/version.sh "$version"

# A changelog with everything that the notes must get right.
mkdir "$work/repository"
cat >"$work/repository/CHANGELOG.md" <<'CHANGELOG'
# Changelog

## [Unreleased]

## [1.10.0] - 2026-11-30

The first
paragraph ([docs](docs/feeds.md#b)).

### Added

* An item that is
  wrapped ([web](https://example.com/)).
* Another.

## [1.1.0] - 2026-01-01

* Older.
CHANGELOG
cat >"$work/expected" <<'NOTES'
The first paragraph ([docs](https://forge.example/o/r/blob/v1.10.0/docs/feeds.md#b)).

### Added

* An item that is wrapped ([web](https://example.com/)).
* Another.
NOTES
cd "$work/repository"
"$root/packaging/release/notes.sh" 1.10.0 https://forge.example/o/r/ | diff -u "$work/expected" - || fail "the notes differ"
[ "$("$root/packaging/release/notes.sh" 1.1.0)" = "* Older." ] || fail "the notes of the last section differ"
refused "no section [Unreleased], or it is empty" "$root/packaging/release/notes.sh" Unreleased
refused "no section [1.1]" "$root/packaging/release/notes.sh" 1.1
cd "$root"

target=$(uname -m)-unknown-linux-musl
archive=$(packaging/release/archive.sh "$binary" "$target" "$work/v$version")
sum=$(sha256sum <"$archive")
[ "$(packaging/release/archive.sh "$binary" "$target" "$work/again" | xargs sha256sum | cut -d ' ' -f 1)  -" = "$sum" ] || fail "the second archive differs"
tar --list --file "$archive" >"$work/list"
for file in letterpress man/letterpress.1 completions/letterpress.bash completions/_letterpress LICENSE-MIT LICENSE-APACHE; do
    grep -qx "letterpress-$version-$target/$file" "$work/list" || fail "the archive has no $file"
done
(cd "$work/v$version" && sha256sum -- * >SHA256SUMS)

export LETTERPRESS_RELEASES=file://$work
install() { packaging/action/install.sh o/letterpress "$version" "$work/installed"; }
program=$(install)
[ "$("$program" --version)" = "letterpress $version" ] || fail "the installed program does not run"
printf x >>"$archive"
refused "is not the file of the release" install
sed -i 's/letterpress-/other-/' "$work/v$version/SHA256SUMS"
refused "does not name" install
rm "$archive"
refused "cannot be downloaded" install
printf 'version, notes, archive (%s files), download\n' "$(find "$work/installed/letterpress-$version-$target" -type f | wc -l)"
