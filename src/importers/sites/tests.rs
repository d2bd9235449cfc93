//! The configuration of each generator, and the values that are read from it.

use proptest::prelude::*;

use super::*;

fn found(generator: Generator, file: &'static str, text: &str) -> Found {
    read(generator, &[(file.to_owned(), text.to_owned())], &|_| true).unwrap()
}

/// Letterpress can read the written configuration.
fn config(found: &Found, generator: Generator) -> crate::config::Config {
    let text = found.to_toml(generator, "../site/content");
    crate::config::parse(&text, "config.toml", camino::Utf8Path::new(".")).unwrap()
}

#[test]
fn hugo_has_title_language_zone_and_permalinks() {
    let toml = "baseURL = \"https://example.com/blog\"\ntitle = \"글\"\ndefaultContentLanguage = \"ko\"\ntimeZone = \"Asia/Seoul\"\n\
                [params]\ndescription = \"a \\\"b\\\"\"\n[params.author]\nname = \"Kim\"\nemail = \"kim@example.com\"\n\
                [permalinks]\nposts = \":year/:slug\"\n";
    let hugo = found(Generator::Hugo, "hugo.toml", toml);
    assert_eq!(hugo.permalinks["posts"], "/:year/:slug/");
    assert!(hugo.notes.is_empty(), "{:?}", hugo.notes);
    assert_eq!(hugo.author, Some(("Kim".to_owned(), Some("kim@example.com".to_owned()))));
    let config = config(&hugo, Generator::Hugo);
    assert_eq!((config.site.title.as_str(), config.site.language.as_str()), ("글", "ko"));
    assert_eq!(config.site.url.as_str(), "https://example.com/blog/");
    assert_eq!(config.archive.generator, Some(Generator::Hugo));
}

#[test]
fn a_rule_that_is_not_understood_is_kept_and_stops_the_build() {
    let toml = "title = \"a\"\nbaseURL = \"https://example.com\"\n[permalinks]\nnotes = \"/:rune/:slug/\"\n";
    let pelican = "SITEURL = 'https://example.com'\nARTICLE_URL = '{series}/{date:%U}/{slug}/'\n";
    for (generator, file, text, rule) in [
        (Generator::Hugo, "hugo.toml", toml, "/:rune/:slug/"),
        (Generator::Jekyll, "_config.yml", "permalink: /:unknown/:title\n", "/:unknown/:title"),
        (Generator::Pelican, "pelicanconf.py", pelican, "/:series/:%U/:slug/"),
    ] {
        let found = found(generator, file, text);
        assert!(
            found.notes.iter().any(|note| note.contains(rule) && note.contains("correct it")),
            "{:?}",
            found.notes
        );
        let written = found.to_toml(generator, "posts");
        let refusal = crate::config::parse(&written, "config.toml", camino::Utf8Path::new(".")).unwrap_err();
        assert!(format!("{refusal:?}").contains("unknown placeholder"), "{refusal:?}");
    }
}

#[test]
fn hugo_is_read_from_several_files_and_keeps_its_ugly_addresses() {
    let files = [
        ("config/_default/languages.toml".to_owned(), "[en]\ntitle = \"English\"\n".to_owned()),
        ("config/_default/languages.ko.toml".to_owned(), "title = \"한국어\"\ncontentDir = \"content/ko\"\n".to_owned()),
        ("config/_default/hugo.yaml".to_owned(), "baseurl: https://example.com\ndefaultContentLanguage: ko\nuglyURLs: true\npermalinks:\n  page:\n    posts: /:filename/\n".to_owned()),
    ];
    let hugo = read(Generator::Hugo, &files, &|_| true).unwrap();
    assert_eq!((hugo.title.as_deref(), hugo.posts.as_str()), (Some("한국어"), "content/ko"));
    assert_eq!(hugo.permalink.as_deref(), Some("/:sections/:slugorfilename.html"));
    assert_eq!(hugo.permalinks["posts"], "/:filename.html");
    assert!(hugo.notes[0].contains("2 languages"));
}

#[test]
fn jekyll_styles_are_patterns_and_post_defaults_win() {
    let jekyll = |text: &str| found(Generator::Jekyll, "_config.yml", text).permalink;
    assert_eq!(jekyll("permalink: pretty\n").as_deref(), Some("/:categories/:year/:month/:day/:title/"));
    assert_eq!(jekyll("title: a\n"), None);
    let defaults = "permalink: none\ndefaults:\n  - scope:\n      path: \"\"\n      type: posts\n    values:\n      permalink: /blog/:title/\n";
    assert_eq!(jekyll(defaults).as_deref(), Some("/blog/:title/"));
    let site = found(
        Generator::Jekyll,
        "_config.yml",
        "url: https://example.com\nbaseurl: /b\nlang: ko_KR\nauthor: Kim\nemail: kim@example.com\n",
    );
    assert_eq!(
        (site.url.as_deref(), site.language.as_deref()),
        (Some("https://example.com/b"), Some("ko-KR"))
    );
    config(&site, Generator::Jekyll);
    config(&read(Generator::Jekyll, &[], &|_| true).unwrap(), Generator::Jekyll);
}

#[test]
fn only_literals_of_a_python_file_are_read() {
    let conf = "import os\nSITENAME = u\"글's\"  # a comment\nSITEURL = ''\nAUTHOR = os.environ['USER']\nTIMEZONE = 'Asia/Seoul'\n\
                PATH = 'content/'\nABOUT = \"\"\"\nTIMEZONE = 'no'\n\"\"\"\nARTICLE_URL = 'posts/{date:%Y}/{date:%m}/{slug}/index.html'\nif True:\n    SITENAME = 'no'\n";
    let url = |pattern: &str| {
        let text = format!("SITEURL = 'https://example.com'\nARTICLE_URL = '{pattern}'\n");
        found(Generator::Pelican, "pelicanconf.py", &text).permalink.unwrap()
    };
    assert_eq!(
        url("{date:%Y/%m/%d}/{category}-{lang}/{slug}.html"),
        "/:year/:month/:day/:category-:lang/:slug.html"
    );
    assert_eq!(url("y{date:%Y}m{date:%-m}/{slug}"), "/y:yearm:i_month/:slug");
    let publish = "from pelicanconf import *\nSITEURL = 'https://example.com'\n";
    let files =
        [("pelicanconf.py".to_owned(), conf.to_owned()), ("publishconf.py".to_owned(), publish.to_owned())];
    let pelican = read(Generator::Pelican, &files, &|_| true).unwrap();
    assert_eq!(pelican.title.as_deref(), Some("글's"));
    assert_eq!(pelican.url.as_deref(), Some("https://example.com"));
    assert_eq!(pelican.timezone.as_deref(), Some("Asia/Seoul"));
    assert_eq!((pelican.author, pelican.posts.as_str()), (None, "content"));
    assert_eq!(pelican.permalink.as_deref(), Some("/posts/:year/:month/:slug/"));
}

#[test]
fn zola_settings_are_read_and_its_safe_names_are_kept() {
    let zola = found(
        Generator::Zola,
        "config.toml",
        "base_url = \"https://example.com\"\ndefault_language = \"ko\"\n[slugify]\npaths = \"safe\"\n[languages.en]\n",
    );
    assert_eq!(zola.permalink.as_deref(), Some("/:sections/:filename/"));
    assert_eq!(zola.notes.len(), 2);
    config(&zola, Generator::Zola);
}

#[test]
fn invalid_values_are_left_out_and_reported() {
    let toml = "baseURL = \"/\"\ntitle = \"a\"\nlanguageCode = \"no language!\"\ntimeZone = \"Mars\"\n";
    let hugo = found(Generator::Hugo, "hugo.toml", toml);
    assert_eq!(hugo.notes.len(), 3, "{:?}", hugo.notes);
    config(&hugo, Generator::Hugo);
    assert!(
        read(Generator::Hugo, &[("hugo.toml".to_owned(), "title = ".to_owned())], &|_| true)
            .unwrap_err()
            .starts_with("hugo.toml:")
    );
}

#[test]
fn the_feeds_of_a_site_keep_their_addresses() {
    let hugo =
        "[outputFormats.RSS]\nbaseName = \"feed\"\n[outputs]\nhome = [\"HTML\", \"RSS\", \"JSONFeed\"]\n";
    let pelican = "FEED_ALL_ATOM = 'all.atom.xml'\nFEED_ALL_RSS = 'all.rss.xml'\nCATEGORY_FEED_ATOM = None\nAUTHOR_FEED_RSS = None\nAUTHOR_FEED_ATOM = None\nTAG_FEED_RSS = 'feeds/{slug}.xml'\n";
    let zola = "generate_feeds = true\nfeed_filenames = [\"rss.xml\", \"feed.xml\"]\n[[taxonomies]]\nname = \"tags\"\nfeed = true\n";
    for (generator, file, text, expected) in [
        (
            Generator::Hugo,
            "hugo.toml",
            hugo,
            "json = \"index.json\"\nrss = \"feed.xml\"\ncategory = { rss = \"categories/:name/feed.xml\" }\nsection = { rss = \":name/feed.xml\" }\ntag = { rss = \"tags/:name/feed.xml\" }\n",
        ),
        (Generator::Hugo, "hugo.toml", "disableKinds = [\"RSS\"]\n", ""),
        (
            Generator::Jekyll,
            "_config.yml",
            "plugins: [jekyll-feed]\nfeed:\n  path: /atom.xml\n  tags: true\n",
            "atom = \"atom.xml\"\ntag = { atom = \"feed/by_tag/:name.xml\" }\n",
        ),
        (Generator::Jekyll, "_config.yml", "title: a\n", ""),
        (
            Generator::Pelican,
            "pelicanconf.py",
            pelican,
            "atom = \"all.atom.xml\"\nrss = \"all.rss.xml\"\ntag = { rss = \"feeds/:name.xml\" }\n",
        ),
        (
            Generator::Zola,
            "config.toml",
            zola,
            "atom = \"feed.xml\"\nrss = \"rss.xml\"\ntag = { atom = \"tags/:name/feed.xml\", rss = \"tags/:name/rss.xml\" }\n",
        ),
    ] {
        let found = found(generator, file, text);
        let toml = found.feeds.to_toml();
        assert_eq!(toml.split_once("[feeds.paths]\n").map_or("", |(_, paths)| paths), expected, "{text}");
        config(&found, generator);
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_readers(text in "([A-Z_]{1,8} ?= ?|['\"\\\\#u\n가:{}\\[\\]-]|title|permalinks| ){0,30}") {
        for (generator, file) in [
            (Generator::Hugo, "hugo.toml"),
            (Generator::Hugo, "hugo.yaml"),
            (Generator::Zola, "config.toml"),
            (Generator::Jekyll, "_config.yml"),
            (Generator::Pelican, "pelicanconf.py"),
        ] {
            if let Ok(found) = read(generator, &[(file.to_owned(), text.clone())], &|_| true) {
                let _ = found.to_toml(generator, "posts");
            }
        }
    }
}

#[test]
fn the_page_of_the_site_has_the_title_that_the_configuration_lacks() {
    let files = [("hugo.toml".to_owned(), "baseURL = \"https://a.example/\"\n".to_owned())];
    let mut found = read(Generator::Hugo, &files, &|_| true).unwrap();
    found.take_home(Generator::Hugo, "+++\ntitle = \"Notes\"\ndescription = \"On tea\"\n+++\n");
    assert_eq!((found.title.as_deref(), found.description.as_deref()), (Some("Notes"), Some("On tea")));
    found.take_home(Generator::Hugo, "+++\ntitle = \"Other\"\n+++\n");
    assert_eq!(found.title.as_deref(), Some("Notes"), "the configuration wins");
}

#[test]
fn a_second_address_of_the_site_s_feed_is_redirected() {
    let python = "FEED_ATOM = 'old.xml'\nFEED_ALL_ATOM = 'feeds/all.xml'\n";
    let found =
        read(Generator::Pelican, &[("pelicanconf.py".to_owned(), python.to_owned())], &|_| true).unwrap();
    let toml = found.to_toml(Generator::Pelican, "content");
    assert!(toml.contains("[feeds.moved]\n\"old.xml\" = \"feeds/all.xml\"\n"), "{toml}");
}
