//! Unmodified sites of each generator: a fictional one for each with its expected result, and one real archive if it is
//! available.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const NOW: &str = "2026-11-23T00:00:00Z";

struct Site(tempfile::TempDir);

impl Site {
    /// A folder with a copy of the site, because a test must not change the sources.
    fn with(name: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        copy(&Path::new("tests/data/sites").join(name), &site.0.path().join("site"));
        site
    }

    fn run(&self, line: &str) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_letterpress"))
            .env_clear()
            .env("LETTERPRESS_FROZEN_AT", NOW)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .args(line.split(' '))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    fn succeeds(&self, line: &str) -> String {
        let (code, text) = self.run(line);
        assert_eq!(code, 0, "{line}: {text}");
        text
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn append(&self, file: &str, text: &str) {
        let whole = format!("{}{text}", self.read(file));
        fs::write(self.0.path().join(file), whole).unwrap();
    }

    /// What is published and what is held back, in a form that is easy to compare.
    fn summary(&self) -> String {
        self.succeeds("--config l/config.toml build");
        let feed: serde_json::Value = serde_json::from_str(&self.read("l/public/feed.json")).unwrap();
        let mut summary = String::new();
        for item in feed["items"].as_array().unwrap() {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let url = percent_decoded(&text("url"));
            let _ =
                writeln!(summary, "{} {} {url} {}", text("date_published"), text("title"), text("language"));
            let _ = writeln!(summary, "  tags {}", item["tags"]);
            for line in text("content_html").lines().filter(|line| !line.is_empty()) {
                let _ = writeln!(summary, "  | {}", percent_decoded(line));
            }
        }
        let (_, checked) = self.run("--config l/config.toml check");
        let about_files =
            checked.lines().filter(|line| line.contains("site/") && !line.contains("alternative text"));
        about_files.for_each(|line| {
            let _ = writeln!(summary, "{line}");
        });
        summary
    }
}

fn percent_decoded(text: &str) -> String {
    letterpress::internals::archive::links::readable(text)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `new --from` writes a configuration with which the site builds as expected; the expectation is beside the site.
fn builds_as_expected(generator: &str) {
    let site = Site::with(generator);
    let output = site.succeeds(&format!("new --from {generator} site l"));
    let (code, again) = site.run(&format!("new --from {generator} site l"));
    assert!(code == 1 && again.contains("already exists"), "nothing is overwritten: {again}");
    let config = site.read("l/config.toml");
    site.append("l/config.toml", "\n[feeds]\nentries = 0\nformats = [\"json\"]\nby = []\n");
    let (output, steps) = output.split_once("  steps to your first issue:\n").unwrap();
    assert!(steps.starts_with("    1. letterpress --config l/config.toml adopt "), "{steps}");
    let summary = format!("{output}\n{config}\n{}", site.summary());
    insta::with_settings!({ snapshot_path => "data/sites", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(generator, summary);
    });
    // The same input gives the same bytes, whatever the file times and the folder.
    let elsewhere = Site::with(generator);
    fs::create_dir_all(elsewhere.0.path().join("l")).unwrap();
    fs::copy(site.0.path().join("l/config.toml"), elsewhere.0.path().join("l/config.toml")).unwrap();
    elsewhere.succeeds("--config l/config.toml build");
    for file in ["l/public/feed.json", "l/ids.txt"] {
        assert_eq!(elsewhere.read(file), site.read(file), "{file}");
    }
}

#[test]
fn a_hugo_site_builds_as_it_is() {
    builds_as_expected("hugo");
}

/// No one is present when a post expires, or when an edit breaks a published post.
#[test]
fn expired_and_broken_posts_do_not_stop_the_build_and_deleted_posts_do() {
    let site = Site::with("hugo");
    site.succeeds("new --from hugo site l");
    let post = |name: &str, expires: &str, end: &str| {
        let text =
            format!("---\ntitle: {name}\ndate: 2026-11-0{name}\nexpiryDate: {expires}\n{end}\n{name}\n");
        fs::write(site.0.path().join(format!("site/content/posts/{name}.md")), text).unwrap();
    };
    for name in ["1", "2", "3"] {
        post(name, "2030-01-01", "---");
    }
    site.succeeds("--config l/config.toml build");
    let id = |name: &str| {
        let ids = site.read("l/ids.txt");
        let line = ids.lines().find(|line| line.contains(&format!("posts/{name}.md"))).unwrap();
        (line.split('\t').next().unwrap().to_owned(), line.contains("taken back"))
    };
    post("1", "2026-11-22", "---");
    post("2", "2030-01-01", "no end");
    let output = site.succeeds("--config l/config.toml build");
    assert!(output.contains("site/content/posts/2.md:1: warning: left out"), "{output}");
    assert_eq!((id("1").1, id("2").1, id("3").1), (true, false, false));
    let atom = site.read("l/public/atom.xml");
    let tombstone = |name: &str| atom.contains(&format!("deleted-entry ref=\"{}\"", id(name).0));
    assert!(tombstone("1") && !tombstone("2") && !tombstone("3"), "{atom}");
    fs::remove_file(site.0.path().join("site/content/posts/3.md")).unwrap();
    let (code, output) = site.run("--config l/config.toml build");
    assert!(code == 1 && output.contains("or its line in ids.txt;"), "{output}");
    site.succeeds("--config l/config.toml build --allow-loss");
    assert!(id("3").1);
}

#[test]
fn a_zola_site_builds_as_it_is() {
    builds_as_expected("zola");
}

#[test]
fn a_jekyll_site_builds_as_it_is() {
    builds_as_expected("jekyll");
}

#[test]
fn a_pelican_site_builds_as_it_is() {
    builds_as_expected("pelican");
}

/// `published.tsv` beside the site has what its generator publishes: each post has the same address, date and title here,
/// or there is a reason. `edit` is a text of the configuration, and what replaces it.
fn publishes_what_it_does(folder: &str, generator: &str, (from, to): (&str, &str)) {
    let site = Site::with(folder);
    let said = site.succeeds(&format!("new --from {generator} site l"));
    let (said, _) = said.split_once("  steps to your first issue:\n").unwrap();
    let config = site.read("l/config.toml").replace(from, to);
    let feeds = "\n[feeds]\nentries = 0\nformats = [\"json\"]\nby = []\nbudget = \"0\"\n";
    fs::write(site.0.path().join("l/config.toml"), format!("{config}{feeds}")).unwrap();
    let summary = site.summary();
    let feed: serde_json::Value = serde_json::from_str(&site.read("l/public/feed.json")).unwrap();
    let date = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let post = |item: &serde_json::Value| {
        let text = |key: &str| item[key].as_str().unwrap().to_owned();
        let address = url::Url::parse(&text("url")).unwrap();
        (percent_decoded(address.path()), date(&text("date_published")), text("title"))
    };
    let mut ours: Vec<_> = feed["items"].as_array().unwrap().iter().map(post).collect();
    ours.sort();
    let mut theirs = Vec::new();
    for line in site.read("site/published.tsv").lines().filter(|line| !line.starts_with('#')) {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            [address, day, title] => theirs.push(((*address).to_owned(), date(day), (*title).to_owned())),
            [address, _, _, why] => assert!(summary.contains(why), "{address}: {summary}"),
            _ => panic!("{line}"),
        }
    }
    theirs.sort();
    assert_eq!(ours, theirs, "{summary}");
    insta::with_settings!({ snapshot_path => "data/sites", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(folder, format!("{said}\n{config}\n{summary}"));
    });
}

#[test]
fn documents_of_a_collection_of_jekyll_have_its_addresses() {
    publishes_what_it_does("jekyll-collection", "jekyll", ("\"../site\"", "\"../site/_recipes\""));
}

#[test]
fn posts_of_astro_have_its_addresses() {
    publishes_what_it_does("astro", "astro", ("generator", "generator"));
}

#[test]
fn posts_of_eleventy_have_its_addresses() {
    publishes_what_it_does("eleventy", "eleventy", ("generator", "generator"));
}

#[test]
fn posts_of_hexo_have_its_addresses() {
    publishes_what_it_does("hexo", "hexo", ("generator", "generator"));
}

#[test]
fn posts_of_docusaurus_have_its_addresses() {
    publishes_what_it_does("docusaurus", "docusaurus", ("generator", "generator"));
}

#[test]
fn posts_of_material_for_mkdocs_have_its_addresses() {
    publishes_what_it_does("mkdocs-material", "mkdocs-material", ("generator", "generator"));
}

#[test]
fn posts_of_nikola_have_its_addresses() {
    publishes_what_it_does("nikola", "nikola", ("generator", "generator"));
}

#[test]
fn posts_of_vuepress_have_its_addresses() {
    publishes_what_it_does(
        "vuepress",
        "vuepress",
        ("https://example.com/", "https://vuepress.example/docs/"),
    );
}

/// Quarto could not be run for this test, so the addresses are not confirmed.
#[test]
fn posts_of_quarto_have_the_addresses_of_their_files() {
    publishes_what_it_does("quarto", "quarto", ("generator", "generator"));
}

#[test]
fn a_folder_of_plain_markdown_builds_as_it_is() {
    let site = Site::with("plain");
    let config = "[site]\ntitle = \"t\"\nurl = \"https://plain.example\"\nlanguage = \"ko\"\n[archive]\nposts = \"../site/posts\"\n\
                  permalink = \"/:year/:month/:day/:slug/\"\n[feeds]\nentries = 0\nformats = [\"json\"]\nby = []\n";
    fs::create_dir(site.0.path().join("l")).unwrap();
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    insta::with_settings!({ snapshot_path => "data/sites", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("plain", site.summary());
    });
}

#[test]
fn a_language_is_selected_by_its_name() {
    let site = Site::with("hugo");
    site.succeeds("new --from hugo site l");
    let config = site.read("l/config.toml").replace("[archive]", "[archive]\nlanguage = \"en\"");
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    let summary = site.summary();
    assert!(
        summary.starts_with("2024-05-02T00:00:00+09:00 Bundle https://hugo.example/en/posts/bundle/ en"),
        "{summary}"
    );
    assert_eq!(summary.matches("https://").count(), 1, "{summary}");
}

#[test]
fn in_strict_mode_a_broken_post_stops_the_build() {
    let site = Site::with("hugo");
    site.succeeds("new --from hugo site l");
    let config = site.read("l/config.toml").replace("[archive]", "[archive]\nstrict = true");
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    let (code, output) = site.run("--config l/config.toml build");
    assert!(code == 1 && output.contains("broken.md:2: error"), "{output}");
}

/// The files that the generator itself publishes are beside the site. Letterpress also holds back posts because of
/// flags of other tools.
fn holds_back_what_it_does(generator: &str, posts: &str, settings: &str) {
    let site = Site::with(&format!("held/{generator}"));
    let config = format!(
        "[site]\ntitle = \"t\"\nurl = \"https://{generator}.example\"\n[archive]\nposts = \"../site/{posts}\"\nids = \"ids.txt\"\n\
         {settings}\n[feeds]\nentries = 0\nformats = [\"json\"]\nby = []\nbudget = \"0\"\n"
    );
    fs::create_dir(site.0.path().join("l")).unwrap();
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    site.succeeds("--config l/config.toml build");
    let feed: serde_json::Value = serde_json::from_str(&site.read("l/public/feed.json")).unwrap();
    let mut titles: Vec<&str> =
        feed["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    let published = site.read("site/published.txt");
    let expected = published.lines().filter(|line| !line.starts_with('#') && !line.contains(" | "));
    assert_eq!(titles, expected.collect::<Vec<_>>(), "{}", site.run("--config l/config.toml check").1);
    // Every file that is held back is named, with the reason.
    let (code, output) = site.run("--config l/config.toml check");
    assert_eq!(code, 0, "{output}");
    insta::with_settings!({ snapshot_path => "data/sites/held", prepend_module_to_snapshot => false, omit_expression => true }, {
        let held = output.lines().filter(|line| line.contains("site/") && !line.contains("section page"));
        insta::assert_snapshot!(generator, held.collect::<Vec<_>>().join("\n"));
    });
}

/// An unaffected post, a post that a setting may hold back, and the setting; each in its own file.
struct Unclear {
    generator: &'static str,
    posts: &'static str,
    free: &'static str,
    concerned: &'static str,
    setting: (&'static str, &'static str),
    /// The place that the error names.
    place: &'static str,
}

const UNCLEAR: [Unclear; 11] = [
    Unclear {
        generator: "plain",
        posts: "posts",
        free: "posts/a.md",
        concerned: "posts/b/b.md",
        setting: ("posts/b/_index.md", "---\ncascade: {draft: perhaps}\ndraft: false\n---\n"),
        place: "posts/b/_index.md:2",
    },
    Unclear {
        generator: "hugo",
        posts: "content",
        free: "content/a.md",
        concerned: "content/b/b.md",
        setting: (
            "content/b/_index.md",
            "---\ncascade:\n  target: {sites: {matrix: {}}}\n  draft: true\n---\n",
        ),
        place: "content/b/_index.md:4",
    },
    Unclear {
        generator: "hugo",
        posts: "content",
        free: "content/a.md",
        concerned: "content/b/b.md",
        setting: ("content/b/_index.md", "---\ntitle: [b\n---\n"),
        place: "content/b/_index.md:2",
    },
    Unclear {
        generator: "hugo",
        posts: "content",
        free: "content/a.md",
        concerned: "content/b/b.md",
        setting: ("content/b/_index.md", "---\ncascade:\n  draft: perhaps\n---\n"),
        place: "content/b/_index.md:3",
    },
    Unclear {
        generator: "hugo",
        posts: "content",
        free: "content/a.md",
        concerned: "content/b/b.md",
        setting: ("content/b/_index.md", "---\ncascade:\n  expiryDate: soon\n---\n"),
        place: "content/b/_index.md:3",
    },
    Unclear {
        generator: "zola",
        posts: "content",
        free: "content/a.md",
        concerned: "content/b/b.md",
        setting: ("content/b/_index.md", "+++\ndraft = \"yes\"\n+++\n"),
        place: "content/b/_index.md:2",
    },
    Unclear {
        generator: "jekyll",
        posts: ".",
        free: "",
        concerned: "_posts/2026-11-22-b.md",
        setting: (
            "_config.yml",
            "title: J\ndefaults:\n  - scope: {path: \"[*\"}\n    values: {published: false}\n",
        ),
        place: "_config.yml:3",
    },
    Unclear {
        generator: "pelican",
        posts: "content",
        free: "content/own.md",
        concerned: "content/b.md",
        setting: ("publishconf.py", "import os\nDEFAULT_METADATA = {'status': os.environ['S']}\n"),
        place: "publishconf.py:2",
    },
    Unclear {
        generator: "plain",
        posts: "posts",
        free: "posts/a.md",
        concerned: "posts/b/b.md",
        setting: ("posts/b/b.11tydata.js", "module.exports = { draft: true };\n"),
        place: "posts/b/b.11tydata.js:1",
    },
    Unclear {
        generator: "plain",
        posts: "posts",
        free: "posts/a.md",
        concerned: "posts/b.md",
        setting: ("posts/b.11tydata.cjs", "module.exports = { draft: true };\n"),
        place: "posts/b.11tydata.cjs:1",
    },
    Unclear {
        generator: "plain",
        posts: "site/posts",
        free: "",
        concerned: "site/posts/b.md",
        setting: ("site/site.11tydata.mjs", "export default { draft: true };\n"),
        place: "site/site.11tydata.mjs:1",
    },
];

/// The affected post is the newest, so it would be mailed next.
#[test]
fn an_unreadable_setting_holds_back_only_the_posts_that_it_may_affect() {
    for case in UNCLEAR {
        let site = Site(tempfile::tempdir().unwrap());
        let put = |file: &str, text: &str| {
            let path = site.0.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let post = |file: &str, date: &str| {
            let own = if file.contains("own") { "status: published\n" } else { "" };
            put(file, &format!("---\ntitle: {file}\ndate: {date}\n{own}---\n\nText of {file}.\n"));
        };
        let (generator, posts) = (case.generator, case.posts);
        put("readers.csv", "email,status\nkim@reader.example,active\n");
        let config = |more: &str| {
            format!(
                "[site]\ntitle = \"t\"\nurl = \"https://{generator}.example\"\n[archive]\nposts = \"{posts}\"\ngenerator = \"{generator}\"\n\
                 ids = \"ids.txt\"\n{more}\n[newsletter]\nfrom = \"a@{generator}.example\"\nlist = \"readers.csv\"\nlist_confirmed = true\n\
                 delay = \"0m\"\nfirst_run = \"newest\"\n[feeds]\nformats = [\"json\"]\nby = []\n"
            )
        };
        put("letters.toml", &config(""));
        if generator == "hugo" {
            put("hugo.toml", "");
        }
        if generator == "pelican" {
            put("pelicanconf.py", "SITENAME = 'P'\n");
        }
        put(case.setting.0, case.setting.1);
        if !case.free.is_empty() {
            post(case.free, "2026-11-22 12:00");
        }
        post(case.concerned, "2026-11-22 18:00");
        let (code, output) = site.run("--config letters.toml publish");
        assert_eq!(code, 1, "{}: {output}", case.place);
        assert!(output.contains(&format!("{}: error: ", case.place)), "{}: {output}", case.place);
        assert!(output.contains("help: ") && !output.contains("Text of"), "{output}");
        let mailed = |output: &str| -> Vec<String> {
            let mailed = output.lines().filter_map(|line| line.strip_prefix("rehearsal: \""));
            mailed.map(|line| line.split('"').next().unwrap().to_owned()).collect()
        };
        let free: Vec<&str> = [case.free].into_iter().filter(|free| !free.is_empty()).collect();
        assert_eq!(mailed(&output), free, "{}: {output}", case.place);
        let feed = site.read("public/feed.json");
        assert!(!feed.contains(case.concerned), "{}: {feed}", case.place);
        // The message is repeated until the setting is corrected or somebody confirms that it holds nothing back.
        let (code, output) = site.run("--config letters.toml publish");
        assert!(code == 1 && output.contains(&format!("{}: error: ", case.place)), "{output}");
        let file = case.place.split(':').next().unwrap();
        put("letters.toml", &config(&format!("passed_over = [\"{file}\"]")));
        let (code, output) = site.run("--config letters.toml publish");
        assert_eq!((code, mailed(&output)), (0, vec![case.concerned.to_owned()]), "{}: {output}", case.place);
    }
}

/// A published post is not removed because a setting is broken for a day, and a changed setting is noticed.
#[test]
fn a_broken_setting_retracts_nothing_and_a_changed_one_is_noticed() {
    let site = Site::with("held/hugo");
    let put = |file: &str, text: &str| fs::write(site.0.path().join(file), text).unwrap();
    fs::create_dir(site.0.path().join("l")).unwrap();
    put(
        "l/config.toml",
        "[site]\ntitle = \"t\"\nurl = \"https://hugo.example\"\n[archive]\nposts = \"../site/content\"\nids = \"ids.txt\"\n[feeds]\nentries = 0\n",
    );
    site.succeeds("--config l/config.toml build");
    let ids = site.read("l/ids.txt");
    put("site/content/section-draft/_index.md", "---\ncascade: [\n---\n");
    let (code, output) = site.run("--config l/config.toml build");
    assert!(code == 1 && output.contains("site/content/section-draft/_index.md:"), "{output}");
    assert_eq!(site.read("l/ids.txt"), ids, "a tombstone would remove it from feed readers");
    assert!(!site.read("l/public/atom.xml").contains("section-draft/a"));
    put("site/content/section-draft/_index.md", "---\ntitle: again\n---\n");
    site.succeeds("--config l/config.toml build");
    assert!(site.read("l/public/atom.xml").contains("section-draft/a") && site.read("l/ids.txt") == ids);
    put("site/content/section-draft/_index.md", "---\ncascade:\n  draft: true\n---\n");
    site.succeeds("--config l/config.toml build --allow-loss");
    let atom = site.read("l/public/atom.xml");
    assert!(!atom.contains("<title>section-draft/a</title>") && atom.contains("deleted-entry"), "{atom}");
}

#[test]
fn posts_that_hugo_holds_back_are_not_published() {
    holds_back_what_it_does("hugo", "content", "");
}

#[test]
fn posts_that_zola_holds_back_are_not_published() {
    holds_back_what_it_does("zola", "content", "");
}

#[test]
fn posts_that_jekyll_holds_back_are_not_published() {
    holds_back_what_it_does("jekyll", ".", "");
}

#[test]
fn posts_that_pelican_holds_back_are_not_published() {
    holds_back_what_it_does("pelican", "content", "");
}

#[test]
fn posts_that_eleventy_holds_back_are_not_published() {
    holds_back_what_it_does("eleventy", "blog", "permalink = \"/:sections/:slug/\"");
}

#[test]
fn posts_that_hexo_holds_back_are_not_published() {
    holds_back_what_it_does("hexo", "source", "generator = \"plain\"");
}

/// The posts of jekyllrb.com: 102 files over ten years.
#[test]
fn a_real_archive_builds_without_template_remains() {
    let posts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/archives/jekyll/_posts");
    let posts = [posts, Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/archives/jekyll/_posts")]
        .into_iter()
        .find(|posts| posts.is_dir());
    let Some(posts) = posts else {
        println!("NOT RUN jekyll-archive: there is no ../shared/data/archives/jekyll");
        return;
    };
    let site = Site(tempfile::tempdir().unwrap());
    copy(&posts, &site.0.path().join("site/_posts"));
    fs::create_dir(site.0.path().join("l")).unwrap();
    let config = "[site]\ntitle = \"Jekyll\"\nurl = \"https://jekyllrb.com\"\n[archive]\nposts = \"../site/_posts\"\nids = \"ids.txt\"\n\
                  permalink = \"/news/:year/:month/:day/:title/\"\n[feeds]\nentries = 0\nformats = [\"json\"]\nby = []\n";
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    let output = site.succeeds("--config l/config.toml build");
    assert!(output.contains("from 102 posts"), "{output}");
    let feed = site.read("l/public/feed.json");
    assert!(feed.contains("https://jekyllrb.com/news/2013/05/06/jekyll-1-0-0-released/"));
    let items: serde_json::Value = serde_json::from_str(&feed).unwrap();
    for item in items["items"].as_array().unwrap() {
        let html = item["content_html"].as_str().unwrap();
        let outside = html.split("<code").map(|part| part.rsplit("</code>").next().unwrap_or(part));
        for part in outside {
            assert!(
                !part.contains("{{") && !part.contains("{%") && !part.contains("{:"),
                "{}: {part}",
                item["url"]
            );
        }
    }
}

/// One post for each hard name and each place in an address where it can be; `of` gives the files of a site.
struct Names {
    site: Site,
    expected: Vec<(String, String, String)>,
}

impl Names {
    fn new(generator: &str) -> (Self, Vec<(String, Vec<String>)>) {
        let site = Site(tempfile::tempdir().unwrap());
        let table = fs::read_to_string(format!("tests/data/sites/names/{generator}.tsv")).unwrap();
        let rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let mut fields = line.split('\t');
            let name: String = serde_json::from_str(fields.next().unwrap()).unwrap();
            (name, fields.map(|path| path.replace("\\t", "\t")).collect())
        });
        (Self { site, expected: Vec::new() }, rows.collect())
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.site.0.path().join("site").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A post whose address the generator says; `-` if such a file or address cannot be.
    fn post(&mut self, name: &str, address: &str, file: &str, keys: &str) {
        if address == "-" {
            return;
        }
        let title = format!("{}", self.expected.len());
        let title = if keys.starts_with("title:") { String::new() } else { format!("title: {title}\n") };
        let mark = self.expected.len();
        self.write(file, &format!("---\n{title}{keys}date: 2024-01-01\n---\npost {mark}.\n"));
        self.expected.push((name.to_owned(), file.to_owned(), address.to_owned()));
    }

    /// Builds the site and compares every address that no two posts share.
    fn compare(&self, generator: &str) {
        self.site.succeeds(&format!("new --from {generator} site l"));
        self.site.append(
            "l/config.toml",
            "\n[feeds]\nentries = 0\nbudget = \"0\"\nformats = [\"json\"]\nby = []\n",
        );
        let (_, output) = self.site.run("--config l/config.toml build");
        let feed = fs::read_to_string(self.site.0.path().join("l/public/feed.json")).expect(&output);
        let feed: serde_json::Value = serde_json::from_str(&feed).unwrap();
        let items = feed["items"].as_array().unwrap().iter();
        let got: std::collections::HashMap<usize, String> = items
            .map(|item| {
                let text = item["content_html"].as_str().unwrap();
                let mark = text.trim_start_matches("<p>post ").split('.').next().unwrap().parse().unwrap();
                let url = item["url"].as_str().unwrap().trim_start_matches("https://example.com");
                (mark, percent_decoded(url))
            })
            .collect();
        let of = |address: &str| percent_decoded(address).to_lowercase();
        let mut wrong = String::new();
        for (at, (name, file, address)) in self.expected.iter().enumerate() {
            let sharers = self.expected.iter().filter(|(_, _, other)| of(other) == of(address)).count();
            match got.get(&at) {
                Some(url) if *url == percent_decoded(address) => {}
                None if sharers > 1 => {}
                url => {
                    let _ = writeln!(wrong, "{name:?} in {file}: {address:?}, not {url:?}");
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        assert!(got.len() > 100, "only {} posts", got.len());
    }
}

#[test]
fn hugo_makes_the_same_addresses_from_hard_names() {
    let (mut names, rows) = Names::new("hugo");
    names.write(
        "hugo.toml",
        "baseURL = \"https://example.com/\"\ntitle = \"a\"\n[permalinks.page]\nt = \"/t/:title/\"\ns = \"/s/:slug/\"\nf = \"/f/:slugorcontentbasename/\"\n",
    );
    for (at, (name, to)) in rows.iter().enumerate() {
        let quoted = serde_json::to_string(name).unwrap();
        names.post(name, &to[0], &format!("content/t/{at}.md"), &format!("title: {quoted}\n"));
        names.post(name, &to[1], &format!("content/s/{at}.md"), &format!("slug: {quoted}\n"));
        names.post(name, &to[2], &format!("content/f/{name}.md"), "");
        names.post(name, &to[3], &format!("content/d/{name}.md"), "");
        names.post(name, &to[4], &format!("content/e/{at}.md"), &format!("slug: {quoted}\n"));
        names.post(name, &to[5], &format!("content/g/{name}/x.md"), "");
    }
    names.compare("hugo");
}

#[test]
fn jekyll_makes_the_same_addresses_from_hard_names() {
    let (mut names, rows) = Names::new("jekyll");
    names.write("_config.yml", "url: https://example.com\ntitle: a\ntimezone: Asia/Seoul\n");
    for (at, (name, to)) in rows.iter().enumerate() {
        let quoted = serde_json::to_string(name).unwrap();
        let file = |kind: &str| format!("_posts/2024-01-01-{kind}{at}.md");
        let slug = format!("slug: {quoted}\n");
        let category = format!("category: {quoted}\n");
        names.post(name, &to[0], &file("s"), &format!("{slug}permalink: /s/:slug/\n"));
        names.post(name, &to[1], &file("u"), &format!("{slug}permalink: /u/:title/\n"));
        // A category in a URL that would have to be encoded is written as it is.
        if !name.contains(['?', '#', '%', '[', '\\', '^', '`', '|', '\t', '\u{3000}']) && name.trim() == name
        {
            let number = to[2].trim_end_matches('/').rsplit('/').next().unwrap();
            names.post(name, &to[2], &file("c"), &format!("{category}permalink: /c/:categories/{number}/\n"));
            names.post(
                name,
                &to[3],
                &file("d"),
                &format!("{category}permalink: /d/:slugified_categories/{number}/\n"),
            );
        }
        let below =
            |folder: &str, to: &str| (folder.to_owned(), to.split('/').nth(2).unwrap_or_default().to_owned());
        for (folder, to, placeholder) in [("f", &to[4], ":title"), ("g", &to[5], ":slug")] {
            let (folder, number) = below(folder, to);
            let file = format!("{folder}{number}/_posts/2024-01-01-{name}.md");
            names.post(name, to, &file, &format!("permalink: /{folder}/{number}/{placeholder}/\n"));
        }
    }
    names.compare("jekyll");
}

#[test]
fn pelican_makes_the_same_addresses_from_hard_names() {
    let (mut names, rows) = Names::new("pelican");
    names.write(
        "pelicanconf.py",
        "SITENAME = 'a'\nSITEURL = 'https://example.com'\nPATH = 'content'\nTIMEZONE = 'UTC'\nDEFAULT_CATEGORY = 'k'\nARTICLE_URL = '{category}/{slug}/'\n",
    );
    for (at, (name, to)) in rows.iter().enumerate() {
        let mut post = |kind: &str, to: &str, keys: &str| {
            if to == "-" {
                return;
            }
            let text = format!("{keys}date: 2024-01-01\n\npost {}.\n", names.expected.len());
            let file = format!("content/{kind}{at}.md");
            names.write(&file, &text);
            names.expected.push((name.clone(), file, to.to_owned()));
        };
        post("t", &to[0], &format!("title: {name}\n"));
        if !name.contains(['%', '?', '\\', '\t'])
            && !name.starts_with([' ', '/'])
            && !name.ends_with([' ', '/'])
        {
            post("s", &to[1], &format!("title: x\nslug: {name}\n"));
        }
        post("c", &to[2], &format!("title: x\nslug: x\ncategory: {name}\n"));
    }
    names.compare("pelican");
}

#[test]
fn a_site_keeps_the_addresses_of_its_feeds_and_may_leave_sections_out() {
    let site = Site::with("hugo");
    let output = site.succeeds("new --from hugo site l");
    assert!(output.contains("the blog seems to be in posts/"), "{output}");
    site.succeeds("--config l/config.toml build");
    for feed in ["index.xml", "posts/index.xml"] {
        assert!(site.read(&format!("l/public/{feed}")).contains(&format!("/{feed}\"")), "{feed}");
    }
    assert!(!site.0.path().join("l/public/rss.xml").exists());
    let config = site.read("l/config.toml").replace("[archive]\n", "[archive]\nexclude = [\"posts\"]\n");
    fs::write(site.0.path().join("l/config.toml"), config).unwrap();
    let (_, left_out) = site.run("--config l/config.toml check");
    assert!(left_out.contains("is left out by `include` or `exclude`"), "{left_out}");
}

#[test]
fn older_addresses_of_posts_and_feeds_are_redirected() {
    let site = Site::with("hugo");
    site.succeeds("new --from hugo site l");
    let post = "+++\ntitle = \"Moved\"\ndate = 2024-01-01\naliases = [\"/old/글/\", \"beside\", \"posts/moved\", \"/?p=12\"]\n+++\n\nText.\n";
    fs::write(site.0.path().join("site/content/posts/moved.md"), post).unwrap();
    site.append("l/config.toml", "\n[feeds.moved]\n\"feed/\" = \"index.xml\"\n");
    let rules = site.succeeds("--config l/config.toml headers netlify --redirects");
    let target = "/posts/moved/ 301";
    let lines: Vec<&str> = rules.lines().filter(|line| line.ends_with(target)).collect();
    let old = lines.iter().map(|line| line.trim_end_matches(target).trim_end()).collect::<Vec<_>>();
    assert!(old.iter().any(|path| path.ends_with("/old/%EA%B8%80")), "{rules}");
    assert!(old.iter().any(|path| path.ends_with("/posts/beside")), "{rules}");
    assert!(rules.contains("/feed /index.xml 301") || rules.contains("/feed /"), "{rules}");
    let (_, checked) = site.run("--config l/config.toml check");
    assert!(checked.contains("the older address \"/?p=12\" is not redirected"), "{checked}");
    for server in ["nginx", "apache", "caddy"] {
        assert!(
            site.succeeds(&format!("--config l/config.toml headers {server} --redirects")).contains("/old/")
        );
    }
}

/// The folder of a site in plain Markdown, with the pages that any generator may have made.
#[test]
fn the_text_of_a_post_is_that_of_its_built_page() {
    let site = Site(tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| {
        let path = site.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let settings = "[site]\ntitle = \"t\"\nurl = \"https://a.example/\"\n[newsletter]\nenabled = false\n[archive]\n\
                    posts = \"../site/posts\"\nids = \"ids.txt\"\nhtml = \"../site/_site\"\n";
    write("l/config.toml", settings);
    let post =
        |title: &str| format!("---\ntitle: {title}\ndate: 2024-05-01\n---\n\nOwn text. {{% chart 1 %}}\n");
    for name in ["built", "missing", "login"] {
        write(&format!("site/posts/{name}.md"), &post(name));
    }
    write("site/posts/paper.adoc", "= Paper\n:date: 2024-05-02\n\ninclude::a.adoc[]\n");
    write("site/posts/lost.rst", "Lost\n====\n\n:date: 2024-05-02\n\nText.\n");
    write(
        "site/_site/built/index.html",
        "<nav>x</nav><article><h1>built</h1><p>A <b>chart</b>.</p></article>",
    );
    write("site/_site/login/index.html", "<form><input type=password></form>");
    write("site/_site/paper.html", "<main><h1>Paper</h1><p>Included.</p></main>");
    site.succeeds("--config l/config.toml build");
    let feed: serde_json::Value = serde_json::from_str(&site.read("l/public/feed.json")).unwrap();
    let text = |title: &str| {
        let item = feed["items"].as_array().unwrap().iter().find(|item| item["title"] == title);
        item.map(|item| item["content_html"].as_str().unwrap().trim().to_owned())
    };
    assert!(text("built").unwrap().contains("<p>A <b>chart</b>.</p>"));
    assert!(!text("built").unwrap().contains("Own text"));
    assert!(text("missing").unwrap().contains("Own text.") && text("login").unwrap().contains("Own text."));
    assert!(text("Paper").unwrap().contains("<p>Included.</p>"));
    assert_eq!(text("Lost"), None);
    let (_, checked) = site.run("--config l/config.toml check");
    for word in [
        "built/index.html",
        "missing/index.html, does not exist",
        "log-in form",
        "lost.rst: warning: left out",
    ] {
        assert_eq!(checked.contains(word), word != "built/index.html", "{word}: {checked}");
    }
    write("site/_site/built/index.html", "<article><p>Another build.</p></article>");
    site.succeeds("--config l/config.toml build");
    assert!(site.read("l/public/feed.json").contains("Another build."));
}
