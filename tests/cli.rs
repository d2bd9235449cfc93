//! The command line as its users meet it: transcripts in a frozen world (`tests/cmd/*.md`), and beside them what a
//! transcript cannot hold: files, locks, exit codes of things that were lost.

#[cfg(test)]
#[path = "cli/site.rs"]
mod site;

/// `TRYCMD=overwrite cargo test --test cli` writes the transcripts anew; read what it wrote.
#[test]
fn the_transcripts_are_what_the_program_says() {
    trycmd::TestCases::new()
        .env("LETTERPRESS_FROZEN_AT", "2026-11-23T09:00:00+09:00")
        // What must not matter is set to something that would show.
        .env("HOME", "/nonexistent")
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8")
        .env("COLUMNS", "40")
        .case("tests/cmd/*.md")
        .insert_var("[PROGRAM]", env!("CARGO_BIN_EXE_letterpress"))
        .unwrap();
}
