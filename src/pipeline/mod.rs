//! One run: posts become feeds and a letter, each reader gets it once, the ledger remembers.
//!
//! The picture of `ARCHITECTURE.md` in code. Each step is a call into its room; nothing is decided here but the order:
//! ids before feeds, feeds before letters, the freeze before the first connection.

mod adoption;
mod announcing;
mod approval;
mod backup;
mod courier;
mod diagnosis;
mod digest;
mod edition;
mod evidence;
mod gate;
mod health;
mod held;
pub mod incident;
mod lookup;
mod newsletter;
mod next;
mod notify;
mod office;
mod outlook;
mod pages;
mod planning;
mod preview;
mod rehearsal;
mod remote;
mod rest;
mod restore;
mod retraction;
mod sending;
mod settled;
mod signing;
mod site;
mod subscriber_list;
mod taking_over;
mod unsubscribing;
mod way_out;

use std::sync::Arc;

pub use adoption::{Restored, adopt};
pub use announcing::Announcement;
pub use approval::{Approved, approve};
pub use backup::{Backup, back_up};
pub use courier::{Courier, Round};
pub(crate) use diagnosis::of_mailbox;
pub use diagnosis::{Explained, try_relay};
pub use digest::{FrozenWeek, WeekDraft, WeekLetter, compose_week, outlook_of_the_week, weekly_readers};
pub use edition::Edition;
pub use evidence::{Evidence, Reconciled, reconcile};
pub use gate::{Allowed, Outlook, look};
pub use held::{Held, NobodyGets, Unapproved, why_held};
pub use lookup::AnyPost;
pub(crate) use lookup::find_any;
pub use newsletter::{Mailing, compose, freeze, templates};
pub use next::{Kind, Upcoming};
pub use notify::{Ending, notify, notify_start};
pub use office::Office;
pub use outlook::{Standstill, outlook};
pub use pages::{PagesDone, page_templates, proof_pages};
pub use planning::{Draft, draft};
pub use preview::{draft_of, send_test};
pub use remote::{Refreshed, refresh, unfetched};
pub use rest::{Rest, resting};
pub use restore::{PutBack, put_back};
pub use retraction::{Retraction, retract};
pub use sending::deliver_open;
pub(crate) use signing::{identities, new_key};
pub use site::{Built, Shortened, build, categories, lay_out};
pub use subscriber_list::enrol_list;
pub(crate) use subscriber_list::{ReaderList, read_readers};
pub use taking_over::{TakenOver, take_over};
pub use unsubscribing::note_inbox;
pub(crate) use unsubscribing::{judge_unsubscribing, look_at_unsubscribing};
pub use way_out::wire;
pub(crate) use way_out::{demand, password};

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::delivery::Breaker;
use crate::delivery::watch::Watch;
use crate::finding::Finding;
use crate::store::{FenceError, LockError, StoreError};

/// What a run is given.
#[derive(Clone)]
pub struct World {
    /// The configuration.
    pub config: Arc<Config>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Told how long work goes on.
    pub watch: Arc<Watch>,
    /// Stops the run when asked to.
    pub breaker: Arc<Breaker>,
}

/// Why a run ended early. What was done before it stands, and nothing is half done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something in the user's files is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// The user can put it right: what, and how.
    #[error("{what}\n    help: {help}")]
    User {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// Another run is at work, or the lock cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fence cannot be read or written.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// A mail server or the way to it is out of order.
    #[error(transparent)]
    OutOfOrder(Box<Finding>),
    /// The surroundings failed.
    #[error("{what}: {source}{}", disk_hint(.source))]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bug in Letterpress.
    #[error(
        "internal error: {0}\n    help: this is a bug in Letterpress; please report it with the command that you ran"
    )]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl RunError {
    /// Something that the user can put right.
    pub fn user(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::User { what: what.into(), help: help.into() }
    }

    /// Something that the system refused.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// A failure that can only come from a bug.
    pub(crate) fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

fn disk_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            "\n    help: the disk is full; make room and run the same command again"
        }
        std::io::ErrorKind::PermissionDenied => {
            "\n    help: this user may not do that; look at the owner of the file and its folder"
        }
        _ => "",
    }
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Summary {
    /// What became of the feed that the posts come from, if they come from one.
    pub refreshed: Refreshed,
    /// The feeds; `None` if they were not looked at.
    pub built: Option<Built>,
    /// What the hubs were told; `None` if there was nothing to tell. Its failure stops nothing else.
    pub announced: Option<Result<Announcement, RunError>>,
    /// The newsletter half; `None` if it is switched off. Its failure takes nothing back of what was built.
    pub mailing: Option<Result<Mailing, RunError>>,
}

/// `publish`: build the feeds, send what is due.
pub async fn publish(world: &World, allowed: Allowed) -> Result<Summary, RunError> {
    let office = if way_out::is_on(&world.config) {
        way_out::demand(&world.config)?;
        Some(Office::open_to_send(&world.config, world.clock.as_ref()).await?)
    } else {
        None
    };
    let refreshed = refresh(world).await?;
    let built = build(world, allowed)?;
    let announced = tell_hubs(world, office.as_ref(), &built).await.transpose();
    let mailing = match office {
        Some(office) => {
            let mailing = newsletter::mail(world, &office, &built).await;
            Some(end(&office, mailing).await)
        }
        None => None,
    };
    Ok(Summary { refreshed, built: Some(built), announced, mailing })
}

/// A site without letters has hubs all the same, and then a store to remember what they were told.
async fn tell_hubs(
    world: &World,
    office: Option<&Office>,
    built: &Built,
) -> Result<Option<Announcement>, RunError> {
    if world.config.feeds.hubs.is_empty() {
        return Ok(None);
    }
    let own;
    let office = if let Some(office) = office {
        office
    } else {
        own = Office::open(&world.config, world.clock.as_ref()).await?;
        &own
    };
    announcing::announce(world, office, built).await
}

/// What `send` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A post that the schedule would not mail by itself.
    pub post: Option<String>,
    /// With a post that was mailed: to those who are subscribed now and never got it.
    pub missing: bool,
    /// A relay that throttles us is asked again.
    pub at_once: bool,
    /// What is meant although subscribers to the feeds would see it.
    pub allowed: Allowed,
}

/// `send`: the newsletter half alone.
pub async fn send(world: &World, wanted: &Wanted) -> Result<Mailing, RunError> {
    way_out::demand(&world.config)?;
    let office = Office::open_to_send(&world.config, world.clock.as_ref()).await?;
    if wanted.at_once {
        rest::forget(&office).await?;
    }
    let mailing = send_from(world, &office, wanted).await;
    end(&office, mailing).await
}

async fn send_from(world: &World, office: &Office, wanted: &Wanted) -> Result<Mailing, RunError> {
    let rehearsed = rehearsal::settle(world, office).await?;
    let jump = settled::clock_jump(world, office).await?;
    let refreshed = refresh(world).await?;
    let (enrolled, rejected) = enrol_list(world, office).await?;
    let (archive, ids_changed) = site::on_record(world, wanted.allowed)?;
    let post = wanted.post.as_deref();
    let mut mailing = match post {
        // Nothing new is frozen by a clock that jumped: it may jump again.
        None if jump.is_some() => deliver_open(world, office).await?,
        Some(post) if wanted.missing => newsletter::send_missing(world, office, &archive, post).await?,
        _ => {
            let draft = draft(world, office, &archive, post, true).await?;
            freeze(world, office, draft).await?
        }
    };
    held::remember(world, office, &archive).await?;
    mailing.findings.extend(site::errors_of(&archive).cloned());
    mailing.findings.extend(refreshed.findings);
    mailing.warnings.extend(jump);
    Ok(Mailing { enrolled, rejected, rehearsed, ids_changed, ..mailing })
}

/// The epoch rises once more when a run has changed the ledger, so that a copy of the database that was taken meanwhile
/// is behind the fence. What was sent was sent: a failure to say so is a warning.
async fn end(office: &Office, mailing: Result<Mailing, RunError>) -> Result<Mailing, RunError> {
    let is_idle = mailing.as_ref().is_ok_and(|mailing| {
        mailing.frozen.is_none()
            && mailing.week.is_none()
            && mailing.through.is_empty()
            && mailing.recovered == (0, 0)
    });
    let raised = if is_idle { Ok(()) } else { office.raise().await };
    let mut mailing = mailing?;
    match raised {
        Ok(()) => Ok(mailing),
        // A store that cannot write any more must not pass for a good end.
        Err(error @ RunError::Store(_)) => Err(error),
        Err(error) => {
            let finding = Finding::warning("fence", office.fence.path().as_str(), error.to_string());
            mailing.findings.push(finding);
            Ok(mailing)
        }
    }
}
