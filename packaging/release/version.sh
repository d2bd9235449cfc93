#!/usr/bin/env bash
# version.sh TAG: prints the version of a release. Refuses a tag that is not the version in Cargo.toml, and a version without a
# section in CHANGELOG.md. Runs in the root of the repository.
set -euo pipefail

refuse() {
    printf 'error: %s\n    help: %s\n' "$1" "$2" >&2
    exit 1
}

[ $# -eq 1 ] || { echo "usage: packaging/release/version.sh TAG" >&2; exit 1; }
version=$(sed -n '/^\[package\]/,/^\[[^p]/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$1" = "v$version" ] || refuse "the tag $1 is not v$version, the version in Cargo.toml" \
    "set version in Cargo.toml, commit it with Cargo.lock, and tag that commit; delete this tag"
grep -A 1 -x 'name = "letterpress"' Cargo.lock | grep -qx "version = \"$version\"" || refuse "Cargo.lock has another version than Cargo.toml" \
    "run \`cargo check\`, and commit Cargo.lock"
[ "$(sed -n '/^  version:/,/default:/s/^ *default: //p' action.yml)" = "$version" ] || refuse "action.yml downloads another version by default" \
    "set the default of its input version to $version"
"$(dirname "${BASH_SOURCE[0]}")/notes.sh" "$version" >/dev/null
printf '%s\n' "$version"
