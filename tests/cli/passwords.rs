//! A password in a URL of the configuration is in no output and in no file that is written; a password of the service manager is
//! read from its folder.

use std::fs;
use std::path::Path;

use crate::site::{Ran, Site};

const PASSWORD: &str = "hunter2";

/// The files with the password below `folder`, without the configuration.
fn files_with_password(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_with_password(&path));
        } else if !path.ends_with("config.toml")
            && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(PASSWORD)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn site(settings: &str) -> Site {
    let site = Site::new();
    match settings.strip_prefix("\n[archive]\n") {
        Some(settings) => site.archive(settings),
        None => site.append("config.toml", settings),
    }
    site
}

#[test]
fn a_password_in_a_url_is_not_printed_and_not_written() {
    let secret = "https://kim:hunter2@127.0.0.1:9";
    for settings in [
        format!("\n[archive]\nfeed = \"{secret}/feed\"\nfeed_private = true\n"),
        format!("\n[archive]\nfeed = \"{secret}/feed\"\n"),
        "\n[archive]\nfeed = \"ftp://kim:hunter2@127.0.0.1/feed\"\n".to_owned(),
        format!("\n[feeds]\nhubs = [\"{secret}/hub\"]\n"),
        format!("\n[web]\nurl = \"{secret}/letters?a\"\n"),
        "\n[web]\nurl = \"https://kim:hunter2@\"\n".to_owned(),
        format!("\n[notify]\nurl = \"{secret}/ping\"\n"),
        "\n[store]\nurl = \"postgres://kim:hunter2@127.0.0.1:9/letters\"\n".to_owned(),
    ] {
        let site = site(&settings);
        if settings.contains("[archive]") {
            fs::remove_dir_all(site.path("posts")).unwrap();
        }
        for line in [
            "check",
            "check --json",
            "build",
            "-vvv build",
            "build --json",
            "-vvv publish",
            "status",
            "status --json",
            "send",
            "ledger verify",
            "publish --json",
        ] {
            let Ran { out, err, .. } = site.run(line);
            assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{settings}{line}: {out}{err}");
        }
        assert_eq!(files_with_password(&site.path("")), Vec::<String>::new(), "{settings}");
    }
}

#[test]
fn a_password_in_the_url_of_a_command_is_not_printed() {
    let site = Site::new();
    for line in ["-vv check --feed", "-vv import feed", "-vv adopt"] {
        let Ran { code, out, err } = site.run(&format!("{line} https://kim:hunter2@127.0.0.1:9/feed"));
        assert!(code > 0 && !out.contains(PASSWORD) && !err.contains(PASSWORD), "{line}: {out}{err}");
    }
}

#[test]
fn a_password_of_the_service_manager_is_used_before_a_file_in_the_folder_of_the_site() {
    let site = Site::new();
    let relay = "[smtp]\nhost = \"localhost\"\ntls = \"none\"\nuser = \"kim\"\n";
    site.append("config.toml", &format!("{relay}password_file = \"smtp-password\"\n"));
    fs::create_dir(site.path("credentials")).unwrap();
    let publish = |site: &Site| {
        Ran::of(site.command().env("CREDENTIALS_DIRECTORY", site.path("credentials")).arg("publish"))
    };
    let ran = publish(&site);
    assert!(ran.err.contains("cannot read the password file smtp-password"), "{ran:?}");
    // An empty password is an error that says which file was read.
    site.write("smtp-password", "\n");
    let ran = publish(&site);
    assert!(ran.err.contains("the password in smtp-password is empty"), "{ran:?}");
    site.write("credentials/smtp-password", "\n");
    let ran = publish(&site);
    assert!(ran.err.contains("credentials/smtp-password is empty"), "{ran:?}");
}
