//! What a reader wants, at the command line: how often, and about what. `letterpress subscribers choose` among others.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use clap::Args;

use super::Outcome;
use super::printer::Printer;
use super::status::parse;
use crate::archive::folder;
use crate::pipeline::{Office, RunError, World};
use crate::store::desk::Circumstances;
use crate::subscribers::{Cadence, Topics, Wishes};
use crate::text::HeaderText;

/// The flags of a choice.
#[derive(Args)]
pub(super) struct Choice {
    /// One letter a week, at the moment that newsletter.digest names.
    #[arg(long)]
    weekly: bool,
    /// Each post by itself.
    #[arg(long, conflicts_with = "weekly")]
    each: bool,
    /// Only posts of this category; may be given several times.
    #[arg(long, value_name = "CATEGORY")]
    topic: Vec<String>,
    /// Posts of every category.
    #[arg(long, conflicts_with = "topic")]
    everything: bool,
}

impl Choice {
    /// The wishes of a reader who wanted `before` and says this.
    pub(super) fn over(&self, before: Wishes) -> Result<Wishes, RunError> {
        let cadence = match (self.weekly, self.each) {
            (true, _) => Cadence::Weekly,
            (_, true) => Cadence::Each,
            _ => before.cadence,
        };
        let named: Result<Vec<_>, _> = self.topic.iter().map(|topic| HeaderText::parse(topic)).collect();
        let named = named.map_err(|error| {
            RunError::user(format!("the topic: {error}"), "write a category as it stands in the posts")
        })?;
        let topics = match (self.everything, named.is_empty()) {
            (true, _) => Topics::Everything,
            (false, true) => before.topics,
            (false, false) => Topics::only(named),
        };
        Ok(Wishes { cadence, topics })
    }
}

/// Says which of the topics no post has: a slip of the pen would keep every letter away.
pub(super) fn remark_on_topics(choice: &Choice, world: &World, printer: Printer) {
    if choice.topic.is_empty() {
        return;
    }
    // An archive that cannot be read is `check`'s to speak of.
    let Ok(reading) = folder::read(&world.config, world.clock.now()) else { return };
    let there = |topic: &str| {
        reading
            .archive
            .posts
            .iter()
            .any(|post| post.categories.iter().any(|category| category.as_str() == topic))
    };
    for topic in choice.topic.iter().filter(|topic| !there(topic)) {
        printer.complain(format!("no post is in the category \"{topic}\" yet"));
    }
}

pub(super) async fn choose(
    address: &str,
    choice: &Choice,
    (office, now): (&Office, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = office.key_of(&parse(address)?);
    let nobody = || {
        RunError::user(
            format!("{address} gets no letter"),
            "`letterpress status why-not` says why; `add` adds a reader",
        )
    };
    let reader = office.store.subscriber(key).await?.ok_or_else(nobody)?;
    let wishes = choice.over(reader.profile.wishes)?;
    let mut wording = [0; 32];
    // Nobody was shown any words: the writer says what the reader asked for.
    wording.copy_from_slice(digest(&SHA256, b"").as_ref());
    let circumstances = Circumstances { form: "command line".to_owned(), wording, network: None };
    if !office.store.choose(key, wishes.clone(), circumstances, now).await? {
        return Err(nobody());
    }
    printer.say(format!("{address} gets {}", sentence(&wishes)));
    Ok(Outcome::Done)
}

/// `one letter a week, of 기술, 생각`.
pub(super) fn sentence(wishes: &Wishes) -> String {
    let often = match wishes.cadence {
        Cadence::Each => "each post by itself",
        Cadence::Weekly => "one letter a week",
    };
    match topics(wishes) {
        None => often.to_owned(),
        Some(topics) => format!("{often}, of {}", topics.join(", ")),
    }
}

/// What is unusual about the wishes of a reader, in few words.
pub(super) fn remark(wishes: &Wishes) -> Option<String> {
    let weekly = (wishes.cadence == Cadence::Weekly).then(|| "weekly".to_owned());
    let topics = topics(wishes).map(|topics| format!("only {}", topics.join(", ")));
    let words: Vec<String> = weekly.into_iter().chain(topics).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The categories that are wanted; `None` means all.
pub(super) fn topics(wishes: &Wishes) -> Option<Vec<&str>> {
    match &wishes.topics {
        Topics::Everything => None,
        Topics::Only(topics) => Some(topics.iter().map(HeaderText::as_str).collect()),
    }
}
