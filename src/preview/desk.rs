//! The state behind the page: the posts in memory, the emails that were composed, and a number that rises with every change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use tokio::sync::{RwLock, watch};

use super::archive::{Extent, PostArchive};
use super::changes::{Batch, Changes, Layout};
use super::letter::Letter;
use super::view::Subject;
use crate::archive::{Post, SkipReason, markdown};
use crate::config::{self, ConfigError};
use crate::finding::Finding;
use crate::pipeline::newsletter::{
    IssueRenderer, compose, compose_digest, compose_sample, compose_step, digest_forecast, is_for_everybody,
    picture_files, sample_message, transmit_test,
};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::schedule::digest::Digest;

/// How many emails are kept after they were replaced by ones with errors.
const MOST_KEPT: usize = 50;
/// How many posts an example of a digest has.
const EXAMPLE: usize = 3;

/// What the page shows, kept up to date.
pub(super) struct Desk {
    state: RwLock<State>,
    revision: watch::Sender<u64>,
    composed: Mutex<HashMap<Subject, (u64, Arc<Composed>)>>,
    /// Held while an email is composed: the page and its frame ask for the same one at once.
    composing: tokio::sync::Mutex<()>,
}

/// The configuration and the posts.
pub(super) struct State {
    pub(super) context: RunContext,
    pub(super) posts: PostArchive,
    /// Errors in the configuration; the one before them is used.
    pub(super) config_errors: Vec<Finding>,
}

/// An email, or why there is none.
#[derive(Default)]
pub(super) struct Composed {
    /// With errors, the last one without them.
    pub(super) letter: Option<Arc<Letter>>,
    pub(super) errors: Vec<Finding>,
    /// The post that it is of.
    pub(super) post: Option<Post>,
    pub(super) held: Option<SkipReason>,
    /// What it is, if that is not obvious.
    pub(super) note: Option<String>,
    /// The files of pictures by their URLs.
    pub(super) pictures: Vec<(String, Utf8PathBuf)>,
    renderer: Option<IssueRenderer>,
}

impl Desk {
    /// Reads the posts.
    pub(super) fn open(context: RunContext) -> Self {
        let posts = PostArchive::read(&context.config, context.clock.now())
            .unwrap_or_else(|errors| PostArchive::unreadable(&context.config, errors));
        Self {
            state: RwLock::new(State { context, posts, config_errors: Vec::new() }),
            revision: watch::Sender::new(1),
            composed: Mutex::default(),
            composing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn state(&self) -> tokio::sync::RwLockReadGuard<'_, State> {
        self.state.read().await
    }

    pub(super) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(super) fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    pub(super) async fn layout(&self) -> Layout {
        Layout::of(&self.state().await.context.config)
    }

    /// Adds what changed paths mean.
    pub(super) async fn note(&self, batch: &Batch, layout: &Layout, changes: &mut Changes) {
        let state = self.state().await;
        let Some(paths) = batch else {
            (changes.archive, changes.config) = (true, true);
            return;
        };
        for path in paths {
            layout.note(path, |source| state.posts.role(source), changes);
        }
    }

    /// Reads again what changed, and tells the pages.
    pub(super) async fn apply(&self, changes: Changes) {
        let mut is_all = changes.archive || changes.config;
        if !is_all {
            let mut state = self.state.write().await;
            let State { context, posts, .. } = &mut *state;
            let now = context.clock.now();
            for source in &changes.posts {
                is_all |= posts.update(&context.config, source, now) == Extent::Others;
            }
            drop(state);
            // The changed post is shown before the others are read.
            self.revision.send_modify(|revision| *revision += 1);
        }
        if is_all || changes.look && self.has_series().await {
            self.read_all(changes.config).await;
            self.revision.send_modify(|revision| *revision += 1);
        }
    }

    async fn has_series(&self) -> bool {
        let state = self.state().await;
        let newsletter = &state.context.config.newsletter;
        newsletter.welcome.is_some() || !newsletter.series.is_empty()
    }

    /// Reads everything again, without keeping anybody from looking at what was there.
    async fn read_all(&self, with_config: bool) {
        let mut context = self.state().await.context.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut errors = Vec::new();
            if with_config {
                match config::load(Utf8Path::new(&context.config.file)) {
                    Ok(config) => context.config = Arc::new(config),
                    Err(ConfigError::Wrong(findings)) => errors = findings,
                    Err(error) => {
                        errors.push(Finding::error(
                            "config",
                            context.config.file.as_str(),
                            error.to_string(),
                        ));
                    }
                }
            }
            let posts = PostArchive::read(&context.config, context.clock.now());
            (context, errors, posts)
        });
        let Ok((context, errors, posts)) = read.await else { return };
        let mut state = self.state.write().await;
        if with_config {
            (state.context, state.config_errors) = (context, errors);
        }
        match posts {
            Ok(posts) => {
                let empty = PostArchive::unreadable(&state.context.config, Vec::new());
                let earlier = std::mem::replace(&mut state.posts, empty);
                state.posts = posts.after(earlier);
            }
            Err(errors) => state.posts.errors = errors,
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Subject, (u64, Arc<Composed>)>> {
        self.composed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The email of `subject`, composed once after each change; `None` if there is no such thing.
    pub(super) async fn composed(&self, subject: &Subject) -> Option<Arc<Composed>> {
        let _alone = self.composing.lock().await;
        let revision = self.revision();
        let known = self.kept().get(subject).cloned();
        if let Some((at, composed)) = &known
            && *at == revision
        {
            return Some(Arc::clone(composed));
        }
        let state = self.state().await;
        let mut composed = state.compose(subject).await?;
        if composed.letter.is_none() {
            composed.letter = known.and_then(|(_, known)| known.letter.clone());
        }
        let composed = Arc::new(composed);
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (at, _)| *at == revision);
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(subject.clone(), (revision, Arc::clone(&composed)));
        Some(composed)
    }

    /// Sends a copy of the email to the writer; returns what happened. Nothing is recorded.
    pub(super) async fn send_test(&self, subject: &Subject) -> Result<String, RunError> {
        let composed = self.composed(subject).await;
        let context = self.state().await.context.clone();
        let address = context.config.newsletter.test.clone().ok_or_else(|| {
            RunError::user(
                "newsletter.test is not set",
                "test = \"you@example.com\" under [newsletter] in config.toml",
            )
        })?;
        let composed = composed.filter(|composed| composed.errors.is_empty());
        let Some(renderer) = composed.as_ref().and_then(|composed| composed.renderer.as_ref()) else {
            return Err(RunError::user(
                "there is no email without errors to send",
                "correct the errors first",
            ));
        };
        let through = transmit_test(&context, &renderer.with_banner("[test]", None), address.clone()).await?;
        Ok(format!("Sent a test copy to {address} via {through}."))
    }
}

/// An email with its findings, and a note about what it is.
type Made = Result<(IssueRenderer, Vec<Finding>), RunError>;

impl State {
    fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }

    /// The ledger, if there is one, or why it cannot be read.
    pub(super) async fn ledger(&self) -> Result<Option<LedgerSession>, RunError> {
        LedgerSession::open_for_reading(&self.context.config, self.context.clock.as_ref()).await
    }

    async fn compose(&self, subject: &Subject) -> Option<Composed> {
        let (config, archive) = (&self.context.config, &self.posts.archive);
        let mut composed = Composed::default();
        let mut warnings = Vec::new();
        let made: Made = match subject {
            Subject::Post(source) => {
                let found = self.posts.find(config, source, self.now())?;
                (composed.errors, composed.held, warnings) = (found.errors, found.held, found.warnings);
                match found.post {
                    Some(post) => {
                        let own = markdown::render(&post).own;
                        composed.pictures = picture_files(config, &post, &own);
                        let made = compose(config, &post);
                        composed.post = Some(post);
                        made
                    }
                    None => Err(RunError::Findings(Vec::new())),
                }
            }
            Subject::Week => {
                let (made, note) = self.week().await?;
                composed.note = Some(note);
                made
            }
            Subject::Step(name) => {
                let step = self
                    .posts
                    .series
                    .iter()
                    .flat_map(|series| &series.steps)
                    .find(|step| step.name == *name)?;
                let latest = archive.posts.iter().find(|post| is_for_everybody(post));
                composed.note = Some(match step.after.num_minutes() {
                    0 => "Mailed when a subscriber begins this series.".to_owned(),
                    _ => format!("Mailed {} after a subscriber begins this series.", spelled(step.after)),
                });
                compose_step(config, (archive, latest), step, self.now())
            }
            Subject::Transactional(kind) => {
                composed.note = Some("Sent by `letterpress serve` when somebody uses its forms.".to_owned());
                compose_sample(config, *kind).map(|renderer| (renderer, Vec::new()))
            }
        };
        let file = match subject {
            Subject::Post(source) => source.as_str(),
            _ => config.file.as_str(),
        };
        match made.and_then(|(renderer, findings)| {
            self.letter(&renderer, findings, warnings).map(|l| (l, renderer))
        }) {
            Ok((letter, renderer)) => {
                (composed.letter, composed.renderer) = (Some(Arc::new(letter)), Some(renderer));
            }
            Err(RunError::Findings(errors)) => composed.errors.extend(errors),
            Err(error) => composed.errors.push(Finding::error("letter", file, error.to_string())),
        }
        Some(composed)
    }

    fn letter(
        &self,
        renderer: &IssueRenderer,
        mut findings: Vec<Finding>,
        warnings: Vec<Finding>,
    ) -> Result<Letter, RunError> {
        let message = sample_message(&self.context.config, renderer, self.now())?.message;
        findings.splice(0..0, warnings);
        Ok(Letter::read(message, findings))
    }

    /// The next digest; without posts for one, an example. `None` without any post.
    async fn week(&self) -> Option<(Made, String)> {
        let (config, archive) = (&self.context.config, &self.posts.archive);
        let session = self.ledger().await.ok().flatten();
        let forecast = match &session {
            Some(session) => digest_forecast(&self.context, session, archive).await.ok().flatten(),
            None => None,
        };
        let next = forecast.and_then(|forecast| {
            [forecast.due, Some(forecast.next)].into_iter().flatten().find(|d| !d.posts.is_empty())
        });
        if let Some(next) = next {
            let day = next.moment.with_timezone(&config.site.timezone).format("%A, %-d %B, %H:%M");
            let note = format!("The digest {} of {day}, with every post of the week.", next.week);
            return Some((compose_digest(config, &next), note));
        }
        let posts: Vec<_> = archive.posts.iter().filter(|post| post.newsletter).take(EXAMPLE).collect();
        let newest = posts.first()?;
        let example = Digest { week: "example".to_owned(), moment: newest.published.to_utc(), posts };
        let note = "An example with the newest posts: no post waits for a digest.".to_owned();
        Some((compose_digest(config, &example), note))
    }
}

/// A span in the largest unit that divides it.
fn spelled(span: chrono::TimeDelta) -> String {
    let minutes = span.num_minutes();
    let (number, unit) = match minutes {
        _ if minutes % 1440 == 0 => (minutes / 1440, "day"),
        _ if minutes % 60 == 0 => (minutes / 60, "hour"),
        _ => (minutes, "minute"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
