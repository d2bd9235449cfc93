//! Commands for writers: new posts in sites of every generator, test emails of drafts, commands that are pasted into a
//! shell, and what git ignores.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::site::{PROGRAM, Ran, Site};

/// The program in `folder`, at the time of all these tests.
fn letterpress(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("LETTERPRESS_FROZEN_AT", "2026-11-23T00:00:00Z");
    Ran::of(command.current_dir(folder).args(arguments))
}

fn test_email(site: &Site, post: &str) -> Ran {
    Ran::of(site.command().args(["send", "--to", "me@letters.kr", "--post", post]))
}

fn draft(title: &str) -> String {
    format!("+++\ntitle = \"{title}\"\ndate = 2026-11-22\ndraft = true\n+++\n\nText.\n")
}

#[test]
fn a_post_is_found_by_its_path_name_slug_and_id_and_in_either_form_of_hangul() {
    let site = Site::new();
    // macOS decomposes the syllables of file names.
    let apart = "posts/2026-11-22-\u{1112}\u{1161}\u{11AB}.md";
    site.write(apart, &draft("한"));
    fs::create_dir(site.path("posts/2026-11-21-trip")).unwrap();
    site.write("posts/2026-11-21-trip/index.md", "+++\ntitle = \"Trip\"\n+++\n\nText.\n");
    let whole = site.path("posts/2026-11-21-trip/index.md");
    for (wanted, title) in [
        ("한", "[draft] 한"),
        ("2026-11-22-한.md", "[draft] 한"),
        (apart, "[draft] 한"),
        ("trip", "Trip"),
        ("posts/2026-11-21-trip/", "Trip"),
        ("posts/2026-11-21-trip/index.md", "Trip"),
        (whole.to_str().unwrap(), "Trip"),
        ("tag:example.com,2026-11-21:trip", "Trip"),
    ] {
        let output = test_email(&site, wanted).succeeds().out;
        assert!(output.starts_with(&format!("sent a test email of \"{title}\" to")), "{wanted}: {output}");
    }
    let mut from_posts = site.command();
    from_posts.current_dir(site.path("posts")).args([
        "--config",
        "../config.toml",
        "send",
        "--to",
        "me@letters.kr",
    ]);
    let output = Ran::of(from_posts.args(["--post", "2026-11-21-trip/index.md"])).succeeds().out;
    assert!(output.contains("\"Trip\""), "{output}");
}

#[test]
fn a_test_email_of_a_draft_is_not_recorded_and_the_post_is_mailed_later() {
    let site = Site::new();
    site.posts().iter().for_each(|sample| fs::remove_file(sample).unwrap());
    site.write("posts/waits.md", &draft("It waits"));
    test_email(&site, "waits").succeeds();
    Ran::of(site.command().args(["send", "--dry-run", "--post", "waits"])).succeeds();
    assert!(!site.path("posts/ids.txt").exists());
    assert!(site.run("status").succeeds().out.starts_with("no issue has been sent yet"));
    let email = fs::read_to_string(&site.emails()[0]).unwrap();
    assert!(
        email.contains("\nSubject: [draft] It waits\n")
            || email.contains("\r\nSubject: [draft] It waits\r\n")
    );

    site.write("posts/waits.md", &draft("It waits").replace("draft = true\n", ""));
    for now in ["2026-11-23T00:10:00Z", "2026-11-23T01:00:00Z"] {
        site.run_at(now, "publish").succeeds();
    }
    let mailed: Vec<String> = site.emails().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(mailed.iter().any(|email| email.contains("Subject: It waits")), "{mailed:?}");
}

#[test]
fn a_post_with_an_error_is_not_sent_as_a_test_and_the_error_is_reported() {
    let site = Site::new();
    site.write("posts/odd.md", "+++\ndraft = true\n+++\n\nText without a title.\n");
    let output = test_email(&site, "odd");
    assert!(
        output.code == 1 && output.err.contains("posts/odd.md:1: error: the post has no title"),
        "{output:?}"
    );
}

#[test]
fn an_error_in_another_post_does_not_prevent_a_test_email() {
    let site = Site::new();
    site.write("posts/odd.md", "+++\ntitle = \"Odd\"\ndate = 2026-11-20\n+++\n");
    site.write("posts/fine.md", "+++\ntitle = \"Fine\"\ndraft = true\n+++\n\nText.\n");
    assert_eq!(test_email(&site, "fine").code, 0);
    assert_eq!(test_email(&site, "odd").code, 1);
}

/// The files of a site, and its post folder relative to the folder `mail`; then the file that `post new` makes.
struct Generator {
    files: &'static [(&'static str, &'static str)],
    posts: &'static str,
    made: &'static str,
    begins: &'static str,
    draft: &'static str,
}

const GENERATORS: [Generator; 4] = [
    Generator {
        files: &[
            ("hugo.toml", "baseURL = \"https://letters.example/\"\n"),
            ("content/posts/a.md", "---\ntitle: a\ndate: 2026-01-01\n---\n\nText.\n"),
        ],
        posts: "../content",
        made: "content/posts/새-글.md",
        begins: "---\ntitle: \"새 글\"\ndate: 2026-11-23T09:00:00+09:00\n---\n",
        draft: "content/posts/waits.md",
    },
    Generator {
        files: &[
            ("config.toml", "base_url = \"https://letters.example/\"\n"),
            ("content/blog/2026-01-01-a.md", "+++\ntitle = \"a\"\n+++\n\nText.\n"),
        ],
        posts: "../content/blog",
        made: "content/blog/2026-11-23-새-글.md",
        begins: "+++\ntitle = \"새 글\"\ndate = 2026-11-23T09:00:00+09:00\n+++\n",
        draft: "content/blog/2026-11-23-waits.md",
    },
    Generator {
        files: &[("_config.yml", "title: a\n"), ("_posts/2026-01-01-a.md", "---\ntitle: a\n---\n\nText.\n")],
        posts: "..",
        made: "_posts/2026-11-23-새-글.md",
        begins: "---\nlayout: post\ntitle: \"새 글\"\ndate: 2026-11-23 09:00:00 +0900\n---\n",
        draft: "_drafts/waits.md",
    },
    Generator {
        files: &[
            ("pelicanconf.py", "SITEURL = 'https://letters.example'\n"),
            ("content/Go/a.md", "Title: a\nDate: 2026-01-01\n\nText.\n"),
        ],
        posts: "../content",
        made: "content/Go/새-글.md",
        begins: "Title: 새 글\nDate: 2026-11-23 09:00\n",
        draft: "content/Go/waits.md",
    },
];

#[test]
fn a_new_post_is_created_in_the_folder_of_each_generator_and_read_from_there() {
    for generator in GENERATORS {
        let site = tempfile::tempdir().unwrap();
        let mail = site.path().join("mail");
        fs::create_dir(&mail).unwrap();
        for (name, text) in generator.files {
            fs::create_dir_all(site.path().join(name).parent().unwrap()).unwrap();
            fs::write(site.path().join(name), text).unwrap();
        }
        let config = format!(
            "[site]\ntitle = \"t\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
             [newsletter]\nfrom = \"me@letters.example\"\n[archive]\nposts = \"{}\"\n",
            generator.posts
        );
        fs::write(mail.join("config.toml"), config).unwrap();
        let made = letterpress(&mail, &["post", "new", "새 글", "--no-draft"]).succeeds().out;
        assert_eq!(made.lines().next(), Some(format!("../{}", generator.made).as_str()));
        let path = site.path().join(generator.made);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(generator.begins), "{text}");
        fs::write(&path, text + "본문.\n").unwrap();
        letterpress(&mail, &["--quiet", "build"]).succeeds();
        let feed = fs::read_to_string(mail.join("public/feed.json")).unwrap();
        assert!(feed.contains("새 글"), "{}: {feed}", generator.made);

        letterpress(&mail, &["post", "new", "Waits"]).succeeds();
        let path = site.path().join(generator.draft);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "Text.\n").unwrap();
        letterpress(&mail, &["--quiet", "build"]).succeeds();
        assert_eq!(fs::read_to_string(mail.join("public/feed.json")).unwrap(), feed, "{}", generator.draft);
        let output = letterpress(&mail, &["send", "--to", "me@letters.kr", "--post", "waits"]).succeeds().out;
        assert!(output.contains("\"[draft] Waits\""), "{output}");
    }
}

#[test]
fn an_editor_with_options_gets_the_path_as_one_argument_and_without_editor_nothing_is_created() {
    let site = Site::new();
    let new = |editor: &str| {
        let mut command = site.command();
        command.env("EDITOR", editor).args(["post", "new", "Two words", "--slug", "two words", "--edit"]);
        Ran::of(&mut command)
    };
    let output = new(" ");
    assert!(
        output.code == 1 && output.err.contains("posts/2026-11-23-two-words.md was not created"),
        "{output:?}"
    );
    assert!(!site.path("posts/2026-11-23-two-words.md").exists());
    new("sh -c 'echo edited >> \"$0\"'").succeeds();
    assert!(fs::read_to_string(site.path("posts/2026-11-23-two-words.md")).unwrap().ends_with("edited\n"));
}

#[test]
fn printed_commands_are_quoted_for_any_folder_name() {
    let place = tempfile::tempdir().unwrap();
    let name = "나의 50% 편지's $HOME";
    let output = letterpress(place.path(), &["new", name]).succeeds().out;
    let bin = Path::new(PROGRAM).parent().unwrap();
    let pasted = |line: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().env("LETTERPRESS_FROZEN_AT", "2026-11-23T00:00:00Z").env("PATH", bin);
        Ran::of(shell.current_dir(place.path()).args(["-c", line])).succeeds()
    };
    let enter =
        output.lines().find_map(|line| line.trim().strip_prefix("1. ")?.split(", then").next()).unwrap();
    pasted(&format!("{enter} && letterpress publish"));
    assert!(place.path().join(name).join("public/rss.xml").exists());
    // cron treats a `%` without a backslash as a line break.
    let cron = output.lines().find_map(|line| line.trim().strip_prefix("*/10 * * * * ")).unwrap();
    assert!(!cron.replace("\\%", "").contains('%'), "{cron}");
    pasted(&cron.replace("\\%", "%"));
}

#[test]
fn gitignore_excludes_secrets_databases_and_lists_but_not_posts_and_ids() {
    let site = Site::new();
    let git = |arguments: &[&str]| {
        Command::new("git").current_dir(site.path("")).args(arguments).output().unwrap().status.success()
    };
    assert!(git(&["init", "--quiet"]), "these tests need git");
    for secret in [
        "letterpress.db",
        "letterpress.db-wal",
        "letterpress.db-shm",
        "letterpress.keys",
        "letterpress.fence",
        "letterpress-2026-11-23.db",
        "backup/letterpress.db",
        "dkim-letters.pem",
        "smtp-password",
        "imap-password",
        "subscribers.csv",
        "readers-backup.csv",
        "subscribers.json",
        "outbox/2026-11-23-hello/kim@example.com.eml",
        "public/rss.xml",
        ".letterpress/built.json",
    ] {
        assert!(git(&["check-ignore", "--quiet", secret]), "{secret} would be committed");
    }
    for kept in [
        "config.toml",
        "posts/ids.txt",
        "posts/pages.txt",
        "posts/2026-11-23-my-password.md",
        "templates/body.html",
    ] {
        assert!(!git(&["check-ignore", "--quiet", kept]), "{kept} would be lost");
    }
}

#[test]
fn the_date_order_in_the_configuration_applies_at_once() {
    let site = Site::new();
    site.write("subscribers.csv", "email,consented\nkim@letters.kr,02/03/2026\n");
    let first = site.run("publish");
    assert!(
        first.err.contains("3 February 2026 or 2 March 2026") && first.err.contains("1 unconfirmed"),
        "{first:?}"
    );
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let output = config.replace("[newsletter]\n", "[newsletter]\nlist_dates = \"dmy\"\n");
    site.write("config.toml", &output);
    let second = site.run("publish").succeeds();
    assert!(second.out.contains("subscribers: 0 new, 1 changed"), "{second:?}");
    let listed = site.run("subscribers list --json").succeeds().out;
    assert!(listed.contains("\"consented_at\": \"2026-03-02T00:00:00Z\""), "{listed}");
}

/// The HTML part of the newest email in the outbox, and its text part.
fn newest_email(site: &Site) -> String {
    let mut files = Vec::new();
    let mut folders = vec![site.path("outbox")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    let email = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "eml")).unwrap();
    let bytes = fs::read(email).unwrap();
    let message = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    format!("{}\n{}", message.body_html(0).unwrap(), message.body_text(0).unwrap())
}

#[test]
fn formulas_are_suggested_and_become_mathml_in_feeds_and_text_in_emails() {
    let site = Site::new();
    let text = "+++\ntitle = \"Math\"\ndate = 2026-11-22\n+++\n\nIt costs $5 and $6, but $a*b*c \\le \\alpha$ is\n\n\
                $$\n\\begin{pmatrix} a & b \\end{pmatrix}\n- c\n$$\n\nand \\(\\unknown\\).\n";
    site.write("posts/2026-11-22-math.md", text);
    let before = site.run("check").succeeds();
    assert!(
        before.out.contains("posts/2026-11-22-math.md:6: note: a*b*c \\le \\alpha looks like a formula"),
        "{}",
        before.out
    );
    site.archive("math = true");
    let after = site.run("check").succeeds();
    let named = "posts/2026-11-22-math.md:13: warning: the formula \\unknown is shown as TeX";
    assert!(
        after.out.contains(named) && !after.out.contains("looks like") && !after.out.contains("<math"),
        "{}",
        after.out
    );
    site.run("build").succeeds();
    for feed in ["atom.xml", "rss.xml", "feed.json"] {
        let feed = fs::read_to_string(site.path("public").join(feed)).unwrap();
        assert!(feed.contains("a*b*c") && feed.contains("mtable") && feed.contains("$5 and $6"), "{feed}");
    }
    site.run("send --to me@letters.kr --post math").succeeds();
    let email = newest_email(&site);
    assert!(email.contains("a ∗ b ∗ c ≤ α") && !email.contains("<math"), "{email}");
    assert!(
        email.contains("\\begin{pmatrix} a &amp; b \\end{pmatrix}") && email.contains("`\\unknown`"),
        "{email}"
    );
}

#[test]
fn the_title_of_a_callout_is_in_the_language_of_the_post() {
    let site = Site::new();
    let callout = |name: &str, head: &str| {
        let text = format!("+++\ntitle = \"{name}\"\n{head}+++\n\n> [!WARNING]\n> text\n");
        site.write(&format!("posts/2026-11-22-{name}.md"), &text);
    };
    callout("one", "");
    callout("two", "language = \"ko\"\n");
    site.run("build").succeeds();
    let feed = fs::read_to_string(site.path("public/atom.xml")).unwrap();
    assert!(feed.contains("Warning&lt;") && feed.contains("주의&lt;"), "{feed}");
}

#[test]
fn the_built_in_templates_are_written_for_editing_and_make_the_same_email() {
    let site = Site::new();
    let email = || {
        site.run("send --to me@letters.kr").succeeds();
        let email = newest_email(&site);
        fs::remove_dir_all(site.path("outbox")).unwrap();
        email
    };
    let builtin = email();
    let written = site.run("new --templates").succeeds();
    assert!(written.out.contains("created templates/body.html"), "{}", written.out);
    assert_eq!(email(), builtin);
    site.run("check").succeeds();
    let again = site.run("new --templates");
    assert!(again.err.contains("templates/subject.txt already exists"), "{}", again.err);
}

#[test]
fn check_tries_the_users_templates_with_difficult_posts_and_names_the_block() {
    let site = Site::new();
    fs::create_dir_all(site.path("templates")).unwrap();
    let header = |line: &str| {
        let text = format!(
            "{{% extends \"builtin/body.html\" %}}\n{{% block header %}}\n{line}\n{{% endblock %}}\n"
        );
        site.write("templates/body.html", &text);
        site.run("check")
    };
    header("<h1>{{ post.title }}</h1>").succeeds();
    let raw = header("<h1>{{ post.title|safe }}</h1>");
    let message = "templates/body.html: error: the email of a post with markup in its title, summary, author and category: mail servers reject emails with <script>";
    assert!(raw.out.contains(message), "{}", raw.out);
    let unknown = header("{{ post.titel }}");
    let message = "templates/body.html:3: error: block `header`: there is no field `post.titel`";
    assert!(unknown.out.contains(message), "{}", unknown.out);
}
