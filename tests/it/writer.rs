//! The work of a writer: posts are written, edited, renamed, re-dated, deleted and replaced, the file of ids is lost,
//! the site moves, the ledger is restored, and commands run in any order. Nobody gets a post twice, and no post is
//! missed.
//!
//! Uses the real program, a scripted relay, and one seed for each history. A unique word that no edit removes
//! identifies each post.

#[path = "../simulation/chance.rs"]
#[expect(dead_code, reason = "the simulation draws more kinds of chance")]
mod chance;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::config::environment;

use self::chance::Chance;
use super::support::{Script, Server, Site};

/// The number of histories in a normal `cargo test`; `LETTERPRESS_WRITERS` changes it.
const HISTORIES: u64 = 24;
/// The number of actions in each.
const ACTIONS: usize = 14;
const SUBSCRIBERS: usize = 2;

/// A post as its writer knows it.
struct Post {
    /// A word that is always in its text.
    name: String,
    title: String,
    words: Vec<String>,
    date: DateTime<Utc>,
    path: String,
    /// Nothing happened because of which Letterpress may ask whether it is new.
    is_plain: bool,
}

impl Post {
    fn text(&self) -> String {
        let paragraphs: Vec<String> = self.words.chunks(12).map(|words| words.join(" ")).collect();
        format!(
            "+++\ntitle = \"{}\"\ndate = {}\n+++\n\n{} {}.\n",
            self.title,
            self.date.format("%Y-%m-%dT%H:%M:%SZ"),
            self.name,
            paragraphs.join(".\n\n")
        )
    }
}

struct History {
    site: Site,
    server: Server,
    chance: Chance,
    now: DateTime<Utc>,
    posts: Vec<Post>,
    written: usize,
    trace: Vec<String>,
    /// An id may be lost: older posts may be held back or count as mailed.
    is_shaken: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let server = Server::start(Script::polite().pipelining(true));
        let site = Site::new(server.port(), SUBSCRIBERS, 1);
        std::fs::remove_file(site.path("posts/slow.md")).unwrap();
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        let mut history = Self {
            site,
            server,
            chance: Chance::new(seed),
            now,
            posts: Vec::new(),
            written: 0,
            trace: Vec::new(),
            is_shaken: false,
        };
        // The ledger starts with an empty archive, so every post is mailed.
        history.run(&["publish"]);
        history
    }

    fn run(&mut self, arguments: &[&str]) -> i32 {
        self.now += TimeDelta::minutes(7);
        let ended = self.site.run_at(&self.now.to_rfc3339(), arguments);
        self.trace.push(format!("$ {} -> {}\n{}", arguments.join(" "), ended.code, ended.output.trim_end()));
        assert!(ended.code != 2 && ended.code >= 0, "{}", self.trace.join("\n"));
        ended.code
    }

    fn words(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| format!("w{:x}", self.chance.below(1 << 24))).collect()
    }

    fn write(&mut self) {
        self.written += 1;
        let name = format!("marker{}x", self.written);
        let date = self.now - TimeDelta::minutes(i64::try_from(self.chance.below(300)).unwrap());
        // Some paths and titles occur again.
        let path = match self.chance.below(3) {
            0 => format!("posts/{}.md", date.format("%Y-%m-%d")),
            _ => format!("posts/{}-post-{}.md", date.format("%Y-%m-%d"), self.written),
        };
        if self.posts.iter().any(|post| post.path == path) {
            return;
        }
        let title = match self.chance.below(3) {
            0 => "Weekly notes".to_owned(),
            _ => format!("Post {}", self.written),
        };
        let words = self.words(60);
        self.posts.push(Post { name, title, words, date, path, is_plain: true });
        self.save(self.posts.len() - 1);
    }

    fn save(&mut self, at: usize) {
        let post = &self.posts[at];
        self.trace.push(format!("{} is {} ({})", post.path, post.name, post.title));
        self.site.write(&post.path, &post.text());
    }

    fn any(&mut self) -> Option<usize> {
        let count = self.posts.len() as u64;
        (count > 0).then(|| usize::try_from(self.chance.below(count)).unwrap())
    }

    fn change(&mut self) {
        let Some(at) = self.any() else { return };
        match self.chance.below(4) {
            0 => {
                let fresh = self.words(8);
                let from = usize::try_from(self.chance.below(50)).unwrap();
                self.posts[at].words.splice(from..from + 8, fresh);
            }
            1 => self.posts[at].title = format!("Another title {}", self.chance.below(1_000)),
            2 => self.posts[at].date -= TimeDelta::hours(i64::try_from(self.chance.between(1, 30)).unwrap()),
            _ => {
                let path = format!("posts/renamed-{}.md", self.chance.below(1_000_000));
                let old = std::mem::replace(&mut self.posts[at].path, path);
                std::fs::remove_file(self.site.path(&old)).unwrap();
            }
        }
        self.save(at);
    }

    fn delete(&mut self) {
        let Some(at) = self.any() else { return };
        let post = self.posts.remove(at);
        self.trace.push(format!("{} is deleted", post.path));
        std::fs::remove_file(self.site.path(&post.path)).unwrap();
        if self.chance.percent(50) {
            self.write();
        }
    }

    fn lose(&mut self) {
        self.is_shaken = true;
        self.posts.iter_mut().for_each(|post| post.is_plain = false);
        if self.chance.percent(60) {
            self.trace.push("ids.txt is lost".to_owned());
            let _ = std::fs::remove_file(self.site.path("posts/ids.txt"));
        } else {
            self.trace.push("the site moves".to_owned());
            let config = std::fs::read_to_string(self.site.path("config.toml")).unwrap();
            let moved = format!("https://moved{}.letters.example/", self.chance.below(100));
            let from = config.find("url = \"").unwrap() + 7;
            let to = from + config[from..].find('"').unwrap();
            self.site.write("config.toml", &format!("{}{moved}{}", &config[..from], &config[to..]));
        }
    }

    fn restore(&mut self) {
        self.is_shaken = true;
        let backup = format!("backup-{}.db", self.chance.below(1_000_000));
        self.run(&["backup", &backup]);
        self.act();
        self.run(&["backup", "restore", &backup]);
        self.run(&["ledger", "adopt-restored", "--reason", "a test"]);
        // Posts that were not mailed yet now count as mailed.
        self.posts.iter_mut().for_each(|post| post.is_plain = false);
    }

    fn command(&mut self) {
        match self.chance.below(6) {
            0 => self.run(&["publish"]),
            1 => self.run(&["publish", "--allow-loss"]),
            2 => self.run(&["publish", "--allow-loss", "--allow-redelivery"]),
            3 => self.run(&["build", "--allow-loss"]),
            4 => self.run(&["send", "--allow-loss", "--allow-redelivery"]),
            _ => self.run(&["adopt", "public/rss.xml"]),
        };
    }

    fn act(&mut self) {
        match self.chance.below(20) {
            0..=4 => self.write(),
            5..=8 => self.change(),
            9..=10 => self.delete(),
            11 => self.lose(),
            12 => self.restore(),
            _ => self.command(),
        }
    }

    /// How often each subscriber got each post.
    fn messages(&self) -> HashMap<(String, String), usize> {
        let mut messages = HashMap::new();
        for message in self.server.log().messages {
            let text = String::from_utf8_lossy(&message.data).into_owned();
            let from = text.find("marker").unwrap_or_else(|| panic!("{text}"));
            let name: String = text[from..].chars().take_while(char::is_ascii_alphanumeric).collect();
            for recipient in &message.rcpt {
                *messages.entry((name.clone(), recipient.clone())).or_default() += 1;
            }
        }
        messages
    }

    fn judge(&self) {
        for ((post, recipient), times) in self.messages() {
            assert_eq!(times, 1, "{recipient} got {post}\n{}", self.trace.join("\n"));
        }
    }
}

fn run_history(seed: u64) {
    let mut history = History::new(seed);
    for _ in 0..ACTIONS {
        history.act();
    }
    for _ in 0..=history.posts.len() {
        history.run(&["publish", "--allow-loss", "--allow-redelivery"]);
    }
    history.judge();
    let messages = history.messages();
    for post in history.posts.iter().filter(|post| post.is_plain && !history.is_shaken) {
        let got = messages.keys().filter(|(name, _)| *name == post.name).count();
        assert_eq!(
            got,
            SUBSCRIBERS,
            "seed {seed}: {} was swallowed\n{}",
            post.name,
            history.trace.join("\n")
        );
    }
}

#[test]
fn random_actions_of_a_writer_mail_no_post_twice_and_miss_none() {
    let histories = environment("LETTERPRESS_WRITERS").and_then(|histories| histories.parse().ok());
    for seed in 0..histories.unwrap_or(HISTORIES) {
        run_history(seed);
    }
}
