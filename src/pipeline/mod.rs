//! One run: builds the feeds from the posts, and mails each issue once to each subscriber.
//!
//! The other modules do the work; this one decides the order: ids before feeds, feeds before emails, and an issue is frozen
//! in the ledger before the first connection to the relay.

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

/// The context of a run.
#[derive(Clone)]
pub struct World {
    /// The configuration.
    pub config: Arc<Config>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Progress callback.
    pub watch: Arc<Watch>,
    /// Stops the run on request.
    pub breaker: Arc<Breaker>,
}

/// Why a run ended early. Completed steps stay done, and no step is half done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Errors in the user's files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// An error that the user can fix: what is wrong, and what to do.
    #[error("{what}\n    help: {help}")]
    User {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// Another run is in progress, or the lock file cannot be opened.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fence cannot be read or written.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// A mail server, or the connection to it, failed.
    #[error(transparent)]
    OutOfOrder(Box<Finding>),
    /// The operating system reported an error.
    #[error("{what}: {source}{}", disk_hint(.source))]
    Io {
        /// What was being done.
        what: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A bug in Letterpress.
    #[error(
        "internal error: {0}\n    help: this is a bug in Letterpress; please report it with the command that you ran"
    )]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl RunError {
    /// An error that the user can fix.
    pub fn user(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::User { what: what.into(), help: help.into() }
    }

    /// An error of the operating system.
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
            "\n    help: the disk is full; free some space and run the command again"
        }
        std::io::ErrorKind::PermissionDenied => {
            "\n    help: check the owner and the permissions of the file and its folder"
        }
        _ => "",
    }
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Summary {
    /// The download of the source feed, if one is configured.
    pub refreshed: Refreshed,
    /// The feeds; `None` if they were not built.
    pub built: Option<Built>,
    /// WebSub notifications; `None` if there were none. A failure does not stop the run.
    pub announced: Option<Result<Announcement, RunError>>,
    /// The newsletter; `None` if it is disabled. A failure does not undo the build.
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

/// Notifies the hubs. A site without a newsletter can have hubs too, and then needs a database to record notifications.
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

/// The options of `send`.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Mail this post although it is not due.
    pub post: Option<String>,
    /// With a post that was mailed: send it to current subscribers who have not received it.
    pub missing: bool,
    /// Ignore the back-off from a throttling relay.
    pub at_once: bool,
    /// Allowed changes of published feeds.
    pub allowed: Allowed,
}

/// `send`: the newsletter without the feeds.
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
        // After the clock was set back, nothing new is frozen: it may jump again.
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

/// Raises the epoch once more after a run that changed the ledger, so that a backup made during the run is behind the fence.
/// The messages are sent by then, so a failure to write the fence is only a warning.
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
        // A database that can no longer be written is an error.
        Err(error @ RunError::Store(_)) => Err(error),
        Err(error) => {
            let finding = Finding::warning("fence", office.fence.path().as_str(), error.to_string());
            mailing.findings.push(finding);
            Ok(mailing)
        }
    }
}
