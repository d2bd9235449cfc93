#!/usr/bin/env bash
# image.sh ARCHIVES VERSION NAME: makes and pushes the image of a release from the archives of its Linux binaries, for both processors.
# Nothing is compiled, so it needs no emulation. Prints the name and the digest, one `key=value` a line. Needs docker with BuildKit.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: packaging/release/image.sh ARCHIVES VERSION NAME" >&2; exit 1; }
archives=$1 version=$2 name=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
images=()
for pair in amd64:x86_64 arm64:aarch64; do
    platform=${pair%:*} folder=$work/${pair%:*} archive=letterpress-$version-${pair#*:}-unknown-linux-musl
    mkdir -p "$folder/empty"
    tar --extract --gzip --file "$archives/$archive.tar.gz" --directory "$folder" --strip-components 1 "$archive/letterpress"
    cp /etc/ssl/certs/ca-certificates.crt "$folder/"
    docker build --quiet --provenance=false --platform "linux/$platform" --file "$here/container/Containerfile.binary" \
        --tag "$name:$version-$platform" "$folder" >&2
    docker push --quiet "$name:$version-$platform" >&2
    images+=("$name:$version-$platform")
done
docker buildx imagetools create --tag "$name:$version" --tag "$name:latest" "${images[@]}" >&2
printf 'name=%s\ndigest=%s\n' "$name" "$(docker buildx imagetools inspect --format '{{json .Manifest}}' "$name:$version" | jq -r .digest)"
