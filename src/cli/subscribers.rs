//! `letterpress subscribers`: manage the list.

mod count;
mod erasure;
mod lists;
mod preferences;
mod removal;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{PreferenceArgs, parse, warn_about_unused_topics};
use super::completions;
use super::printer::Printer;
use super::view::preferences::{remark, topics};
use crate::config::{is_language_tag, suggested_language};
use crate::importers::subscriber_import::MAX_NAME;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::subscribers::token::Purpose;
use crate::subscribers::{
    AddressKey, Frequency, NewSubscriber, Preferences, Profile, Subscriber, SubscriptionStatus,
};
use crate::text::HeaderText;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the subscribers.
    #[command(after_help = "Example:\n  letterpress subscribers list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add a subscriber. You confirm that this person asked for the emails.
    #[command(
        after_help = "Example:\n  letterpress subscribers add kim@example.com --name Kim --language ko"
    )]
    Add {
        /// Email address.
        address: String,
        /// Name, used in the greeting.
        #[arg(long)]
        name: Option<String>,
        /// Language tag, such as ko or en-GB [default: site.language].
        #[arg(long)]
        language: Option<String>,
        #[command(flatten)]
        choice: PreferenceArgs,
    },
    /// Change frequency and topics of a subscriber; settings that are not given stay unchanged.
    #[command(
        alias = "choose",
        after_help = "Example:\n  letterpress subscribers set-preferences kim@example.com --weekly --all-topics"
    )]
    SetPreferences {
        /// Email address.
        address: String,
        #[command(flatten)]
        choice: PreferenceArgs,
    },
    /// Rename a topic that subscribers chose, after you renamed the category of your posts.
    #[command(after_help = "Example:\n  letterpress subscribers rename-topic tech technology")]
    RenameTopic {
        /// The topic as the subscribers chose it.
        #[arg(add = completions::topics())]
        old: String,
        /// The name of the category now. Who has chosen both keeps one.
        #[arg(add = completions::topics())]
        new: String,
    },
    /// Import subscribers from a CSV or JSON file, also from the export of another service.
    Import(lists::ImportArgs),
    /// Export all subscribers in a format that the import command reads.
    #[command(after_help = "Example:\n  letterpress subscribers export > subscribers-backup.csv")]
    Export {
        /// Print JSON [default: CSV, with formulas escaped for spreadsheets].
        #[arg(long)]
        json: bool,
    },
    /// Print all personal data stored about a subscriber, as JSON.
    #[command(
        alias = "export-one",
        after_help = "Example:\n  letterpress subscribers export-personal-data kim@example.com"
    )]
    ExportPersonalData {
        /// Email address.
        address: String,
    },
    /// Erase all personal data of a subscriber; a keyed hash remains so that no import adds the address again.
    #[command(after_help = "Example:\n  letterpress subscribers erase kim@example.com --yes")]
    Erase {
        /// Email address.
        address: String,
        /// Erase; without this option the command only shows what would be erased.
        #[arg(long)]
        yes: bool,
    },
    /// Count the subscribers by status, frequency and topic.
    #[command(after_help = "Example:\n  letterpress subscribers count")]
    Count {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove addresses added by mistake: tests, duplicates.
    #[command(
        long_about = removal::ABOUT,
        after_help = "Example:\n  letterpress subscribers remove test@example.com kim@exmaple.com"
    )]
    Remove {
        /// Email addresses.
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Unsubscribe an address, or the sender of an unsubscribe email by the token in it.
    #[command(after_help = "Example:\n  letterpress subscribers unsubscribe kim@example.com")]
    Unsubscribe {
        /// Email address or token.
        who: String,
    },
    /// Never mail an address again, whether it is on the list or not.
    #[command(
        after_help = "Example:\n  letterpress subscribers suppress kim@example.com --reason \"complained by phone\""
    )]
    Suppress {
        /// Email address.
        address: String,
        /// Reason, recorded with the address.
        #[arg(long, alias = "why", value_name = "TEXT", default_value = "decided at the command line")]
        reason: String,
    },
}

pub(super) async fn run(
    command: Command,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    let now = context.clock.now();
    match command {
        Command::List { json } => list(&session, json, printer).await,
        Command::Add { address, name, language, choice } => {
            choice.warn_about_unused_topics(context, printer);
            let who = NewSubscriberArgs { address, name, language, choice };
            add(&who, (&session, now), printer).await
        }
        Command::SetPreferences { address, choice } => {
            choice.warn_about_unused_topics(context, printer);
            preferences::set(&address, &choice, (&session, now), printer).await
        }
        Command::RenameTopic { old, new } => {
            warn_about_unused_topics(std::slice::from_ref(&new), context, printer);
            preferences::rename_topic(&old, &new, (&session, now), printer).await
        }
        Command::Import(args) => lists::import(&args, context, &session, printer).await,
        Command::Export { json } => lists::export(&session, json, printer).await,
        Command::ExportPersonalData { address } => erasure::export(&address, &session, printer).await,
        Command::Erase { address, yes } => erasure::erase(&address, yes, context, &session, printer).await,
        Command::Count { json } => count::count(&session, json, printer).await,
        Command::Remove { addresses } => removal::remove(&addresses, context, &session, printer).await,
        Command::Unsubscribe { who } => {
            let key = whose(&who, &session)?;
            if session.store.unsubscribe(key, "command line", None, now).await?.is_none() {
                return Err(RunError::user(
                    format!("{who} is not on the list"),
                    "`letterpress subscribers list` lists the subscribers",
                ));
            }
            printer.info(format!("unsubscribed {who}"));
            Ok(Outcome::Done)
        }
        Command::Suppress { address, reason } => {
            let key = session.key_of(&parse(&address)?);
            session.store.suppress(key, &reason, "command line", now).await?;
            printer.info(format!("suppressed {address}: it will never be mailed again"));
            Ok(Outcome::Done)
        }
    }
}

/// The arguments of `subscribers add`.
struct NewSubscriberArgs {
    address: String,
    name: Option<String>,
    language: Option<String>,
    choice: PreferenceArgs,
}

async fn add(
    who: &NewSubscriberArgs,
    (session, now): (&LedgerSession, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let NewSubscriberArgs { address, name, language, choice } = who;
    let email = parse(address)?;
    let name = name.as_deref().map(HeaderText::parse).transpose();
    let name = name.map_err(|error| {
        RunError::user(format!("invalid name: {error}"), "omit --name, or give another name")
    })?;
    if let Some(name) = name.as_ref().filter(|name| name.as_str().chars().count() > MAX_NAME) {
        let length = name.as_str().chars().count();
        return Err(RunError::user(
            format!("the name has {length} characters"),
            format!("at most {MAX_NAME} characters are allowed"),
        ));
    }
    let is_wrong = |tag: &&str| !is_language_tag(tag) || suggested_language(tag).is_some();
    if let Some(tag) = language.as_deref().filter(is_wrong) {
        let meant = suggested_language(tag).unwrap_or_else(|| "ko, ja or en-GB".to_owned());
        return Err(RunError::user(
            format!("{tag:?} is not a language tag"),
            format!("write it like {meant}"),
        ));
    }
    let profile = Profile {
        name,
        language: language.clone(),
        preferences: choice.over(Preferences::default())?,
        consented_at: Some(now),
        ..Profile::new(email, SubscriptionStatus::Active)
    };
    let subscriber = NewSubscriber::new(session.key_of(&profile.email), profile, "command line");
    // Adding reverses an earlier removal by the operator, but not an unsubscribe or a suppression.
    let is_back = session.store.readmit(subscriber.key, "command line", now).await?;
    let imported = session.store.add_subscribers(vec![subscriber], now).await?;
    if imported.kept_out > 0 {
        return Err(RunError::user(
            format!("{address} has unsubscribed or is suppressed, and was not added"),
            "the subscriber has to sign up again",
        ));
    }
    printer.info(match imported.added + imported.changed {
        _ if is_back => format!("added {address} again; it had been removed"),
        0 => format!("{address} is already subscribed"),
        _ => format!("added {address}"),
    });
    Ok(Outcome::Done)
}

/// The key of an address, or of the token in an unsubscribe email.
fn whose(who: &str, session: &LedgerSession) -> Result<AddressKey, RunError> {
    if who.contains('@') {
        return Ok(session.key_of(&parse(who)?));
    }
    let wrong = || {
        RunError::user(
            "not an email address and not a valid token",
            "copy the whole token from the email: v1.…",
        )
    };
    let claim = session.keys.verify(Purpose::Unsubscribe, who).map_err(|_| wrong())?;
    claim.subject.address_key().map(AddressKey).ok_or_else(wrong)
}

/// Visits the subscribers in pages, so that a million of them do not fill the memory.
async fn pages(
    session: &LedgerSession,
    mut visit: impl FnMut(Vec<Subscriber>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let mut after = 0;
    loop {
        let page = session.store.subscribers(after, 1_000).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        visit(page.into_iter().map(|(_, subscriber)| subscriber).collect())?;
    }
}

/// Visits the subscribers one by one.
async fn each(session: &LedgerSession, mut visit: impl FnMut(Subscriber)) -> Result<(), RunError> {
    pages(session, |page| {
        page.into_iter().for_each(&mut visit);
        Ok(())
    })
    .await
}

const fn frequency(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Immediate => "immediate",
        Frequency::Weekly => "weekly",
    }
}

async fn list(session: &LedgerSession, as_json: bool, printer: Printer) -> Result<Outcome, RunError> {
    let mut array = as_json.then(|| printer.array());
    let mut empty = true;
    pages(session, |page| {
        empty = false;
        if let Some(array) = &mut array {
            return page.iter().try_for_each(|subscriber| array.add(&object(subscriber)).map(drop));
        }
        for subscriber in page {
            printer.stdout(line(&subscriber));
        }
        Ok(())
    })
    .await?;
    match array {
        Some(array) => array.end()?,
        None if empty => printer.info("there are no subscribers yet"),
        None => {}
    }
    Ok(Outcome::Done)
}

fn object(Subscriber { profile, source, added_at, .. }: &Subscriber) -> Value {
    json!({
        "email": profile.email, "name": profile.name, "language": profile.language,
        "state": profile.status, "source": source, "consented_at": profile.consented_at,
        "added_at": added_at, "cadence": profile.preferences.frequency, "topics": topics(&profile.preferences),
        "status": profile.status, "frequency": frequency(profile.preferences.frequency),
    })
}

fn line(Subscriber { profile, .. }: &Subscriber) -> String {
    let name = profile.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
    let preferences = remark(&profile.preferences).map(|remark| format!("  ({remark})")).unwrap_or_default();
    format!("{:<13} {}{name}{preferences}", profile.status.as_str(), profile.email)
}
