//! `letterpress doctor` against real parts: the scripted relay, certificates of every kind, a web server that lies, and
//! `letterpress serve` itself. Each check is seen good and bad.

mod broken;
mod here;
mod quiet;
mod relay;
mod web;

use std::collections::BTreeMap;

use serde_json::Value;

use super::support::{Script, Site};

const PLAIN: &str = "tls = \"none\"\n";

/// A relay that offers everything.
fn good_script() -> Script {
    ["PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8"]
        .iter()
        .fold(Script::polite(), |script, keyword| script.keyword(keyword))
}

/// What the doctor said.
struct Report {
    code: i32,
    checks: Vec<Value>,
    whole: Value,
}

impl Report {
    /// Asks everything, with the system clock.
    fn of(site: &Site) -> Self {
        Self::with(site, None, &["doctor", "--json"], &[])
    }

    fn with(site: &Site, now: Option<&str>, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = site.command(now, arguments);
        // Without a path, the crontab of whoever runs the tests would be read.
        command.env("PATH", site.path("bin"));
        command.envs(environment.iter().copied());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let whole: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{errors}"));
        let checks = whole["checks"].as_array().unwrap().clone();
        Self { code: output.status.code().unwrap(), checks, whole }
    }

    /// The ids of all warnings and faults, each with its level.
    fn bad(&self) -> BTreeMap<String, String> {
        let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
        let is_bad = |check: &&Value| matches!(check["level"].as_str(), Some("warning" | "fault"));
        self.checks.iter().filter(is_bad).map(|check| (text(check, "id"), text(check, "level"))).collect()
    }

    /// Asserts that exactly these are warnings and faults.
    fn has_only(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> =
            expected.iter().map(|(id, level)| ((*id).to_owned(), (*level).to_owned())).collect();
        assert_eq!(self.bad(), expected, "{:#?}", self.checks);
        let has_fault = expected.values().any(|level| level == "fault");
        assert_eq!(self.code, i32::from(has_fault));
        for check in &self.checks {
            let is_bad = expected.contains_key(check["id"].as_str().unwrap())
                && check["level"] != "good"
                && check["level"] != "skipped";
            assert_eq!(check["next"].is_string(), is_bad, "each problem has a next step: {check}");
        }
    }

    /// The first check with this id.
    fn check(&self, id: &str) -> &Value {
        self.checks
            .iter()
            .find(|check| check["id"] == id)
            .unwrap_or_else(|| panic!("no {id}: {:#?}", self.checks))
    }

    fn level(&self, id: &str) -> &str {
        self.check(id)["level"].as_str().unwrap()
    }

    fn message(&self, id: &str) -> &str {
        self.check(id)["message"].as_str().unwrap()
    }
}

/// A site with a post, with `site.url` at `url`, a relay of `[smtp]` at `port`, and more configuration.
fn site(url: &str, port: u16, smtp: &str, more: &str) -> Site {
    let site = Site::unopened(port, 2, 1);
    configure(&site, url, port, smtp, more);
    begin(&site);
    site
}

/// Subscribers, and the feeds.
fn begin(site: &Site) {
    for command in [&["subscribers", "import", "readers.csv", "--confirmed"][..], &["build"]] {
        let ended = site.run_now(command);
        assert_eq!(ended.code, 0, "{}", ended.output);
    }
}

fn configure(site: &Site, url: &str, port: u16, smtp: &str, more: &str) {
    let config = format!(
        "[site]\ntitle = \"느린 편지\"\nurl = \"{url}\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
         [newsletter]\nfrom = \"느린 편지 <news@letters.example>\"\nfirst_run = \"newest\"\nunsubscribe_by_hand = true\ndelay = \"0s\"\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {port}\n{smtp}\
         deadlines = {{ connect = \"5s\", command = \"5s\", data = \"5s\", dot = \"1s\" }}\n{more}"
    );
    site.write("config.toml", &config);
}
