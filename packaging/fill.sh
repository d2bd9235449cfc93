#!/usr/bin/env bash
# fill.sh REPOSITORY VERSION SHA256 OUT: writes the Homebrew formula and the PKGBUILD of a release into the folder OUT, with the
# address of the repository, the version, and the checksum of the source archive of its tag.
set -euo pipefail

[ $# -eq 4 ] || { echo "usage: packaging/fill.sh REPOSITORY VERSION SHA256 OUT" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $3 =~ ^[0-9a-f]{64}$ ]] || { echo "error: the checksum must be a SHA-256 in hexadecimal" >&2; exit 1; }
mkdir -p "$4"
for file in homebrew/letterpress.rb aur/PKGBUILD; do
    sed -e "s|@REPOSITORY@|${1%/}|g; s|@VERSION@|$2|g; s|@SHA256@|$3|g" "$here/$file" >"$4/$(basename "$file")"
done
