//! `letterpress dkim`: create a DKIM key and print its DNS record. The private key is written to its file and never printed.

use camino::Utf8PathBuf;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::json;

use super::Outcome;
use super::printer::Printer;
use crate::config::{Config, Dkim};
use crate::email::dkim::{Algorithm, Identity, zone_line};
use crate::pipeline::session::{RunContext, RunError, identities, new_key};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a key, and print its DNS record and the lines for config.toml.
    New(New),
    /// Print the DNS records of the configured keys.
    #[command(after_help = "Example:\n  letterpress dkim show")]
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress dkim new --domain example.com")]
pub(super) struct New {
    /// Selector of the key; must be unique in the domain [default: letters, or letters-ed25519].
    #[arg(long)]
    selector: Option<String>,
    /// Algorithm; every receiver supports RSA, so use Ed25519 only as a second key.
    #[arg(long, value_enum, default_value = "rsa")]
    algorithm: Kind,
    /// Signing domain [default: the domain of newsletter.from].
    #[arg(long)]
    domain: Option<String>,
    /// File for the private key, relative to config.toml [default: dkim-SELECTOR.pem].
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Rsa,
    Ed25519,
}

pub(super) fn run(command: Command, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    match command {
        Command::New(args) => new(args, &context.config, printer),
        Command::Show { json } => show(json, &context.config, printer),
    }
}

fn new(args: New, config: &Config, printer: Printer) -> Result<Outcome, RunError> {
    let (algorithm, usual, what) = match args.algorithm {
        Kind::Rsa => (Algorithm::Rsa, "letters", "an RSA key of 2048 bits"),
        Kind::Ed25519 => (Algorithm::Ed25519, "letters-ed25519", "an Ed25519 key"),
    };
    let selector = args.selector.unwrap_or_else(|| usual.to_owned());
    let key_file = args.out.unwrap_or_else(|| format!("dkim-{selector}.pem").into());
    let dkim = Dkim { domain: args.domain, selector, key_file };
    if !dkim.has_valid_selector() {
        return Err(RunError::user(
            format!("the selector {:?} is not a valid DNS label", dkim.selector),
            "use letters, digits and hyphens, such as --selector letters",
        ));
    }
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    let domain = dkim.signing_domain(from).ok_or_else(|| {
        let what = match &dkim.domain {
            Some(domain) => format!("{domain:?} is not a domain"),
            None => "the signing domain is not known".to_owned(),
        };
        RunError::user(what, "set newsletter.from in config.toml, or give the domain: --domain example.com")
    })?;
    let key = new_key(algorithm, &config.resolve(&dkim.key_file))?;
    let identity = Identity { domain, selector: dkim.selector.clone(), key };
    printer.stdout(format!("created {}: {what}, readable only by this user", dkim.key_file));
    printer.stdout("1. add this TXT record to the DNS:");
    record(&identity, printer);
    printer.stdout("2. when the record is published, add to config.toml:");
    // An Ed25519 key is added to an RSA key and does not replace it.
    let is_further = !config.dkim.is_empty() || algorithm == Algorithm::Ed25519;
    if is_further {
        printer.stdout("   (two keys need two sections [[dkim]]: use double brackets for the other key too)");
    }
    for line in section(&dkim, is_further) {
        printer.stdout(line);
    }
    Ok(Outcome::Done)
}

fn section(dkim: &Dkim, is_further: bool) -> Vec<String> {
    let mut lines = vec![if is_further { "[[dkim]]".to_owned() } else { "[dkim]".to_owned() }];
    lines.push(format!("selector = \"{}\"", dkim.selector));
    lines.push(format!("key_file = {}", toml::Value::from(dkim.key_file.as_str())));
    lines.extend(dkim.domain.as_ref().map(|domain| format!("domain = \"{domain}\"")));
    lines
}

fn show(as_json: bool, config: &Config, printer: Printer) -> Result<Outcome, RunError> {
    let identities = identities(config)?;
    if as_json {
        let record = |identity: &Identity| json!({ "name": identity.record_name(), "type": "TXT", "value": identity.key.record() });
        let records: Vec<_> = identities.iter().map(record).collect();
        printer.json(&json!({ "records": records }))?;
        return Ok(Outcome::Done);
    }
    if identities.is_empty() {
        printer
            .stdout("no key is configured: emails are sent unsigned (`letterpress dkim new` creates a key)");
    }
    for identity in &identities {
        record(identity, printer);
    }
    Ok(Outcome::Done)
}

/// Prints the record in two forms: as one value for a web form, and as lines of a zone file.
fn record(identity: &Identity, printer: Printer) {
    let (name, value) = (identity.record_name(), identity.key.record());
    printer.stdout(format!("name:  {name}"));
    printer.stdout(format!("value: {value}"));
    printer.stdout("or, in a zone file:");
    for line in zone_line(&name, &value).lines() {
        printer.stdout(line);
    }
}
