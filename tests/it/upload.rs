//! Uploads into a bucket, and the program that is run after a build: the whole program against a bucket on the loopback interface.

use super::support::bucket::{BucketServer, Failure, Object};
use super::support::site::NOW;
use super::support::{Script, Server, Site};

const FOLDER: &str = "블로그";
/// The page of the post that every [`Site`] has.
const PAGE: &str = "slow/index.html";

/// A site without a newsletter that is uploaded into `bucket`.
fn site(bucket: &BucketServer, more: &str) -> Site {
    let site = Site::unopened(9, 0, 1);
    credentials(&site);
    let config = format!(
        "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
         [newsletter]\nenabled = false\n{}{more}",
        bucket.config()
    );
    site.write("config.toml", &config);
    post(&site, "other", "기술", "다른 글");
    site
}

fn credentials(site: &Site) {
    site.write(
        "bucket.env",
        "# of the test\nAWS_ACCESS_KEY_ID=key\nexport AWS_SECRET_ACCESS_KEY='very-secret'\n",
    );
}

fn post(site: &Site, slug: &str, category: &str, text: &str) {
    let front = format!(
        "title = \"{slug}\"\ndate = 2026-11-19T09:00:00Z\nslug = \"{slug}\"\ncategories = [\"{category}\"]"
    );
    site.write(&format!("posts/{slug}.md"), &format!("+++\n{front}\n+++\n\n{text}\n"));
}

fn key(path: &str) -> String {
    format!("{FOLDER}/{path}")
}

fn object(bucket: &BucketServer, path: &str) -> Object {
    bucket
        .with(|state| state.objects.get(&key(path)).cloned())
        .unwrap_or_else(|| panic!("there is no {path}"))
}

fn is_feed(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap().trim_end_matches(".gz");
    matches!(name, "rss.xml" | "atom.xml" | "feed.json" | "feeds.opml")
}

/// Whether every object is the file of the public folder, and the other way round.
fn assert_complete(site: &Site, bucket: &BucketServer) {
    let mut files = Vec::new();
    collect(&site.path("public"), &mut files);
    files.sort();
    let keys: Vec<String> = bucket.with(|state| state.objects.keys().cloned().collect());
    let expected: Vec<String> = files.iter().map(|path| key(path)).collect();
    assert_eq!(keys, expected);
    for path in files {
        assert_eq!(
            object(bucket, &path).body,
            std::fs::read(site.path("public").join(&path)).unwrap(),
            "{path}"
        );
    }
}

fn collect(folder: &std::path::Path, files: &mut Vec<String>) {
    fn walk(root: &std::path::Path, folder: &std::path::Path, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    walk(folder, folder, files);
}

#[test]
fn pages_are_uploaded_before_feeds_with_their_headers_and_an_unchanged_site_asks_nobody() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "compress = [\"gzip\"]\n");
    let first = site.run(&["publish", "--json"]);
    assert_eq!(first.code, 0, "{}", first.output);
    let puts = bucket.take("PUT");
    assert!(first.output.contains(&format!("\"uploaded\": {}", puts.len())), "{}", first.output);
    let first_feed = puts.iter().position(|key| is_feed(key)).unwrap();
    assert!(puts[first_feed..].iter().all(|key| is_feed(key)) && first_feed > 3, "{puts:?}");
    assert_complete(&site, &bucket);

    let header = |path: &str, name: &str| object(&bucket, path).headers.get(name).cloned();
    let of = |path: &str| {
        ["content-type", "cache-control", "content-encoding"]
            .map(|name| header(path, name).unwrap_or_default())
    };
    assert_eq!(of("rss.xml"), ["application/xml; charset=utf-8", "public, max-age=600", ""]);
    assert_eq!(of("rss.xml.gz"), ["application/xml; charset=utf-8", "public, max-age=600", "gzip"]);
    assert_eq!(of("feed.json")[0], "application/feed+json; charset=utf-8");
    assert_eq!(of("categories/기술/atom.xml")[1], "public, max-age=600");
    assert_eq!(of(PAGE), ["text/html; charset=utf-8", "public, max-age=300", ""]);
    assert_eq!(header(PAGE, "if-none-match").as_deref(), Some("*"));
    assert!(header(PAGE, "x-amz-meta-letterpress").unwrap().len() > 64);
    assert!(!format!("{:?}", object(&bucket, PAGE).headers).contains("very-secret"));

    let second = site.run(&["publish"]);
    assert!(second.code == 0 && second.output.contains("upload: unchanged"), "{}", second.output);
    assert!(bucket.take_requests().is_empty());

    // Without the record, the bucket is asked and nothing is written.
    std::fs::remove_file(site.path(".letterpress/uploaded.json")).unwrap();
    assert_eq!(site.run(&["publish"]).code, 0);
    let requests = bucket.take_requests();
    assert!(requests.len() > 5 && requests.iter().all(|(method, _)| method != "PUT"), "{requests:?}");
    site.run(&["publish"]);
    assert!(bucket.take_requests().is_empty());
}

#[test]
fn the_interface_of_google_replaces_only_the_generation_that_was_written() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace(&bucket.config(), &bucket.google_config()));
    let key_text =
        r#"{"private_key":"k","private_key_id":"1","client_email":"k@letters.example","disable_oauth":true}"#;
    site.write("bucket.env", &format!("GOOGLE_SERVICE_ACCOUNT_KEY={key_text}\n"));
    let first = site.run(&["build"]);
    assert_eq!(first.code, 0, "{}", first.output);
    assert_complete(&site, &bucket);
    let written = object(&bucket, "rss.xml");
    assert_eq!(written.headers["x-goog-if-generation-match"], "0");
    std::fs::remove_file(site.path(".letterpress/uploaded.json")).unwrap();
    post(&site, "other", "기술", "고친 글");
    assert_eq!(site.run(&["build"]).code, 0);
    assert_complete(&site, &bucket);
    assert_eq!(object(&bucket, "rss.xml").headers["x-goog-if-generation-match"], written.number.to_string());
    bucket.with(|state| state.objects.insert(key("rss.xml"), Object { number: 10_000, ..Object::default() }));
    post(&site, "other", "기술", "한 번 더");
    assert_eq!(site.run(&["build"]).code, 1);
}

#[test]
fn only_what_changed_is_written_and_the_page_of_a_retracted_post_goes_after_the_feeds() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    post(&site, "third", "기술", "셋째 글");
    // A file that Letterpress did not write is not part of the site.
    site.write("public/private.txt", "mine");
    site.run(&["publish"]);
    std::fs::remove_file(site.path("public/private.txt")).unwrap();
    assert_complete(&site, &bucket);
    bucket.take_requests();

    post(&site, "other", "기술", "고친 글");
    let edited = site.run(&["publish"]);
    let puts = bucket.take("PUT");
    assert!(edited.code == 0 && puts.contains(&key("other/index.html")), "{} {puts:?}", edited.output);
    assert!(!puts.contains(&key(PAGE)) && !puts.iter().any(|key| key.contains(".css")), "{puts:?}");
    assert_complete(&site, &bucket);
    assert!(object(&bucket, "rss.xml").headers.contains_key("if-match"));

    site.run(&["retract", "other"]);
    let retracted = site.run(&["publish"]);
    assert_eq!(retracted.code, 0, "{}", retracted.output);
    let requests = bucket.take_requests();
    let last_feed = requests.iter().rposition(|(method, key)| method == "PUT" && is_feed(key)).unwrap();
    let deleted =
        requests.iter().position(|(method, key)| method == "DELETE" && key.ends_with("other/index.html"));
    assert!(deleted.unwrap() > last_feed, "{requests:?}");
    assert_complete(&site, &bucket);
    assert!(String::from_utf8(object(&bucket, "atom.xml").body).unwrap().contains("deleted-entry"));
}

#[test]
fn what_another_writer_changed_is_not_overwritten_unless_that_is_wanted() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    site.run(&["publish"]);
    bucket.take_requests();
    let foreign = Object { body: b"theirs".to_vec(), number: 10_000, ..Object::default() };
    bucket.with(|state| state.objects.insert(key("rss.xml"), foreign.clone()));
    post(&site, "other", "기술", "고친 글");
    let conflict = site.run(&["publish"]);
    assert_eq!(conflict.code, 1, "{}", conflict.output);
    assert!(
        conflict.output.contains("wrote s3://my-site/블로그/rss.xml; nothing was uploaded"),
        "{}",
        conflict.output
    );
    assert!(conflict.output.contains("--replace-remote"), "{}", conflict.output);
    assert!(bucket.take("PUT").is_empty());
    assert_eq!(object(&bucket, "rss.xml"), foreign);
    // It stays an error although nothing changes any more.
    assert_eq!(site.run(&["build"]).code, 1);

    let replaced = site.run(&["publish", "--replace-remote"]);
    assert_eq!(replaced.code, 0, "{}", replaced.output);
    assert_complete(&site, &bucket);
    assert_eq!(object(&bucket, "rss.xml").headers["if-match"], "\"10000\"");
}

#[test]
fn a_new_object_of_another_program_in_the_way_is_found_before_anything_is_written() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    bucket.with(|state| state.objects.insert(key("index.html"), Object::default()));
    let conflict = site.run(&["build"]);
    assert!(conflict.code == 1 && conflict.output.contains("블로그/index.html"), "{}", conflict.output);
    assert!(bucket.take("PUT").is_empty());
    assert_eq!(site.run(&["build", "--replace-remote"]).code, 0);
    assert_complete(&site, &bucket);
}

#[test]
fn a_failure_says_what_to_do_keeps_feeds_behind_pages_and_is_repeated_by_the_next_run() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    for (method, path, status, code, words, exit) in [
        ("GET", "", 404, "NoSuchBucket", "there is no bucket my-site", 1),
        ("GET", "", 403, "RequestTimeTooSkewed", "timedatectl", 1),
        ("PUT", PAGE, 403, "AccessDenied", "s3:PutObject", 1),
        ("PUT", PAGE, 400, "AuthorizationHeaderMalformed", "output.region", 1),
    ] {
        bucket.with(|state| state.failures = vec![Failure { method, path, status, code, times: 1 }]);
        let failed = site.run(&["publish"]);
        assert!(failed.code == exit && failed.output.contains(words), "{code}: {}", failed.output);
        assert!(!failed.output.contains("very-secret"), "{}", failed.output);
        assert!(bucket.with(|state| state.objects.keys().all(|key| !is_feed(key))), "{code}");
    }
    // What was written before the failure is not written again.
    let there: Vec<String> = bucket.with(|state| state.objects.keys().cloned().collect());
    bucket.take_requests();
    assert_eq!(site.run(&["publish"]).code, 0);
    let puts = bucket.take("PUT");
    assert!(!there.is_empty() && there.iter().all(|key| !puts.contains(key)), "{there:?} {puts:?}");
    assert_complete(&site, &bucket);
}

#[test]
fn a_failure_of_the_service_is_tried_again_and_a_lost_reply_is_no_conflict() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    let failure = Failure { method: "PUT", path: PAGE, status: 503, code: "SlowDown", times: 2 };
    bucket.with(|state| state.failures = vec![failure]);
    let first = site.run(&["publish"]);
    assert_eq!(first.code, 0, "{}", first.output);
    assert_complete(&site, &bucket);
    assert_eq!(bucket.take("PUT").iter().filter(|path| path.ends_with(PAGE)).count(), 3);

    // Nobody answers at all.
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let closed = config.replace(&bucket.port.to_string(), "1");
    site.write("config.toml", &closed);
    let failed = site.run(&["publish", "--json"]);
    assert!(failed.code == 2 && failed.output.contains("output.endpoint"), "{}", failed.output);
    assert!(failed.output.contains("\"uploaded\": null"), "{}", failed.output);
}

#[test]
fn a_large_file_is_sent_in_parts() {
    let bucket = BucketServer::start();
    let site = site(&bucket, "");
    let large: Vec<u8> =
        (0_u32..2_500_000).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(site.path("posts/큰.mp3"), &large).unwrap();
    post(&site, "other", "기술", "[들어 보기](큰.mp3)");
    let done = site.run(&["publish"]);
    assert_eq!(done.code, 0, "{}", done.output);
    assert_complete(&site, &bucket);
    let (path, sent) = bucket.with(|state| {
        state
            .objects
            .iter()
            .find(|(key, _)| key.contains(".mp3"))
            .map(|(key, object)| (key.clone(), object.clone()))
            .unwrap()
    });
    assert!(sent.body == large && sent.headers["content-type"] == "audio/mpeg", "{path}");
    assert_eq!(bucket.take("PUT").iter().filter(|key| **key == path).count(), 2);
    assert_eq!(
        bucket.with(|state| state.objects[&path].headers["cache-control"].clone()),
        "public, max-age=300"
    );
}

#[test]
fn a_new_issue_waits_until_its_page_is_uploaded() {
    let relay = Server::start(Script::polite());
    let bucket = BucketServer::start();
    let site = Site::with(relay.port(), 2, 1, &bucket.config());
    credentials(&site);
    let failure = Failure { method: "PUT", path: PAGE, status: 403, code: "AccessDenied", times: 1 };
    bucket.with(|state| state.failures = vec![failure]);
    let failed = site.run_at(NOW, &["publish"]);
    assert!(
        failed.code == 1 && failed.output.contains("new issues wait until the site is uploaded"),
        "{}",
        failed.output
    );
    assert!(relay.accepted().is_empty());
    let done = site.run_at(NOW, &["publish"]);
    assert_eq!((done.code, relay.accepted().len()), (0, 2), "{}", done.output);
    assert_complete(&site, &bucket);
}

#[test]
fn a_program_is_run_once_for_each_change_and_again_after_a_failure() {
    let site = Site::unopened(9, 0, 1);
    let config = |command: &str| {
        format!(
            "[site]\ntitle = \"글\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\n[newsletter]\nenabled = false\n\
             [output]\ncommand = [\"/bin/sh\", \"deploy.sh\"]\n{command}"
        )
    };
    site.write("config.toml", &config(""));
    let script = "echo ran >> ran.txt\ncp $LETTERPRESS_CHANGED changed.txt\ncp $LETTERPRESS_DELETED deleted.txt\n\
                  test -f $LETTERPRESS_PUBLIC/rss.xml && echo pushed\ntest ! -e broken || { echo no network >&2; exit 7; }\n";
    site.write("deploy.sh", script);
    let runs = || std::fs::read_to_string(site.path("ran.txt")).unwrap_or_default().lines().count();
    let read = |name: &str| std::fs::read_to_string(site.path(name)).unwrap();
    let first = site.run(&["publish"]);
    assert!(
        first.code == 0 && first.output.contains("command: /bin/sh finished\n  pushed\n"),
        "{}",
        first.output
    );
    assert!(read("changed.txt").lines().any(|line| line == "rss.xml") && read("deleted.txt").is_empty());
    assert_eq!(site.run(&["publish", "--quiet"]).output, "");
    assert_eq!(runs(), 1);

    post(&site, "other", "기술", "새 글");
    site.write("broken", "");
    let failed = site.run(&["publish"]);
    let words = "of output.command failed (exit status: 7)\n    pushed\n    no network";
    assert!(failed.code == 1 && failed.output.contains(words), "{}", failed.output);
    std::fs::remove_file(site.path("broken")).unwrap();
    let again = site.run(&["build", "--json"]);
    assert!(again.code == 0 && again.output.contains("\"command\": \"finished\""), "{}", again.output);
    assert!(read("changed.txt").lines().any(|line| line == "other/index.html"), "{}", read("changed.txt"));
    assert_eq!((runs(), site.run(&["build", "--quiet"]).output.as_str(), runs()), (3, "", 3));

    site.run(&["retract", "other"]);
    assert_eq!(site.run(&["build"]).code, 0);
    assert!(read("deleted.txt").lines().any(|line| line == "other/index.html"), "{}", read("deleted.txt"));

    site.write("config.toml", &config("command_timeout = \"1s\"\n"));
    site.write("deploy.sh", "sleep 30\n");
    post(&site, "third", "기술", "새 글");
    let late = site.run(&["build"]);
    assert!(late.code == 1 && late.output.contains("did not end within 1 s"), "{}", late.output);
}
