//! Sends transactional emails (confirmation, "already subscribed", data export) one by one while `letterpress serve` runs.
//!
//! Each email is sent at most once: it is armed in the database before the final dot is written, and not sent again if the
//! reply is lost; the subscriber can request it again. The rate limits of `[smtp]` do not apply, because the limits of the
//! forms are stricter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use super::diagnosis::of_relay;
use super::office::FenceGuard;
use super::signing::signer;
use super::way_out::{no_sender, wire};
use super::{Office, RunError, World, way_out};
use crate::address::{EmailAddress, Mailbox};
use crate::config::SiteUrl;
use crate::delivery::verdict::{Verdict, judge};
use crate::delivery::{Channel, Envelope, Heard, Phase, Wire};
use crate::letters::dkim::Signer;
use crate::letters::{self, Recipient, Unsubscribe};
use crate::store::Store;
use crate::store::desk::{Errand, ErrandEnd, ErrandKind};
use crate::subscribers::token::{Keys, Purpose, Subject};
use crate::text::hex;

/// Polling interval.
const EVERY: Duration = Duration::from_secs(1);
/// Pause after the relay rejected us.
const REST: Duration = Duration::from_secs(60);
/// Delay before a deferred email is retried, multiplied by the number of attempts.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// Maximum number of attempts.
const ATTEMPTS: u32 = 8;

/// The result of one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// No email was waiting.
    Idle,
    /// One email was handled, successfully or not.
    Done,
    /// The relay throttles or rejects our emails; [`Courier::run`] reports why.
    Rest,
}

/// Sends transactional emails.
pub struct Courier {
    world: World,
    store: Arc<Store>,
    keys: Arc<Keys>,
    /// A ledger restored while the server runs must not send before it is accepted.
    guard: FenceGuard,
    wire: Arc<dyn Wire>,
    signer: Option<Arc<Signer>>,
    /// Base URL of the pages that the emails link to.
    pages: SiteUrl,
    /// A unique name of this process.
    owner: String,
    /// The last reply with which the relay rejected us.
    trouble: Mutex<Option<Heard>>,
}

impl Courier {
    /// A sender for this ledger, whose emails link to `pages`; fails if a setting needed for sending is missing.
    pub fn new(world: &World, office: &Office, pages: SiteUrl) -> Result<Self, RunError> {
        let config = &world.config;
        way_out::demand(config)?;
        Ok(Self {
            world: world.clone(),
            store: Arc::clone(&office.store),
            keys: Arc::clone(&office.keys),
            guard: office.guard(),
            wire: wire(config, "answers")?,
            signer: signer(config)?,
            pages,
            owner: hex(&world.clock.random()),
            trouble: Mutex::new(None),
        })
    }

    /// Runs until it is dropped. Calls `told` when the database or the relay starts to fail, fails in another way, and works
    /// again.
    pub async fn run(&self, told: impl Fn(String)) {
        let mut said: Option<String> = None;
        loop {
            let (pause, failure) = match self.round().await {
                Ok(Round::Done) => {
                    if said.take().is_some() {
                        told("transactional email is sent again".to_owned());
                    }
                    continue;
                }
                Ok(Round::Idle) => (EVERY, None),
                Ok(Round::Rest) => (REST, Some(self.why_it_waits())),
                Err(error) => (REST, Some(error.to_string())),
            };
            if failure.is_some() && failure != said {
                failure.iter().cloned().for_each(&told);
                said = failure;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Why transactional emails are not sent, and what to do about it.
    fn why_it_waits(&self) -> String {
        let heard = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = heard.map_or_else(String::new, |heard| match of_relay(&self.world.config, &heard) {
            Some(explained) => format!("\n{}", explained.finding),
            None => format!(": {}", heard.said()),
        });
        format!("transactional email cannot be sent through {}{why}", self.wire.name())
    }

    /// The new state of an email after a reply, and the text to record.
    fn ended(&self, heard: &Heard, errand: &Errand) -> (ErrandEnd, String, Round) {
        let (end, said, round) = ended(heard, errand);
        let code = heard.what.as_ref().ok().map(|reply| reply.code);
        tracing::info!(outcome = ?end, phase = %heard.phase, code, "delivery ended");
        // A failed connection shows a problem of the relay, as a rejection does.
        let is_stuck =
            round == Round::Rest || heard.phase < Phase::Mail && matches!(end, ErrandEnd::Later(_));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = is_stuck.then(|| heard.clone());
        (end, said, if is_stuck { Round::Rest } else { round })
    }

    /// Sends one transactional email, if one is waiting.
    pub async fn round(&self) -> Result<Round, RunError> {
        let (_, lease) = way_out::patience(&self.world.config);
        let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::hours(1));
        if let Some(mismatch) = self.guard.mismatch().await? {
            return Err(RunError::user(
                format!("transactional email cannot be sent: {mismatch}"),
                mismatch.help(),
            ));
        }
        let Some(errand) = self.store.claim_errand(&self.owner, lease, self.now()).await? else {
            return Ok(Round::Idle);
        };
        let span =
            tracing::info_span!("transactional", number = errand.number, connection = tracing::field::Empty);
        let (end, said, round) = self.send(&errand).instrument(span).await?;
        self.store.end_errand(errand.number, &self.owner, end, &said, self.now()).await?;
        Ok(round)
    }

    async fn send(&self, errand: &Errand) -> Result<(ErrandEnd, String, Round), RunError> {
        let message = self.compose(errand)?;
        let envelope =
            Envelope { from: self.return_path()?, to: errand.address.clone(), size: message.len() };
        let mut channel = match self.wire.connect().await {
            Ok(channel) => channel,
            Err(heard) => return Ok(self.ended(&heard, errand)),
        };
        let heard = match hand_over(channel.as_mut(), &envelope, &message).await {
            Err(heard) => Some(heard),
            Ok(()) if self.store.arm_errand(errand.number, &self.owner, self.now()).await? => {
                Some(channel.dot(None).await)
            }
            // The subscriber unsubscribed meanwhile. Without the final dot the server discards the message.
            Ok(()) => None,
        };
        let Some(heard) = heard else { return Ok((ErrandEnd::Failed, String::new(), Round::Done)) };
        channel.quit().await;
        Ok(self.ended(&heard, errand))
    }

    /// The message; only its date differs between attempts.
    fn compose(&self, errand: &Errand) -> Result<Vec<u8>, RunError> {
        let config = &self.world.config;
        let from = &config.newsletter.from.as_ref().ok_or_else(no_sender)?.address;
        let language = errand.language.as_deref().unwrap_or(&config.site.language);
        let letter = letters::compose_slip(errand.kind, language, &self.link(errand), config)
            .map_err(RunError::Findings)?;
        let local = self.keys.message_id_local(&format!("errand {}", errand.number), &errand.address);
        let token = self.keys.sign(Purpose::Unsubscribe, &Subject::from(errand.key.0), 1);
        let now = self.now();
        let message = letter.copy_for(&Recipient {
            to: Mailbox { name: None, address: errand.address.clone() },
            message_id: format!("{local}@{}", from.domain()),
            date: now.with_timezone(&config.site.timezone).fixed_offset(),
            boundary_seed: local,
            unsubscribe: Unsubscribe {
                mailbox: config.newsletter.unsubscribe_address().ok_or_else(no_sender)?.clone(),
                page: Some(self.pages.join(&format!("u/{token}"))),
                human: Some(self.pages.join(&format!("leave/{token}"))),
                token,
            },
        });
        match &self.signer {
            None => Ok(message),
            Some(signer) => signer.sign(&message, now).map_err(|error| {
                RunError::user(error.to_string(), "`letterpress dkim new` creates another key")
            }),
        }
    }

    /// The link in the email. Opening it changes nothing; the page has a button.
    fn link(&self, errand: &Errand) -> String {
        let reader = Subject::from(errand.key.0);
        let page = match errand.kind {
            ErrandKind::Confirm => {
                format!("confirm/{}", self.keys.sign(Purpose::Confirm, &reader, errand.generation))
            }
            ErrandKind::Known => format!("choose/{}", self.keys.sign(Purpose::Manage, &reader, 1)),
            ErrandKind::Data => {
                let minute = u32::try_from(self.now().timestamp() / 60).unwrap_or(u32::MAX);
                format!("data/{}", self.keys.sign(Purpose::Data, &reader, minute))
            }
        };
        self.pages.join(&page)
    }

    fn return_path(&self) -> Result<EmailAddress, RunError> {
        let newsletter = &self.world.config.newsletter;
        let from = newsletter.from.as_ref().map(|from| &from.address);
        newsletter.bounces.as_ref().or(from).cloned().ok_or_else(no_sender)
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.clock.now()
    }
}

/// Sends envelope and message, without the final dot.
async fn hand_over(channel: &mut dyn Channel, envelope: &Envelope, message: &[u8]) -> Result<(), Heard> {
    channel.offer(envelope).await?;
    channel.body(message).await
}

/// The new state of an email after a reply.
fn ended(heard: &Heard, errand: &Errand) -> (ErrandEnd, String, Round) {
    let again = || match errand.attempts {
        ATTEMPTS.. => ErrandEnd::Failed,
        attempts => ErrandEnd::Later(AGAIN * i32::try_from(attempts).unwrap_or(1)),
    };
    let (end, round) = match judge(heard) {
        Verdict::Sent => (ErrandEnd::Sent, Round::Done),
        Verdict::Unknown => (ErrandEnd::Unknown, Round::Done),
        Verdict::Failed { .. } => (ErrandEnd::Failed, Round::Done),
        Verdict::Deferred { .. } => (again(), Round::Done),
        // Not the fault of this email: it does not count as an attempt, and the relay gets a pause.
        Verdict::Throttled | Verdict::Sender => (ErrandEnd::Later(AGAIN), Round::Rest),
    };
    (end, heard.said(), round)
}
