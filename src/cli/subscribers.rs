//! `letterpress subscribers`: who reads.

mod erasure;

use camino::Utf8PathBuf;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::printer::{Printer, count};
use super::status::parse;
use crate::config::is_language_tag;
use crate::importers::subscribers_csv;
use crate::pipeline::{Office, RunError, World, read_readers};
use crate::subscribers::token::Purpose;
use crate::subscribers::{AddressKey, Enrolment, Standing, Subscriber, Wishes};
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
    },
    /// Import readers from a CSV file.
    Import {
        /// The file.
        file: Utf8PathBuf,
        /// You vouch that everybody in the file asked for the letter.
        #[arg(long)]
        confirmed: bool,
        /// Show what would happen, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Print every reader as CSV.
    Export,
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
        Command::Add { address, name, language } => {
            add(&address, name, language, (&office, now), printer).await
        }
        Command::Import { file, confirmed, dry_run, json } => {
            let options = ImportOptions { confirmed, dry_run, json };
            import(&file, &options, world, &office, printer).await
        }
        Command::Export => {
            let mut rows = Vec::new();
            each(&office, |reader| rows.push(exported(reader))).await?;
            printer.raw(subscribers_csv::write(&rows).as_bytes())?;
            Ok(Outcome::Done)
        }
        Command::ExportOne { address } => erasure::export(&address, &office, printer).await,
        Command::Erase { address, yes } => erasure::erase(&address, yes, world, &office, printer).await,
        Command::Unsubscribe { who } => {
            let key = whose(&who, &office)?;
            if !office.store.unsubscribe(key, "command line", now).await? {
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

async fn add(
    address: &str,
    name: Option<String>,
    language: Option<String>,
    (office, now): (&Office, DateTime<Utc>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let email = parse(address)?;
    let name = name.map(|name| HeaderText::parse(&name)).transpose();
    let name = name.map_err(|error| RunError::user(format!("the name: {error}"), "leave it out"))?;
    if let Some(tag) = language.as_deref().filter(|tag| !is_language_tag(tag)) {
        return Err(RunError::user(
            format!("{tag:?} is not a language tag"),
            "write it like ko, ja or en-GB",
        ));
    }
    let reader = Enrolment {
        key: office.key_of(&email),
        email,
        name,
        language,
        standing: Standing::Active,
        source: "command line".to_owned(),
        wishes: Wishes::default(),
        consented_at: Some(now),
    };
    let enrolled = office.store.enrol(vec![reader], now).await?;
    if enrolled.kept_out > 0 {
        return Err(RunError::user(
            format!("{address} left the list or is suppressed, and stays so"),
            "only the reader's own new sign-up can change that",
        ));
    }
    printer.say(match enrolled.added + enrolled.changed {
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
async fn each(office: &Office, mut visit: impl FnMut(Subscriber)) -> Result<(), RunError> {
    let mut after = 0;
    loop {
        let page = office.store.subscribers(after, 1_000).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        for (_, reader) in page {
            visit(reader);
        }
    }
}

async fn list(office: &Office, as_json: bool, printer: Printer) -> Result<Outcome, RunError> {
    let (mut rows, mut empty) = (Vec::new(), true);
    each(office, |reader| {
        empty = false;
        if as_json {
            rows.push(json!({
                "email": reader.email, "name": reader.name, "language": reader.language,
                "state": reader.standing, "source": reader.source, "consented_at": reader.consented_at,
                "added_at": reader.added_at,
            }));
        } else {
            let name = reader.name.map(|name| format!("  {name}")).unwrap_or_default();
            printer.answer(format!("{:<13} {}{name}", reader.standing.as_str(), reader.email));
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

struct ImportOptions {
    confirmed: bool,
    dry_run: bool,
    json: bool,
}

async fn import(
    file: &Utf8PathBuf,
    options: &ImportOptions,
    world: &World,
    office: &Office,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let bytes = std::fs::read(file)
        .map_err(|error| RunError::user(format!("cannot read {file}: {error}"), "name a CSV file"))?;
    let now = world.clock.now();
    let (rows, findings) = read_readers(&bytes, file.as_str(), options.confirmed, office, now)?;
    let unconfirmed = rows.iter().filter(|row| row.standing == Standing::Unconfirmed).count();
    let total = rows.len();
    let enrolled = if options.dry_run { None } else { Some(office.store.enrol(rows, now).await?) };
    if options.json {
        printer.json(
            &json!({ "rows": total, "unconfirmed": unconfirmed, "result": enrolled, "findings": findings }),
        )?;
    } else {
        printer.warnings(&findings);
        printer.say(match enrolled {
            None => {
                let read = count(total as u64, "reader");
                format!("{read} read, {unconfirmed} of them without consent on record; nothing was changed")
            }
            Some(done) => format!(
                "{} new, {} changed, {} known, {} kept out (they left or are suppressed)",
                done.added, done.changed, done.known, done.kept_out
            ),
        });
        if unconfirmed > 0 {
            printer.complain(format!(
                "no letter for {} without consent on record; give the file a column `consented` with its date, or vouch \
                 for everybody with --confirmed",
                count(unconfirmed as u64, "reader")
            ));
        }
    }
    let skipped = findings.iter().any(|finding| finding.severity == crate::finding::Severity::Error);
    Ok(if skipped { Outcome::UserError } else { Outcome::Done })
}

fn exported(reader: Subscriber) -> subscribers_csv::Row {
    subscribers_csv::Row {
        email: reader.email,
        name: reader.name,
        language: reader.language,
        state: reader.standing,
        source: Some(reader.source),
        consented_at: reader.consented_at,
        line: 0,
    }
}
