//! `letterpress subscribers`: who reads.

mod count;
mod erasure;
mod lists;
mod removal;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::printer::Printer;
use super::status::parse;
use super::wishes::{self, Choice};
use crate::config::is_language_tag;
use crate::importers::readers::MAX_NAME;
use crate::pipeline::{Office, RunError, World};
use crate::subscribers::token::Purpose;
use crate::subscribers::{AddressKey, Enrolment, Profile, Standing, Subscriber, Wishes};
use crate::text::HeaderText;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the readers.
    List {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Add one reader. You vouch that they asked for the letter.
    Add {
        /// The address.
        address: String,
        /// The name in the greeting.
        #[arg(long)]
        name: Option<String>,
        /// The language tag.
        #[arg(long)]
        language: Option<String>,
        #[command(flatten)]
        choice: Choice,
    },
    /// Choose for a reader how often they hear, and about what. What is not named stays as it is.
    Choose {
        /// The address.
        address: String,
        #[command(flatten)]
        choice: Choice,
    },
    /// Import readers from a CSV or JSON file: a list of your own, or the export of another service.
    Import(lists::ImportArgs),
    /// Print every reader, so that `import` reads them back.
    Export {
        /// As JSON; without it, as CSV that no spreadsheet runs.
        #[arg(long)]
        json: bool,
    },
    /// Print everything that is kept about one person, as JSON.
    ExportOne {
        /// The address.
        address: String,
    },
    /// Erase everything that names one person; what stays is that a list cannot bring the address back.
    Erase {
        /// The address.
        address: String,
        /// Do it; without this it is only said what would go.
        #[arg(long)]
        yes: bool,
    },
    /// Count the subscribers by status, frequency and topic.
    Count {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Take addresses off the list: tests, duplicates, mistakes.
    #[command(long_about = removal::ABOUT)]
    Remove {
        /// The addresses.
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Take a reader off the list: by address, or by the token from an unsubscribe mail.
    Unsubscribe {
        /// The address or the token.
        who: String,
    },
    /// Never mail an address again, reader or not.
    Suppress {
        /// The address.
        address: String,
        /// Why.
        #[arg(long, default_value = "decided at the command line")]
        why: String,
    },
}

pub(super) async fn run(command: Command, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let office = Office::open(&world.config, world.clock.as_ref()).await?;
    let now = world.clock.now();
    match command {
        Command::List { json } => list(&office, json, printer).await,
        Command::Add { address, name, language, choice } => {
            wishes::remark_on_topics(&choice, world, printer);
            let who = Newcomer { address, name, language, choice };
            add(&who, (&office, now), printer).await
        }
        Command::Choose { address, choice } => {
            wishes::remark_on_topics(&choice, world, printer);
            wishes::choose(&address, &choice, (&office, now), printer).await
        }
        Command::Import(args) => lists::import(&args, world, &office, printer).await,
        Command::Export { json } => lists::export(&office, json, printer).await,
        Command::ExportOne { address } => erasure::export(&address, &office, printer).await,
        Command::Erase { address, yes } => erasure::erase(&address, yes, world, &office, printer).await,
        Command::Count { json } => count::count(&office, json, printer).await,
        Command::Remove { addresses } => removal::remove(&addresses, world, &office, printer).await,
        Command::Unsubscribe { who } => {
            let key = whose(&who, &office)?;
            if office.store.unsubscribe(key, "command line", None, now).await?.is_none() {
                return Err(RunError::user(
                    format!("{who} is not on the list"),
                    "`letterpress subscribers list` shows who is",
                ));
            }
            printer.say(format!("{who} gets no more letters"));
            Ok(Outcome::Done)
        }
        Command::Suppress { address, why } => {
            let key = office.key_of(&parse(&address)?);
            office.store.suppress(key, &why, "command line", now).await?;
            printer.say(format!("{address} is never mailed again"));
            Ok(Outcome::Done)
        }
    }
}

/// A reader as they are named at the command line.
struct Newcomer {
    address: String,
    name: Option<String>,
    language: Option<String>,
    choice: Choice,
}

async fn add(
    who: &Newcomer,
    (office, now): (&Office, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let Newcomer { address, name, language, choice } = who;
    let email = parse(address)?;
    let name = name.as_deref().map(HeaderText::parse).transpose();
    let name = name.map_err(|error| RunError::user(format!("the name: {error}"), "leave it out"))?;
    if let Some(name) = name.as_ref().filter(|name| name.as_str().chars().count() > MAX_NAME) {
        let length = name.as_str().chars().count();
        return Err(RunError::user(
            format!("the name has {length} characters"),
            format!("no more than {MAX_NAME} are allowed"),
        ));
    }
    if let Some(tag) = language.as_deref().filter(|tag| !is_language_tag(tag)) {
        return Err(RunError::user(
            format!("{tag:?} is not a language tag"),
            "write it like ko, ja or en-GB",
        ));
    }
    let profile = Profile {
        name,
        language: language.clone(),
        wishes: choice.over(Wishes::default())?,
        consented_at: Some(now),
        ..Profile::new(email, Standing::Active)
    };
    let reader = Enrolment::new(office.key_of(&profile.email), profile, "command line");
    // The writer names this person: that takes back a removal of theirs, and nobody else's word.
    let is_back = office.store.readmit(reader.key, "command line", now).await?;
    let enrolled = office.store.enrol(vec![reader], now).await?;
    if enrolled.kept_out > 0 {
        return Err(RunError::user(
            format!("{address} left the list or is suppressed, and stays so"),
            "only the reader's own new sign-up can change that",
        ));
    }
    printer.say(match enrolled.added + enrolled.changed {
        _ if is_back => format!("{address} was removed, and is subscribed again"),
        0 => format!("{address} was a reader already"),
        _ => format!("{address} reads from now on"),
    });
    Ok(Outcome::Done)
}

/// An address, or the token that stands in an unsubscribe mail.
fn whose(who: &str, office: &Office) -> Result<AddressKey, RunError> {
    if who.contains('@') {
        return Ok(office.key_of(&parse(who)?));
    }
    let wrong = || {
        RunError::user("this is neither an address nor a token from a letter", "paste the whole token: v1.…")
    };
    let claim = office.keys.verify(Purpose::Unsubscribe, who).map_err(|_| wrong())?;
    claim.subject.address_key().map(AddressKey).ok_or_else(wrong)
}

/// Walks the readers in pages, so that a million of them need no memory.
async fn pages(
    office: &Office,
    mut visit: impl FnMut(Vec<Subscriber>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let mut after = 0;
    loop {
        let page = office.store.subscribers(after, 1_000).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        visit(page.into_iter().map(|(_, reader)| reader).collect())?;
    }
}

/// Walks the readers one by one.
async fn each(office: &Office, mut visit: impl FnMut(Subscriber)) -> Result<(), RunError> {
    pages(office, |page| {
        page.into_iter().for_each(&mut visit);
        Ok(())
    })
    .await
}

async fn list(office: &Office, as_json: bool, printer: Printer) -> Result<Outcome, RunError> {
    let (mut rows, mut empty) = (Vec::new(), true);
    each(office, |Subscriber { profile, source, added_at, .. }| {
        empty = false;
        if as_json {
            rows.push(json!({
                "email": profile.email, "name": profile.name, "language": profile.language,
                "state": profile.standing, "source": source, "consented_at": profile.consented_at,
                "added_at": added_at, "cadence": profile.wishes.cadence, "topics": wishes::topics(&profile.wishes),
            }));
        } else {
            let name = profile.name.map(|name| format!("  {name}")).unwrap_or_default();
            let wishes = wishes::remark(&profile.wishes).map(|words| format!("  ({words})")).unwrap_or_default();
            printer.answer(format!("{:<13} {}{name}{wishes}", profile.standing.as_str(), profile.email));
        }
    })
    .await?;
    if as_json {
        printer.json(&rows)?;
    } else if empty {
        printer.say("there are no readers yet");
    }
    Ok(Outcome::Done)
}
