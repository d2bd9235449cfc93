//! What a shell completes, asked by a real bash, and the manual pages.

use std::process::Command;

use super::site::{PROGRAM, Ran, Site};

/// What bash offers for the last of these words in the folder of a site.
fn completed(site: &Site, words: &[&str]) -> Vec<String> {
    let folder = std::path::Path::new(PROGRAM).parent().unwrap();
    let script = r#"
        source <(letterpress completions bash)
        COMP_WORDS=(letterpress "$@") COMP_CWORD=$# COMP_TYPE=9
        _clap_complete_letterpress letterpress "${COMP_WORDS[COMP_CWORD]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let path = format!("{}:{}", folder.display(), "/usr/bin:/bin");
    let mut bash = Command::new("bash");
    bash.env_clear().env("PATH", path).current_dir(site.path(""));
    let ran = Ran::of(bash.args(["-c", script, "bash"]).args(words));
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_shell_completes_commands_options_posts_and_topics_and_opens_no_ledger() {
    if Command::new("bash").arg("--version").output().is_err() {
        return println!("NOT RUN bash: there is no bash here");
    }
    let site = Site::new();
    let post =
        "+++\ntitle = \"여름\"\nslug = \"summer\"\ndate = 2026-06-01\ncategories = [\"계절\"]\n+++\n\n글\n";
    site.write("posts/여름.md", post);
    site.write("posts/draft.md", &post.replace("slug", "draft = true\nslug"));
    assert_eq!(completed(&site, &["subscribers", "exp"]), ["export", "export-personal-data"]);
    assert_eq!(completed(&site, &["send", "--dry"]), ["--dry-run"]);
    assert_eq!(completed(&site, &["send", "--post", "su"]), ["summer"]);
    assert_eq!(completed(&site, &["approve", "posts/dr"]), ["posts/draft.md"]);
    assert_eq!(completed(&site, &["status", "recipients", "sum"]), ["summer"]);
    let preferences = ["subscribers", "set-preferences", "kim@example.com", "--topic", ""];
    assert!(completed(&site, &preferences).contains(&"계절".to_owned()));
    assert!(!site.path("letterpress.db").exists());
}

#[test]
fn in_a_folder_without_a_site_nothing_is_completed_and_nothing_is_said() {
    let site = Site::new();
    site.write("config.toml", "broken = [");
    assert_eq!(completed(&site, &["send", "--post", "su"]), [""; 0]);
}

#[test]
fn every_shell_has_a_script_and_every_command_a_manual_page() {
    let site = Site::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Ran::of(site.command().args(["completions", shell])).succeeds().out;
        assert!(script.contains("LETTERPRESS_COMPLETE"), "{script}");
    }
    let ran = Ran::of(site.command().args(["man", "man1"])).succeeds();
    assert!(ran.out.ends_with("manual pages in man1\n"), "{ran:?}");
    for name in ["letterpress", "letterpress-publish", "letterpress-subscribers-import"] {
        let page = std::fs::read_to_string(site.path(&format!("man1/{name}.1"))).unwrap();
        assert!(page.starts_with(".ie \\n(.g"), "{page}");
        assert!(page.contains(".SH NAME"), "{page}");
    }
}
