//! Sign-ups where no form of `letterpress serve` is: by email, and from the files of a form service. Nobody is subscribed by them;
//! each leads to the same confirmation email as a form, within the same limits.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::config::{Config, Web};
use crate::inbox::EmailSignUps;
use crate::ledger::rate_limit::Rate;
use crate::pipeline::newsletter::subscriber_list::ListImport;
use crate::pipeline::newsletter::transactional::{PollOutcome, TransactionalSender};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::store::subscriber_store::{
    ConsentContext, SignUp, SignUpLimits, SignUpOrigin, SignUpResult, SubscriberSource as _,
};
use crate::store::{Store, StoreError};
use crate::subscribers::{AddressKey, SubscriptionStatus};

/// A form that was submitted earlier is not taken: the person has forgotten it, or has decided since, in a way that is no longer
/// stored.
const NEWEST: TimeDelta = TimeDelta::days(7);
/// How often expired data is deleted.
const PERIOD: TimeDelta = TimeDelta::hours(24);
/// The key in the store under which the last deletion is recorded.
const DELETED_AT: &str = "forgotten_at";

/// What became of the rows of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AskedReport {
    /// Persons who get a confirmation email.
    pub asked: u64,
    /// Subscribers already.
    pub known: u64,
    /// Taken before: the person was asked, or decided otherwise since.
    pub repeated: u64,
    /// Submitted more than seven days ago.
    pub too_old: u64,
    /// Without the time at which the form was submitted, or marked as not subscribed.
    pub undated: u64,
    /// The address must not be mailed.
    pub suppressed: u64,
    /// A limit is reached: the same file asks them later.
    pub limited: u64,
}

/// The limits of forms.
pub(crate) fn sign_up_limits(web: &Web) -> Result<SignUpLimits, RunError> {
    let rate = |number| {
        Rate::per_hour(number)
            .ok_or_else(|| RunError::user("web.limits is out of range", "name numbers from 1 to 1000000"))
    };
    Ok(SignUpLimits {
        all: rate(web.limits.per_hour)?,
        each_network: rate(web.limits.per_network_per_hour)?,
        each_domain: rate(web.limits.per_domain_per_hour)?,
    })
}

/// What a person agrees to who follows a confirmation email; what a form elsewhere said is not known.
fn consent(config: &Config, form: &str) -> ConsentContext {
    let strings = config.words.of(&config.site.language);
    let words = &strings.confirmation;
    let mut wording = [0; 32];
    let shown = [words.intro.as_str(), &words.link, &words.note].join("\n");
    wording.copy_from_slice(digest(&SHA256, shown.as_bytes()).as_ref());
    ConsentContext { form: format!("{form} ({})", strings.tag), wording, network: None }
}

/// How `inbox` takes sign-ups; `None` if it does not.
pub(crate) fn email_sign_ups(config: &Config) -> Result<Option<EmailSignUps>, RunError> {
    if !config.newsletter.sign_up_by_email {
        return Ok(None);
    }
    let language = config.site.language.clone();
    let limits = sign_up_limits(&config.web)?;
    Ok(Some(EmailSignUps { limits, consent: consent(config, "email 1"), language }))
}

/// Asks everybody in a list of submitted forms for a confirmation; with `dry_run` only counts who would be, at most.
pub(crate) async fn ask(
    list: &mut ListImport,
    context: &RunContext,
    session: &LedgerSession,
    dry_run: bool,
) -> Result<AskedReport, RunError> {
    let (config, now) = (&context.config, context.clock.now());
    let limits = sign_up_limits(&config.web)?;
    let consent = consent(config, "form service 1");
    let failed = |error| RunError::io("reading the list again", error);
    let mut report = AskedReport::default();
    list.rewind().map_err(failed)?;
    while let Some(row) = list.next().map_err(failed)? {
        let profile = row.profile;
        let submitted = profile.consented_at.filter(|_| profile.status == SubscriptionStatus::Active);
        let Some(submitted_at) = submitted else {
            report.undated += 1;
            continue;
        };
        if now - submitted_at > NEWEST {
            report.too_old += 1;
            continue;
        }
        if dry_run {
            report.asked += 1;
            continue;
        }
        let sign_up = SignUp {
            key: row.key,
            mailbox: AddressKey(session.keys.mailbox_key(&profile.email)),
            email: profile.email,
            // A stranger can write anything there, and the confirmed subscriber would be greeted with it.
            name: None,
            language: profile.language.or_else(|| Some(config.site.language.clone())),
            preferences: profile.preferences,
            origin: SignUpOrigin::Queue(submitted_at),
            consent: consent.clone(),
            limits,
        };
        *match session.store.sign_up(sign_up, now).await? {
            SignUpResult::ToConfirm => &mut report.asked,
            SignUpResult::Known => &mut report.known,
            SignUpResult::Repeated => &mut report.repeated,
            SignUpResult::Suppressed => &mut report.suppressed,
            SignUpResult::MailboxLimit | SignUpResult::Limit(_) => &mut report.limited,
        } += 1;
    }
    Ok(report)
}

/// Sends the confirmations that wait, and deletes what has expired. Returns why some were not sent.
pub(crate) async fn send_confirmations(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Option<String>, RunError> {
    delete_expired_if_due(&session.store, context.clock.now()).await?;
    let sender = TransactionalSender::new(context, session, context.config.web.url.clone())?;
    while context.breaker.stop_reason().is_none() {
        match sender.poll().await? {
            PollOutcome::Sent => {}
            PollOutcome::Idle => break,
            PollOutcome::BackOff => return Ok(Some(sender.blocker())),
        }
    }
    Ok(None)
}

/// Deletes expired data once a day. The time is recorded in the store, so that a process that starts every night does it too.
pub(crate) async fn delete_expired_if_due(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    let last = store.get_meta(DELETED_AT).await?;
    let last = last.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    // A time in the future comes from a wrong clock; it must not postpone the deletion indefinitely.
    if last.is_some_and(|last| (TimeDelta::zero()..PERIOD).contains(&(now - last))) {
        return Ok(());
    }
    store.delete_expired(now).await?;
    store.set_meta(DELETED_AT, &now.to_rfc3339()).await
}
