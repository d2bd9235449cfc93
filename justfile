# `just` alone lists these commands.

default:
    @just --list

# The one command before a commit.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# Renew snapshots and transcripts; read the diff before you commit it.
renew:
    INSTA_UPDATE=always cargo test
    TRYCMD=overwrite cargo test --test cli

# Licences, bans, advisories (needs the network).
deny:
    cargo deny check

# Build and send speed, as in docs/speed.md.
bench:
    cargo bench

# Everything that CI does (as root, on Debian: it installs what is missing).
ci:
    .ci/run

# Deliver to N subscribers through a real Postfix on a loopback port (Debian's package `postfix`; as root).
postfix N="200":
    cargo build --release
    tests/postfix/deliver.sh target/release/letterpress {{N}}

# Emails signed with two keys, checked by dkimpy and Mail::DKIM (Debian's `libmail-dkim-perl`; `pip install dkimpy pynacl`).
dkim PYTHON="python3":
    cargo build --release
    tests/dkim/verify.sh target/release/letterpress {{PYTHON}}

# Kill the sender in mid-issue, then compare what Postfix delivered with the ledger.
kill N="3000" KILLS="10":
    cargo build --release
    tests/postfix/kill.sh target/release/letterpress {{N}} {{KILLS}}

# Run N more seeds of the simulation; LETTERPRESS_FIRST_SEED is the first one.
simulate N="100000":
    LETTERPRESS_SEEDS={{N}} cargo test --release --test simulation -- --ignored --nocapture more_seeds

# One seed of the simulation, with its whole trace.
simulate-one SEED:
    LETTERPRESS_SEED={{SEED}} cargo test --test simulation -- --ignored --nocapture one_seed

# Every crash point of the program with every reply of a relay; prints the results as a table.
crash:
    cargo test --features crash-points --test crash -- --nocapture

# Kill one, two and three senders at random moments, KILLS times; compare the scripted server with the ledger.
torture KILLS="200":
    LETTERPRESS_TORTURE={{KILLS}} cargo test --features crash-points --test crash -- --nocapture torture

# Flip one in EVERY bits of the log of a killed run, and cut it off at one in EVERY lengths. All of them (1) take most of an hour.
damage EVERY="101":
    LETTERPRESS_DAMAGE={{EVERY}} cargo test --release --test it -- --nocapture every_bit

# Change the ledger and the verdicts one operator at a time; every change must fail a test (`cargo install cargo-mutants`).
mutants:
    tests/mutants/run.sh

# Fuzz every parser of untrusted input for SECONDS each (`cargo install cargo-fuzz`).
fuzz SECONDS="600":
    fuzz/run {{SECONDS}}

# A subscriber's path through the pages in Chromium (Debian's `chromium`, `chromium-driver`; `pip install selenium`; npm's `axe-core`).
browser AXE PYTHON="python3":
    cargo build --release
    {{PYTHON}} tests/web/browser.py target/release/letterpress {{AXE}} target/screenshots
    {{PYTHON}} tests/letters/pictures.py target/release/letterpress {{AXE}} target/screenshots

# The pages under load (Debian's `wrk`), and `kill -9` right after an unsubscribe.
load SECONDS="5" SUBSCRIBERS="4000":
    cargo build --release
    tests/web/load.py target/release/letterpress {{SECONDS}} {{SUBSCRIBERS}}

# The documentation in a browser (`cargo install mdbook`).
book:
    mdbook serve --open
