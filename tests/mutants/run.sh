#!/usr/bin/env bash
# Changes the ledger and the verdicts one operator at a time (`cargo install cargo-mutants`); every change must fail a test.
#
#   tests/mutants/run.sh [OPTIONS OF CARGO MUTANTS]
#
# In the whole package each change costs half a minute of linking. These two modules need few others, so they are copied into
# a package of their own, in a temporary folder, where a change costs seconds. The files and their tests are the same.
# The report stays in target/mutants.out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

small=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-mutants.XXXXXX")
trap 'rm -rf "$small"' EXIT
mkdir -p "$small"/src/{delivery/smtp,subscribers} "$small/.cargo" target
cp -r src/ledger "$small/src/"
cp src/text.rs "$small/src/"
cp src/subscribers/bounces.rs "$small/src/subscribers/"
cp src/delivery/{outcome,verdict}.rs "$small/src/delivery/"
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
    mod outcome;
    pub mod smtp {
        pub mod reply;
        /// The part that `outcome` needs; the real module needs rustls.
        pub mod certificate {
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct BadCertificate;

            impl std::fmt::Display for BadCertificate {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bad certificate")
                }
            }
        }
    }
    pub mod verdict;
    pub use outcome::{Phase, SmtpOutcome, TransportError};
    pub use smtp::reply::Reply;
}
RUST

# The versions are those of the package; Cargo.lock pins the same releases.
wanted() { grep -E "^($1) = " Cargo.toml; }
{
    printf '[package]\nname = "letterpress"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n'
    wanted 'chrono|memchr|serde|thiserror'
    printf '\n[dev-dependencies]\n'
    wanted 'proptest|serde_json'
    printf '\n[profile.dev]\ndebug = false\n\n[profile.dev.package."*"]\nopt-level = 1\n'
} > "$small/Cargo.toml"

# Fewer inputs for each property are quicker; a mutant that only a rare input detects needs an example test.
export PROPTEST_CASES=${PROPTEST_CASES:-64}
# --in-place: the copy is temporary and may be changed. The time limit stops a change that makes a loop endless.
cargo mutants --dir "$small" --in-place --output target --no-shuffle --timeout 60 --cargo-arg=--lib "$@" -- -- ledger:: delivery::verdict
