//! The static pages and their images: what is written, what is kept, and what is reported about broken links.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

use super::site::Site;

const ONE: &str = "2026-11-22-one.md";

fn site() -> Site {
    let site = Site::new();
    for path in site.posts() {
        fs::remove_file(path).unwrap();
    }
    post(&site, "2026-11-20-첫글.md", "첫 글", "글", "처음.");
    post(&site, "2026-11-21-two.md", "Two", "Notes", "Second.");
    post(&site, ONE, "Three", "글", "Third.");
    site
}

fn post(site: &Site, name: &str, title: &str, category: &str, body: &str) {
    site.write(
        &format!("posts/{name}"),
        &format!("+++\ntitle = \"{title}\"\ncategories = [\"{category}\"]\n+++\n\n{body}\n"),
    );
}

fn read(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The modification time of each file in the public folder.
fn times(site: &Site) -> BTreeMap<String, SystemTime> {
    fn walk(root: &Path, folder: &Path, times: &mut BTreeMap<String, SystemTime>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                walk(root, &entry.path(), times);
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                times.insert(name, entry.metadata().unwrap().modified().unwrap());
            }
        }
    }
    let (mut times, root) = (BTreeMap::new(), site.path("public"));
    walk(&root, &root, &mut times);
    times
}

/// The pages that changed between two listings; feeds are not compared.
fn changed(before: &BTreeMap<String, SystemTime>, after: &BTreeMap<String, SystemTime>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut names: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    names.retain(|name| name.ends_with("index.html") || name.ends_with("pages.css"));
    names.sort();
    names.dedup();
    names
}

#[test]
fn every_post_has_a_page_with_links_to_its_neighbours_category_and_feeds() {
    let site = site();
    assert!(site.run("build").succeeds().out.contains("pages: 8 written\n"));
    let page = read(&site, "public/two/index.html");
    for part in [
        "<link rel=\"canonical\" href=\"https://example.com/two/\">",
        "<meta property=\"og:title\" content=\"Two\">",
        "<a rel=\"prev\" href=\"../첫글/\">",
        "<a rel=\"next\" href=\"../one/\">",
        "<a class=\"p-category\" rel=\"tag\" href=\"../categories/Notes/\">Notes</a>",
        "type=\"application/rss+xml\"",
        "class=\"h-entry\"",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("<script"));
    assert!(read(&site, "public/index.html").contains("<a href=\"categories/글/\">글</a>"));
    assert!(read(&site, "public/years/2026/index.html").contains("href=\"../../one/\""));
}

#[test]
fn a_changed_post_rewrites_only_its_page_its_neighbours_and_its_lists() {
    let site = site();
    for day in 10..15 {
        post(&site, &format!("2026-10-{day}-old-{day}.md"), "Old", "Old", "Long ago.");
    }
    site.run("build").succeeds();
    let before = times(&site);
    post(&site, ONE, "Three", "글", "Third, and better.");
    site.run("build").succeeds();
    assert_eq!(changed(&before, &times(&site)), ["one/index.html"], "another text");
    let before = times(&site);
    post(&site, ONE, "Four", "글", "Third, and better.");
    site.run("build").succeeds();
    let expected = [
        "categories/글/index.html",
        "index.html",
        "one/index.html",
        "two/index.html",
        "years/2026/index.html",
    ];
    assert_eq!(changed(&before, &times(&site)), expected, "another title");
    // Also if the record of written files is lost.
    fs::remove_dir_all(site.path(".letterpress")).unwrap();
    let before = times(&site);
    site.run("build").succeeds();
    assert_eq!(changed(&before, &times(&site)), Vec::<String>::new());
}

#[test]
fn a_file_that_letterpress_did_not_write_is_kept_and_reported() {
    let site = site();
    fs::create_dir_all(site.path("public/one")).unwrap();
    site.write("public/one/index.html", "<p>mine</p>");
    site.write("public/index.html", "<p>my home</p>");
    site.write("public/two", "a file where a folder must be");
    site.write("public/pages.css", "p {}");
    let ran = site.run("build").succeeds();
    for name in ["public/one/index.html", "public/index.html", "public/two/index.html", "public/pages.css"] {
        assert!(
            ran.err.contains(&format!("{name}: warning: Letterpress did not write this file")),
            "{ran:?}"
        );
    }
    assert_eq!(read(&site, "public/one/index.html"), "<p>mine</p>");
    assert_eq!(read(&site, "public/index.html"), "<p>my home</p>");
    assert_eq!(read(&site, "public/pages.css"), "p {}");
    assert!(site.path("public/첫글/index.html").exists());
    fs::remove_file(site.path("public/one/index.html")).unwrap();
    site.run("build").succeeds();
    assert!(read(&site, "public/one/index.html").contains("Three"), "once it is gone, the page comes");
}

#[test]
fn a_deleted_post_removes_only_its_page_and_its_image() {
    let site = site();
    post(&site, ONE, "Three", "글", "![a](a.png)");
    site.write("posts/a.png", "picture");
    site.run("build").succeeds();
    site.write("public/one/mine.txt", "mine");
    assert!(site.path("public/one/a.png").exists());
    fs::remove_file(site.path("posts").join(ONE)).unwrap();
    let ran = site.run("build --allow-loss").succeeds();
    assert!(ran.out.contains("2 removed"), "{ran:?}");
    assert!(!site.path("public/one/index.html").exists() && !site.path("public/one/a.png").exists());
    assert_eq!(read(&site, "public/one/mine.txt"), "mine");
    assert!(site.path("posts/a.png").exists());
}

#[test]
fn pages_are_removed_when_disabled_and_disabled_for_sites_with_a_generator() {
    let site = site();
    site.run("build").succeeds();
    site.append("config.toml", "[output]\npages = false\n");
    assert!(site.run("build").succeeds().out.contains("pages: 8 removed"));
    assert!(!site.path("public/index.html").exists() && !site.path("public/one").exists());
    assert!(site.path("public/rss.xml").exists());
    let site = self::site();
    site.archive("generator = \"hugo\"");
    site.run("build").succeeds();
    assert!(!site.path("public/index.html").exists());
}

#[test]
fn an_image_is_copied_once_to_where_page_feed_and_email_link() {
    let site = site();
    fs::create_dir_all(site.path("posts/2026-11-22-bundle/img")).unwrap();
    fs::create_dir_all(site.path("static/files")).unwrap();
    post(
        &site,
        "2026-11-22-bundle/index.md",
        "Bundle",
        "글",
        "![a](img/노을%201.png) ![b](/files/b.png) [c](../2026-11-21-two.md#end) <img src=\"d.png\" alt=\"d\">",
    );
    site.write("posts/2026-11-22-bundle/img/노을 1.png", "one");
    site.write("posts/2026-11-22-bundle/d.png", "four");
    site.write("posts/2026-11-22-bundle/unused.png", "five");
    site.write("static/files/b.png", "two");
    site.write("static/files/unused.png", "three");
    let ran = site.run("publish").succeeds();
    assert!(ran.out.contains("3 files copied"), "{ran:?}");
    assert_eq!(read(&site, "public/bundle/img/노을 1.png"), "one");
    assert_eq!(read(&site, "public/files/b.png"), "two");
    assert!(
        !site.path("public/bundle/unused.png").exists() && !site.path("public/files/unused.png").exists()
    );
    let page = read(&site, "public/bundle/index.html");
    assert!(page.contains("src=\"../bundle/img/%EB%85%B8%EC%9D%84%201.png\""), "{page}");
    assert!(page.contains("<a href=\"../two/#end\">c</a>"), "{page}");
    let feed = read(&site, "public/feed.json");
    assert!(feed.contains("https://example.com/bundle/img/%EB%85%B8%EC%9D%84%201.png"), "{feed}");
    assert!(feed.contains("https://example.com/two/#end"), "{feed}");
    let before = times(&site);
    site.write("posts/2026-11-22-bundle/d.png", "FOUR");
    assert!(site.run("build").succeeds().out.contains("pages: 1 file copied"));
    let after = times(&site);
    let touched: Vec<_> = after.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(touched, ["bundle/d.png"]);
}

#[test]
fn no_file_outside_the_two_folders_and_no_secret_is_published() {
    let site = site();
    site.write("secret.png", "secret");
    symlink("../secret.png", site.path("posts/linked.png")).unwrap();
    symlink("..", site.path("posts/up")).unwrap();
    site.write("posts/.hidden.png", "secret");
    let body = "![a](../secret.png) ![b](linked.png) ![c](up/secret.png) ![d](.hidden.png) [e](ids.txt) \
                ![f](%2e%2e/secret.png) ![g](..%2fsecret.png) [h](2026-11-21-two.md) [i](../letterpress.keys)";
    post(&site, ONE, "Three", "글", body);
    let ran = site.run("build").succeeds();
    assert!(!ran.out.contains("copied"), "{ran:?}");
    let secrets = times(&site).into_keys().filter(|name| {
        fs::read(site.path("public").join(name)).unwrap().windows(6).any(|bytes| bytes == b"secret")
            && !name.contains(".html")
            && !name.contains("feed")
            && !name.contains(".xml")
    });
    assert_eq!(secrets.collect::<Vec<_>>(), Vec::<String>::new());
    assert!(
        site.run("check").out.contains("linked.png is not published: it is hidden, a secret, or leads out")
    );
}

#[test]
fn a_symbolic_link_out_of_the_public_folder_is_not_followed() {
    let site = site();
    post(&site, ONE, "Three", "글", "![a](a.png)");
    site.write("posts/a.png", "picture");
    fs::create_dir_all(site.path("elsewhere")).unwrap();
    fs::create_dir_all(site.path("public")).unwrap();
    symlink("../elsewhere", site.path("public/one")).unwrap();
    let ran = site.run("build").succeeds();
    assert!(ran.err.contains("public/one/index.html: warning"), "{ran:?}");
    assert_eq!(fs::read_dir(site.path("elsewhere")).unwrap().count(), 0);
}

#[test]
fn broken_links_are_reported_with_their_lines_and_a_missing_image_stops_the_email() {
    let site = site();
    site.run("publish").succeeds();
    let emails = site.emails().len();
    let body = "Hi ![a](pic.png)\n\n[x](other.md) [y](/nope/) [z](paper.pdf) ![w](/files/w.png) [two](/two/)\n\n\
                ![there](https://example.com/away.png) [feed](/rss.xml) [list](/categories/글/) [home](/)";
    post(&site, "2026-11-23-missing.md", "Missing", "글", body);
    let check = site.run("check");
    assert_eq!(check.code, 1);
    let file = "posts/2026-11-23-missing.md";
    for line in [
        format!("{file}:6: error: pic.png does not exist, so nobody would see it"),
        format!("{file}:8: error: /files/w.png does not exist"),
        format!("{file}:8: warning: other.md is not a published post"),
        format!("{file}:8: warning: /nope/ leads to https://example.com/nope/, which does not exist"),
        format!("{file}:8: warning: paper.pdf leads to"),
        format!("{file}:10: warning: there is no file here for https://example.com/away.png"),
        "put it at posts/pic.png or static/missing/pic.png".to_owned(),
    ] {
        assert!(check.out.contains(&line), "no {line:?} in {}", check.out);
    }
    for good in ["/two/ leads", "/rss.xml leads", "/categories/글/ leads", "https://example.com/, which"] {
        assert!(!check.out.contains(good), "{good}: {}", check.out);
    }
    let ran = site.run("publish");
    assert!(ran.code == 1 && ran.err.contains("the letter is not sent: pic.png does not exist"), "{ran:?}");
    assert_eq!(site.emails().len(), emails);
    site.write("posts/pic.png", "picture");
    fs::create_dir_all(site.path("static/files")).unwrap();
    site.write("static/files/w.png", "picture");
    let ran = site.run("publish").succeeds();
    assert!(ran.out.contains("2 files copied") && site.emails().len() == emails + 1, "{ran:?}");
}

#[test]
fn read_online_links_to_the_page_the_issue_or_the_url_of_the_post() {
    for (config, link) in [
        ("", "https://example.com/one/"),
        ("[web]\nurl = \"https://news.example.com/\"\n", "https://example.com/one/"),
        ("[output]\npages = false\n", "https://example.com/one/"),
        (
            "[output]\npages = false\n[web]\nurl = \"https://news.example.com/\"\n",
            "https://news.example.com/issues/2026-11-22-one",
        ),
        (
            "[output]\npages = false\n[web]\nurl = \"https://news.example.com/\"\nissues = false\n",
            "https://example.com/one/",
        ),
    ] {
        let site = site();
        site.append("config.toml", config);
        site.write("subscribers.csv", "email,consented\nreader@example.org,2026-01-01\n");
        fs::create_dir_all(site.path("templates")).unwrap();
        site.write("templates/body.txt", "READ <{{ issue.url }}> {{ unsubscribe_url }}\n");
        site.run("publish").succeeds();
        let email = fs::read_to_string(&site.emails()[0]).unwrap();
        assert!(email.contains(&format!("READ <{link}>")), "{config}: {email}");
    }
}

#[test]
fn user_templates_replace_a_part_and_their_errors_are_reported() {
    let site = site();
    site.run("build").succeeds();
    fs::create_dir_all(site.path("templates/pages")).unwrap();
    site.write(
        "templates/pages/post.html",
        "{% extends \"builtin/pages/post.html\" %}\n{% block content %}\n<p>before</p>\n{{ super() }}\n{% endblock %}\n",
    );
    site.write(
        "templates/pages/base.html",
        "{% extends \"builtin/pages/base.html\" %}\n{% block footer %}\n<p>my footer</p>\n{% endblock %}\n",
    );
    assert!(site.run("build").succeeds().out.contains("pages: 7 written"), "all but the style sheet");
    let page = read(&site, "public/one/index.html");
    assert!(page.contains("<p>before</p>") && page.contains("my footer"), "{page}");
    assert!(read(&site, "public/index.html").contains("my footer"));
    site.write("templates/pages/list.html", "a\n{{ lsit.name }}\n");
    for command in ["build", "check"] {
        let ran = site.run(command);
        let output = format!("{}{}", ran.out, ran.err);
        assert!(
            ran.code == 1 && output.contains("templates/pages/list.html:2: error: there is no field"),
            "{output}"
        );
    }
}

#[test]
fn a_post_whose_page_conflicts_with_a_feed_or_another_page_is_reported() {
    let site = site();
    for (name, permalink) in [
        ("2026-11-19-a.md", "/rss.xml"),
        ("2026-11-19-b.md", "/feed.html"),
        ("2026-11-19-c.md", "/one/index.html"),
        ("2026-11-19-d.md", "https://elsewhere.example/d/"),
        ("2026-11-19-e.md", "/about.html"),
    ] {
        site.write(
            &format!("posts/{name}"),
            &format!("+++\ntitle = \"{name}\"\npermalink = \"{permalink}\"\n+++\n\ntext\n"),
        );
    }
    let ran = site.run("build").succeeds();
    for name in ["b", "c"] {
        assert!(
            ran.err.contains(&format!("2026-11-19-{name}.md: warning: no page is written for this post")),
            "{ran:?}"
        );
    }
    assert!(read(&site, "public/rss.xml").starts_with("<?xml"));
    assert!(read(&site, "public/about.html").contains("2026-11-19-e.md"));
}

#[test]
fn a_page_names_the_accounts_of_its_author_and_its_records_elsewhere() {
    let site = site();
    let config: Vec<String> = read(&site, "config.toml")
        .lines()
        .filter(|line| !line.starts_with("author"))
        .map(|line| format!("{line}\n"))
        .collect();
    let more = "[site]\nauthor = { name = \"Kim\", fediverse = \"kim@social.example\", me = [\"https://social.example/@kim\"] }\n\
                activitypub = \"https://social.example/users/kim\"\n\
                standard_site = \"at://did:plc:abc/site.standard.publication/xyz\"\n";
    site.write("config.toml", &config.concat().replacen("[site]\n", more, 1));
    let record = "at://did:plc:abc/site.standard.document/3lw";
    site.write(
        "posts/2026-11-23-guest.md",
        &format!(
            "+++\ntitle = \"Guest\"\nauthor = \"Lee\"\nfediverse = \"@lee@other.example\"\natUri = \"{record}\"\n\
             activitypub = \"https://social.example/users/kim/1\"\n+++\n\nBy Lee.\n"
        ),
    );
    site.write("posts/2026-11-19-other.md", "+++\ntitle = \"Other\"\nauthor = \"Park\"\n+++\n\nBy Park.\n");
    site.run("build").succeeds();
    let (home, own, guest) = (
        read(&site, "public/index.html"),
        read(&site, "public/one/index.html"),
        read(&site, "public/guest/index.html"),
    );
    let creator = |name: &str| format!("<meta name=\"fediverse:creator\" content=\"{name}\">");
    for page in [&home, &own, &guest] {
        assert!(page.contains("<link rel=\"me\" href=\"https://social.example/@kim\">"), "{page}");
        assert!(page.contains("<link rel=\"site.standard.publication\" href=\"at://did:plc:abc/"), "{page}");
    }
    assert!(home.contains(&creator("@kim@social.example")) && own.contains(&creator("@kim@social.example")));
    assert!(home.contains("type=\"application/activity+json\" href=\"https://social.example/users/kim\">"));
    assert!(!own.contains("application/activity+json") && !own.contains("site.standard.document"));
    assert!(guest.contains(&creator("@lee@other.example")));
    assert!(
        guest.contains("type=\"application/activity+json\" href=\"https://social.example/users/kim/1\">")
    );
    assert!(guest.contains(&format!("<link rel=\"site.standard.document\" href=\"{record}\">")));
    assert!(!read(&site, "public/other/index.html").contains("fediverse:creator"));
}

#[test]
fn attachments_are_copied_listed_and_in_the_feeds_with_the_size_of_the_picture() {
    let site = site();
    let gif = b"GIF89a\x20\x03\x58\x02\0\0\0";
    fs::create_dir_all(site.path("posts/trip")).unwrap();
    fs::write(site.path("posts/trip/cover.gif"), gif).unwrap();
    site.write("posts/trip/map.pdf", "pdf");
    site.write("posts/trip/times.txt", "times");
    site.write("posts/trip/chapters.json", "{}");
    site.write(
        "posts/trip/index.md",
        "+++\ntitle = \"Trip\"\ndate = 2026-11-23\nimage = \"cover.gif\"\nimage_alt = \"The sea\"\n\
         attachments = [\"map.pdf\", \"times.txt\"]\nchapters = \"chapters.json\"\nvia = \"https://other.example/trip/\"\n+++\n\nText.\n",
    );
    site.run("build").succeeds();
    let page = read(&site, "public/trip/index.html");
    for part in [
        "href=\"../trip/map.pdf\"",
        ": times.txt</a>",
        "<meta property=\"og:image:alt\" content=\"The sea\">",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert_eq!(read(&site, "public/trip/times.txt"), "times");
    assert_eq!(read(&site, "public/trip/chapters.json"), "{}");
    let rss = read(&site, "public/rss.xml");
    for part in [
        "fileSize=\"13\" height=\"600\" medium=\"image\" type=\"image/gif\" url=\"https://example.com/trip/cover.gif\" width=\"800\"",
        "<media:description>The sea</media:description>",
        "<enclosure url=\"https://example.com/trip/map.pdf\" length=\"3\" type=\"application/pdf\"/>",
        "fileSize=\"5\" medium=\"document\" type=\"text/plain\" url=\"https://example.com/trip/times.txt\"",
    ] {
        assert!(rss.contains(part), "no {part} in {rss}");
    }
    assert!(
        read(&site, "public/atom.xml").contains("<link href=\"https://other.example/trip/\" rel=\"via\"")
    );
    // A new size of a measured file is seen although no post changed.
    site.write("posts/trip/times.txt", "new times");
    site.run("build").succeeds();
    assert!(read(&site, "public/rss.xml").contains("fileSize=\"9\""));
}

#[test]
fn a_long_year_is_split_into_pages_that_a_new_post_does_not_change() {
    let site = site();
    for number in 0..70 {
        let name = format!("2025-{:02}-{:02}-n{number}.md", 1 + number / 28, 1 + number % 28);
        post(&site, &name, &format!("Number {number}"), "Many", "text");
    }
    site.run("build").succeeds();
    let first = read(&site, "public/years/2025/index.html");
    assert!(first.contains("Number 69") && first.contains("Number 25") && !first.contains("Number 24"));
    assert!(read(&site, "public/years/2025/1/index.html").contains("Number 0<"));
    let before = times(&site);
    post(&site, "2025-12-31-last.md", "Last", "Many", "text");
    site.run("build").succeeds();
    let expected = [
        "categories/Many/index.html",
        "index.html",
        "last/index.html",
        "n69/index.html",
        "years/2025/index.html",
        "첫글/index.html",
    ];
    assert_eq!(changed(&before, &times(&site)), expected);
}
