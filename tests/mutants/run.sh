#!/usr/bin/env bash
# Changes the ledger and the verdicts one operator at a time (`cargo install cargo-mutants`); every change must fail a test.
#
#   tests/mutants/run.sh [OPTIONS OF CARGO MUTANTS]
#
# In the whole package each change costs half a minute of linking. Those two rooms need few others, so they are copied into
# a package of their own, in a temporary folder, where a change costs seconds: the same files, the same tests beside them.
# The report stays in target/mutants.out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

small=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-mutants.XXXXXX")
trap 'rm -rf "$small"' EXIT
mkdir -p "$small"/src/{delivery/smtp,subscribers} "$small/.cargo" target
cp -r src/ledger "$small/src/"
cp src/text.rs "$small/src/"
cp src/subscribers/bounces.rs "$small/src/subscribers/"
cp src/delivery/{heard,verdict}.rs "$small/src/delivery/"
cp src/delivery/smtp/reply.rs "$small/src/delivery/smtp/"
cp tests/mutants/mutants.toml "$small/.cargo/"
cp Cargo.lock "$small/"

cat > "$small/src/lib.rs" <<'RUST'
pub mod text;
pub mod ledger;
pub mod subscribers {
    pub mod bounces;
}
pub mod delivery {
    mod heard;
    pub mod smtp {
        pub mod reply;
    }
    pub mod verdict;
    pub use heard::{Heard, Phase, Trouble};
    pub use smtp::reply::Reply;
}
RUST

# The versions are those of the package; Cargo.lock holds them to the same releases.
wanted() { grep -E "^($1) = " Cargo.toml; }
{
    printf '[package]\nname = "letterpress"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n'
    wanted 'chrono|memchr|serde|thiserror'
    printf '\n[dev-dependencies]\n'
    wanted 'proptest|serde_json'
    printf '\n[profile.dev]\ndebug = false\n\n[profile.dev.package."*"]\nopt-level = 1\n'
} > "$small/Cargo.toml"

# A property that tries fewer inputs is quicker; what only a lucky one would catch wants an example beside it.
export PROPTEST_CASES=${PROPTEST_CASES:-64}
# --in-place: the copy is thrown away, so it may be changed. A change that makes a loop endless is caught by the time limit.
cargo mutants --dir "$small" --in-place --output target --no-shuffle --timeout 60 --cargo-arg=--lib "$@" -- -- ledger:: delivery::verdict
