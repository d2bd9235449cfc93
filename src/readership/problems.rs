//! What feed readers met: old addresses, redirects, and programs that fetch the whole feed again and again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::agents::OTHER;
use super::log_line::Request;
use crate::text::clipped;

/// How many of a kind are reported.
const WORST: usize = 5;

/// The most that are counted of all kinds: a scanner tries thousands of addresses.
const MAX_PROBLEMS: usize = 2_000;

/// So many whole feeds a day, without a question whether it has changed, are a waste.
const WASTEFUL: u32 = 12;

/// Names without their extensions that feeds have.
const NAMES: [&str; 6] = ["feed", "feeds", "rss", "rss2", "atom", "podcast"];
/// Extensions that only feeds have.
const EXTENSIONS: [&str; 3] = ["rss", "atom", "rdf"];

/// Whether a feed may have been at this path: `/feed/`, `/index.xml`, `/blog/atom.xml`.
pub(super) fn looks_like_feed(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let (stem, extension) = last.rsplit_once('.').unwrap_or((last, ""));
    let is_one_of = |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    is_one_of(&EXTENSIONS, extension)
        || (is_one_of(&NAMES, stem) && is_one_of(&["", "xml", "json", "php"], extension))
        || last.eq_ignore_ascii_case("index.xml")
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A feed of the site is not there.
    FeedMissing,
    /// There is nothing at an address that looks like that of a feed.
    OldAddress,
    /// A feed of the site redirects.
    FeedRedirects,
    /// An old address redirects for now, and not for good.
    TemporaryRedirect,
    /// A program that fetches the whole feed each time.
    Unconditional,
}

/// What readers met, how often, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedProblem {
    /// What it is.
    pub kind: ProblemKind,
    /// The path, or the program.
    pub subject: String,
    /// How many requests.
    pub requests: u64,
    /// The bytes of their replies, where that is the problem.
    pub bytes: u64,
    /// The programs that made them.
    pub agents: BTreeSet<&'static str>,
    /// What to do.
    pub help: &'static str,
}

impl ProblemKind {
    /// What to do.
    fn help(self, answers_304: bool) -> &'static str {
        match self {
            Self::FeedMissing => {
                "it is a feed of this site: run `letterpress build`, and publish the whole folder"
            }
            Self::OldAddress => "redirect it permanently (301) to your feed, and its readers come back",
            Self::FeedRedirects => {
                "set site.url to the address that it redirects to; each redirect costs a request, and some readers stop"
            }
            Self::TemporaryRedirect => {
                "make the redirect permanent (301), so that readers remember the new address"
            }
            Self::Unconditional if answers_304 => {
                "it never asks whether the feed has changed (If-None-Match); tell its maker"
            }
            Self::Unconditional => {
                "no reply was \"304 Not Modified\": let the web server send ETag or Last-Modified; see `letterpress headers`"
            }
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    bytes: u64,
    agents: BTreeSet<&'static str>,
}

/// All problems while they are counted.
#[derive(Debug, Default)]
pub(super) struct Problems {
    tallies: BTreeMap<(ProblemKind, String), Tally>,
}

impl Problems {
    /// A reply that is no feed. `is_feed`: the path is that of a feed.
    pub(super) fn refused(&mut self, path: &str, status: u16, is_feed: bool, agent: &'static str) {
        let kind = match (status, is_feed) {
            (404 | 410, true) => ProblemKind::FeedMissing,
            (404 | 410, false) => ProblemKind::OldAddress,
            (301 | 302 | 303 | 307 | 308, true) => ProblemKind::FeedRedirects,
            (302 | 303 | 307, false) => ProblemKind::TemporaryRedirect,
            // A permanent redirect of an old address is as it should be.
            _ => return,
        };
        self.add((kind, clipped(path)), (1, 0), agent);
    }

    /// A reply with the whole feed, the `number`th to this client on this day.
    pub(super) fn whole(&mut self, number: u32, request: &Request<'_>, agent: &'static str) {
        if number >= WASTEFUL {
            // The first ones count too, as soon as they are known to be a waste.
            let requests = if number == WASTEFUL { u64::from(WASTEFUL) } else { 1 };
            let subject = if agent == OTHER { clipped(&request.agent) } else { agent.to_owned() };
            self.add((ProblemKind::Unconditional, subject), (requests, request.bytes), agent);
        }
    }

    fn add(&mut self, problem: (ProblemKind, String), (requests, bytes): (u64, u64), agent: &'static str) {
        if self.tallies.len() >= MAX_PROBLEMS && !self.tallies.contains_key(&problem) {
            return;
        }
        let tally = self.tallies.entry(problem).or_default();
        tally.requests += requests;
        tally.bytes = tally.bytes.saturating_add(bytes.saturating_mul(requests));
        tally.agents.insert(agent);
    }

    /// The worst of each kind.
    pub(super) fn into_worst(self, answers_304: bool) -> Vec<FeedProblem> {
        let problem = |((kind, subject), tally): ((ProblemKind, String), Tally)| FeedProblem {
            kind,
            subject,
            requests: tally.requests,
            bytes: tally.bytes,
            agents: tally.agents,
            help: kind.help(answers_304),
        };
        let mut all: Vec<FeedProblem> = self.tallies.into_iter().map(problem).collect();
        all.sort_by_key(|problem| (problem.kind, std::cmp::Reverse(problem.requests)));
        let mut of_kind = BTreeMap::<ProblemKind, usize>::new();
        all.retain(|problem| {
            let number = of_kind.entry(problem.kind).or_default();
            *number += 1;
            *number <= WORST
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_recognised_by_the_addresses_that_they_usually_have() {
        for path in [
            "/feed",
            "/feed/",
            "/blog/RSS.xml",
            "/index.xml",
            "/atom.xml",
            "/a/feed.json",
            "/x.rdf",
            "/category/a/feed/",
        ] {
            assert!(looks_like_feed(path), "{path}");
        }
        for path in ["/", "/index.html", "/feedback", "/sitemap.xml", "/feed.html", "/a.xml", "/feed/hello"] {
            assert!(!looks_like_feed(path), "{path}");
        }
    }

    #[test]
    fn only_the_worst_of_each_kind_are_reported_and_the_number_kept_is_bounded() {
        let mut problems = Problems::default();
        for number in 0..3_000 {
            problems.refused(&format!("/{number}/feed"), 404, false, "Feedly");
        }
        problems.refused("/1/feed", 404, false, OTHER);
        problems.refused("/feed", 302, false, OTHER);
        problems.refused("/feed", 301, false, OTHER);
        assert_eq!(problems.tallies.len(), MAX_PROBLEMS);
        let worst = problems.into_worst(true);
        let kinds: Vec<ProblemKind> = worst.iter().map(|problem| problem.kind).collect();
        assert_eq!(kinds, [ProblemKind::OldAddress; WORST]);
        assert_eq!((worst[0].subject.as_str(), worst[0].requests, worst[0].agents.len()), ("/1/feed", 2, 2));
    }
}
