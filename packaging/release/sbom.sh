#!/usr/bin/env bash
# sbom.sh VERSION OUT: writes what the program is made of, as CycloneDX, into the folder OUT. Needs cargo-cyclonedx. Runs in the root
# of the repository.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: packaging/release/sbom.sh VERSION OUT" >&2; exit 1; }
mkdir -p "$2"
# The binary with its default features on every system, and not the tools of its tests.
cargo cyclonedx --quiet --format json --describe binaries --spec-version 1.5 --target all
mv letterpress_bin.cdx.json "$2/letterpress-$1.cdx.json"
