//! The courier: sends the small letters that answer readers, one after another, while `letterpress serve` runs.
//!
//! Each has at most one final dot: it is armed in the store before the dot is written, and one whose reply was lost is
//! not sent again; its reader can ask anew. The rates of `[smtp]` do not apply: the limits of the forms are narrower.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

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
use crate::store::Books;
use crate::store::desk::{Errand, ErrandEnd, ErrandKind};
use crate::subscribers::token::{Keys, Purpose, Subject};
use crate::text::hex;

/// How often it looks for something to do.
const EVERY: Duration = Duration::from_secs(1);
/// How long it leaves a relay alone that refused it.
const REST: Duration = Duration::from_secs(60);
/// A letter that was not taken is tried again after so long, times the attempts so far.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// And so often.
const ATTEMPTS: u32 = 8;

/// What a look for errands came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// There was nothing to do.
    Idle,
    /// One errand was done, in one way or another.
    Done,
    /// The relay wants to be left alone, or does not take our letters; why, [`Courier::run`] says.
    Rest,
}

/// Sends small letters.
pub struct Courier {
    world: World,
    store: Arc<dyn Books>,
    keys: Arc<Keys>,
    /// A ledger that was put back, while the server runs too, sends nothing before it is adopted.
    guard: FenceGuard,
    wire: Arc<dyn Wire>,
    signer: Option<Arc<Signer>>,
    /// Where the pages answer that the letters lead to.
    pages: SiteUrl,
    /// A name that no other process has.
    owner: String,
    /// Why the relay took nothing, as it was heard last.
    trouble: Mutex<Option<Heard>>,
}

impl Courier {
    /// A courier for this office, whose letters lead to `pages`; an error says what is missing before anything can be
    /// sent.
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

    /// Works until it is dropped; `told` hears when the store or the relay begins to fail, fails in another way, and works
    /// again.
    pub async fn run(&self, told: impl Fn(String)) {
        let mut said: Option<String> = None;
        loop {
            let (pause, failure) = match self.round().await {
                Ok(Round::Done) => {
                    if said.take().is_some() {
                        told("transactional mail leaves again".to_owned());
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

    /// Why transactional mail does not leave, and what to do about it.
    fn why_it_waits(&self) -> String {
        let heard = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = heard.map_or_else(String::new, |heard| match of_relay(&self.world.config, &heard) {
            Some(explained) => format!("\n{}", explained.finding),
            None => format!(": {}", heard.said()),
        });
        format!("transactional mail waits for {}{why}", self.wire.name())
    }

    /// What becomes of an errand, and what is remembered of it.
    fn ended(&self, heard: &Heard, errand: &Errand) -> (ErrandEnd, String, Round) {
        let (end, said, round) = ended(heard, errand);
        // A message that is tried again for want of a connection says as much about the relay as one that is refused.
        let is_stuck =
            round == Round::Rest || heard.phase < Phase::Mail && matches!(end, ErrandEnd::Later(_));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = is_stuck.then(|| heard.clone());
        (end, said, if is_stuck { Round::Rest } else { round })
    }

    /// Sends one small letter, if one waits.
    pub async fn round(&self) -> Result<Round, RunError> {
        let (_, lease) = way_out::patience(&self.world.config);
        let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::hours(1));
        if let Some(mismatch) = self.guard.mismatch().await? {
            return Err(RunError::user(format!("answers by mail wait: {mismatch}"), mismatch.help()));
        }
        let Some(errand) = self.store.claim_errand(&self.owner, lease, self.now()).await? else {
            return Ok(Round::Idle);
        };
        let (end, said, round) = self.send(&errand).await?;
        self.store.end_errand(errand.number, &self.owner, (end, &said), self.now()).await?;
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
            // The reader left meanwhile; without its dot the server throws the message away.
            Ok(()) => None,
        };
        let Some(heard) = heard else { return Ok((ErrandEnd::Failed, String::new(), Round::Done)) };
        channel.quit().await;
        Ok(self.ended(&heard, errand))
    }

    /// The message: always the same for the same errand, but for its date.
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
                RunError::user(error.to_string(), "`letterpress dkim new` makes another key")
            }),
        }
    }

    /// The one link of a small letter. None of them does anything by being opened.
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

/// Envelope and message, without the final dot.
async fn hand_over(channel: &mut dyn Channel, envelope: &Envelope, message: &[u8]) -> Result<(), Heard> {
    channel.offer(envelope).await?;
    channel.body(message).await
}

/// What becomes of an errand after what was heard.
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
        // Not this letter's fault: it keeps its attempts, and the relay its peace.
        Verdict::Throttled | Verdict::Sender => (ErrandEnd::Later(AGAIN), Round::Rest),
    };
    (end, heard.said(), round)
}
