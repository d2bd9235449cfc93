# The everyday commands; `just` alone lists them.

default:
    @just --list

# What CI checks first, and fast.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# Renew the golden files and transcripts after looking at what changed.
renew:
    INSTA_UPDATE=always cargo test
    TRYCMD=overwrite cargo test --test cli

# Licences, bans, advisories (needs the network).
deny:
    cargo deny check

# Build and send speed; the figures of docs/speed.md.
bench:
    cargo bench

# Deliver to a real Postfix on a loopback port (Debian's package `postfix`).
postfix:
    tests/postfix/deliver.sh

# Kill the sender at random N times, then compare what arrived with the ledger.
torture N="10":
    cargo test --release --test it -- --ignored --nocapture torture_{{N}}
