#!/usr/bin/env bash
# Downloads a released binary, and compares it with the SHA256SUMS of its release. Prints the path of the program.
#
#   install.sh OWNER/NAME VERSION FOLDER
set -euo pipefail

refuse() {
    printf 'error: %s\n    help: %s\n' "$1" "$2" >&2
    exit 1
}

repository=$1 version=${2#v} folder=$3
case "$(uname -s) $(uname -m)" in
    "Linux x86_64") target=x86_64-unknown-linux-musl ;;
    "Linux aarch64" | "Linux arm64") target=aarch64-unknown-linux-musl ;;
    *) refuse "this action runs on Linux, and not on $(uname -s) $(uname -m)" "runs-on: ubuntu-latest" ;;
esac
name=letterpress-$version-$target
from=${LETTERPRESS_RELEASES:-${GITHUB_SERVER_URL:-https://github.com}/$repository/releases/download}/v$version
mkdir -p "$folder"
cd "$folder"
for file in "$name.tar.gz" SHA256SUMS; do
    curl --fail --silent --show-error --location --retry 3 --max-time 120 --output "$file" "$from/$file" ||
        refuse "$from/$file cannot be downloaded" "is there a release v$version? The input \`program\` names a program that is installed already"
done
grep -E "^[0-9a-f]{64} [ *]$name\.tar\.gz\$" SHA256SUMS >expected || refuse "SHA256SUMS of v$version does not name $name.tar.gz" "report it"
sha256sum --check --quiet expected || refuse "$name.tar.gz is not the file of the release" "do not use it; run the workflow again, and report it if that does not help"
tar --extract --gzip --file "$name.tar.gz"
printf '%s\n' "$PWD/$name/letterpress"
