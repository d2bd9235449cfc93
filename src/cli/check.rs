//! `letterpress check`: every finding that would hurt later, in one pass. Writes nothing, not even ids or keys.

mod servers;

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;
use rayon::prelude::*;
use serde_json::json;

use super::printer::{Printer, count};
use super::{Outcome, configuration, foreign_feed, read_online};
use crate::archive::{Archive, WhyLeftOut, folder, markdown};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, DEFAULTS, Examined, examine, is_placeholder_host};
use crate::feeds::{self, Document, output};
use crate::finding::{Finding, Severity};
use crate::importers::readers;
use crate::letters::dkim::is_aligned;
use crate::pipeline::{
    Office, RunError, Shortened, compose, compose_week, demand, judge_unsubscribing, lay_out, look,
    look_at_unsubscribing, proof_pages, unfetched,
};
use crate::schedule::digest::Digest;
use crate::subscribers::Standing;
use crate::text::shell_quoted;

#[derive(ClapArgs)]
pub(super) struct Args {
    /// For scripts.
    #[arg(long)]
    json: bool,
    /// Also ask the site's web server whether it serves these feeds and the pages that letters link to, and log in to the
    /// relay and the mailbox.
    #[arg(long)]
    live: bool,
    /// Check this feed, of any site, and nothing else.
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["live", "defaults"])]
    feed: Option<String>,
    /// Print every key of the configuration with its default, and check nothing.
    #[arg(long)]
    defaults: bool,
}

pub(super) async fn run(
    args: &Args,
    named: Option<Utf8PathBuf>,
    clock: Arc<dyn Clock>,
    printer: Printer,
) -> Result<Outcome, RunError> {
    if args.defaults {
        printer.raw(DEFAULTS.as_bytes())?;
        return Ok(Outcome::Done);
    }
    if let Some(feed) = &args.feed {
        let mut findings = foreign_feed::check(feed, clock.as_ref()).await?;
        if !args.json {
            // Whoever lints a feed looks the rule up; scripts find its name beside the message.
            for found in &mut findings {
                found.message = format!("{}: {}", found.rule, found.message);
            }
        }
        return verdict(&findings, args.json, printer);
    }
    let mut findings = Vec::new();
    match examine(&configuration(named, printer)) {
        Ok(Examined { config: Some(config), findings: wrong }) if wrong.is_empty() => {
            everything(&config, clock.as_ref(), args.live, &mut findings).await?;
        }
        Ok(Examined { config, findings: wrong }) => {
            findings.extend(wrong);
            if let Some(config) = config {
                despite_mistakes(&config, clock.as_ref(), &mut findings);
            }
        }
        Err(ConfigError::Wrong(wrong)) => findings.extend(wrong),
        Err(error) => return Err(error.into()),
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    verdict(&findings, args.json, printer)
}

/// Prints what was found; an error is one of the user's.
fn verdict(findings: &[Finding], json: bool, printer: Printer) -> Result<Outcome, RunError> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    if json {
        printer.json(&json!({ "findings": findings }))?;
    } else {
        if printer.is_quiet() {
            // A note needs nothing to be done.
            let graver = findings.iter().filter(|finding| finding.severity > Severity::Note);
            printer.findings(&graver.cloned().collect::<Vec<_>>());
        } else {
            printer.findings(findings);
        }
        printer.say(match (errors, warnings) {
            (0, 0) => "all is well".to_owned(),
            _ => format!("{}, {}", count(errors as u64, "error"), count(warnings as u64, "warning")),
        });
    }
    Ok(if errors > 0 { Outcome::UserError } else { Outcome::Done })
}

/// What is wrong with posts and readers, where the configuration is wrong itself: feeds and letters would be made with values
/// that nobody wrote.
fn despite_mistakes(config: &Config, clock: &dyn Clock, findings: &mut Vec<Finding>) {
    reader_list(config, clock, findings);
    if unfetched(config).is_some() {
        return;
    }
    match folder::read(config, clock.now()) {
        Ok(reading) => {
            left_out(&reading.archive, findings);
            findings.extend(reading.archive.findings);
        }
        // The folder may be named on a line that could not be read.
        Err(wrong) => findings.extend(wrong.into_iter().filter(|finding| finding.rule != "post-folder")),
    }
}

/// Placeholders are good enough while letters stay at home.
fn placeholders(config: &Config, findings: &mut Vec<Finding>) {
    let keys: Vec<_> = config.placeholders().into_iter().map(|(key, _)| format!("`{key}`")).collect();
    let wants_letters = config.newsletter.enabled && config.newsletter.from.is_some();
    if config.smtp.is_none() && wants_letters && !keys.is_empty() {
        let (verb, its) =
            if keys.len() == 1 { ("is a placeholder", "it") } else { ("are placeholders", "them") };
        let message = format!("{} {verb}: letters go to {}/ alone", keys.join(", "), config.output.outbox);
        let hint =
            format!("replace {its} before the first real letter; with a section [smtp] this is an error");
        findings.push(Finding::note("placeholder", config.file.as_str(), message).hint(hint));
    }
}

/// Ids that were made while the site's address was a placeholder: they work, and they are as good as anybody's.
fn borrowed_ids(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    let is_borrowed = |id: &str| {
        let host = id.strip_prefix("tag:").and_then(|rest| rest.split(',').next());
        host.is_some_and(is_placeholder_host)
    };
    let ids: Vec<_> = archive.posts.iter().map(|post| &post.id).filter(|id| is_borrowed(id)).collect();
    let Some(first) = ids.first().filter(|_| !is_placeholder_host(config.site.url.host())) else { return };
    let message = format!(
        "{} made with a placeholder for the site's address, such as {first}",
        count(ids.len() as u64, "id")
    );
    let hint = "readers who have these posts know them by these ids: keep them; if nobody has them yet, delete their lines, and \
                the next `letterpress publish --allow-redelivery` makes new ones";
    findings.push(Finding::warning("placeholder", config.archive.ledger().as_str(), message).hint(hint));
}

async fn everything(
    config: &Config,
    clock: &dyn Clock,
    live: bool,
    findings: &mut Vec<Finding>,
) -> Result<(), RunError> {
    let listed = reader_list(config, clock, findings);
    unsubscribing(config, clock, listed, findings).await;
    secrets(config, findings);
    alignment(config, findings);
    placeholders(config, findings);
    let sends = can_send(config, findings);
    if live {
        servers::log_in(config, findings).await?;
    }
    if let Some(finding) = unfetched(config) {
        findings.push(finding);
        return Ok(());
    }
    let archive = match folder::read(config, clock.now()) {
        Ok(reading) => reading.archive,
        Err(wrong) => {
            findings.extend(wrong);
            return Ok(());
        }
    };
    borrowed_ids(config, &archive, findings);
    let layout = lay_out(&archive, config);
    let short = Shortened::of(&layout).in_words(config);
    findings.extend(short.map(|words| Finding::note("feed-budget", "config.toml", words)));
    let (mut documents, mut found) = (Vec::new(), Vec::new());
    for portion in layout.current() {
        found.extend(feeds::lint::check_thoroughly(&portion, &archive, clock.now()));
        gate(config, &archive, &portion, &mut found);
        documents.extend(portion.into_iter().filter(|_| live));
    }
    // A page that stands was looked at when it was written.
    let directory = config.resolve(&config.output.directory);
    let standing = output::standing(&directory, &layout.frozen(), &[]);
    for portion in layout.archived(&standing.paths) {
        found.extend(feeds::lint::check_thoroughly(&portion, &archive, clock.now()));
    }
    // A post that stands in several portions is spoken of once.
    let mut said = HashSet::new();
    findings.extend(found.into_iter().filter(|finding| said.insert(finding.to_string())));
    findings.extend(proof_pages(config, &archive)?);
    if sends {
        letter(config, &archive, findings);
        week(config, &archive, findings);
    }
    left_out(&archive, findings);
    // The feeds carry a post whatever its text is like; what readers will miss is said here.
    let texts: Vec<_> = archive.posts.par_iter().map(|post| markdown::render(post).1).collect();
    findings.extend(archive.findings.iter().cloned().chain(texts.into_iter().flatten()));
    if live {
        served(config, &documents, findings).await?;
        read_online::check(config, &archive, findings).await;
    }
    Ok(())
}

/// What readers of the published feeds would see of these.
fn gate(config: &Config, archive: &Archive, documents: &[Document], findings: &mut Vec<Finding>) {
    let outlook = look(config, archive, documents);
    findings.extend(outlook.line().map(|line| Finding::note("feed-diff", outlook.feed.as_str(), line)));
    findings.extend(outlook.findings);
}

/// The list that every run reads.
fn reader_list(config: &Config, clock: &dyn Clock, findings: &mut Vec<Finding>) -> u64 {
    let newsletter = &config.newsletter;
    let Some(list) = &newsletter.list else { return 0 };
    let options = readers::Options {
        confirmed: newsletter.list_confirmed,
        dates: newsletter.list_dates,
        ..readers::Options::new(list.as_str(), clock.now())
    };
    match std::fs::read(config.resolve(list)) {
        Err(error) => findings.push(
            Finding::error("readers", list.as_str(), format!("cannot be read: {error}"))
                .hint("make the file, or take newsletter.list out of config.toml"),
        ),
        Ok(bytes) => match readers::read(&bytes, options) {
            Err(finding) => findings.push(finding),
            Ok(import) => {
                findings.extend(import.rejected.iter().map(|row| {
                    Finding::error("readers-row", list.as_str(), row.reason.to_string()).at(row.line)
                }));
                findings.extend(import.warnings);
                return import.rows.iter().filter(|row| row.profile.standing == Standing::Active).count()
                    as u64;
            }
        },
    }
    0
}

/// Whether somebody processes unsubscribes. A ledger that cannot be asked says so to the runs.
async fn unsubscribing(config: &Config, clock: &dyn Clock, listed: u64, findings: &mut Vec<Finding>) {
    if !config.newsletter.enabled || judge_unsubscribing(config, listed).is_none() {
        return;
    }
    let is_begun = config.store.sqlite_path().is_some_and(|path| config.resolve(path).exists());
    let known = if is_begun { known_unsubscribing(config, clock, listed).await.ok() } else { None };
    findings.extend(known.unwrap_or_else(|| judge_unsubscribing(config, listed)));
}

async fn known_unsubscribing(
    config: &Config,
    clock: &dyn Clock,
    listed: u64,
) -> Result<Option<Finding>, RunError> {
    let office = Office::open_begun(config, clock).await?;
    look_at_unsubscribing(&office, config, listed).await
}

/// Files with secrets that other users of the machine can read.
fn secrets(config: &Config, findings: &mut Vec<Finding>) {
    let password = config.smtp.as_ref().and_then(|smtp| smtp.password_file.as_ref());
    let signing = config.dkim.iter().map(|dkim| &dkim.key_file);
    for file in password.into_iter().chain([&config.store.keys]).chain(signing) {
        let mode = config.resolve(file).metadata().map_or(0, |meta| meta.permissions().mode());
        if mode & 0o077 != 0 {
            let message = format!("other users of this machine can open it (mode {:03o})", mode & 0o777);
            findings.push(
                Finding::warning("secret-mode", file.as_str(), message)
                    .hint(format!("chmod 600 {}", shell_quoted(file.as_str()))),
            );
        }
    }
}

/// Signatures that are good and count for nothing: receivers ask whether the domain that signs is that of the sender.
fn alignment(config: &Config, findings: &mut Vec<Finding>) {
    let Some(from) = config.newsletter.from.as_ref().map(|from| from.address.domain()) else { return };
    let domains = config.dkim.iter().filter_map(|dkim| dkim.signing_domain(Some(from)));
    for domain in domains.filter(|domain| !is_aligned(domain, from)) {
        let message = format!("letters from {from} are signed for {domain}, which DMARC does not count");
        findings.push(
            Finding::warning("dkim-alignment", "config.toml", message)
                .hint(format!("take the domain out of [dkim], or send from an address at {domain}")),
        );
    }
}

/// Whether letters could leave. A site without letters is whole; a newsletter that cannot leave is not.
fn can_send(config: &Config, findings: &mut Vec<Finding>) -> bool {
    let wants_letters = config.newsletter.enabled && config.newsletter.from.is_some();
    let new = if wants_letters { Finding::error } else { Finding::note };
    match demand(config) {
        Ok(()) => return true,
        Err(RunError::User { what, help }) => {
            findings.push(new("newsletter", "config.toml", what).hint(help));
        }
        Err(RunError::Findings(found)) => findings.extend(found),
        Err(error) => findings.push(new("newsletter", "config.toml", error.to_string())),
    }
    false
}

/// The letter that the newest post would be.
fn letter(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    if let Some(post) = archive.posts.iter().find(|post| post.newsletter) {
        match compose(config, post) {
            Ok((_, warnings)) => findings.extend(warnings),
            Err(RunError::Findings(errors)) => {
                let place = |finding: &Finding| (finding.rule, finding.file.clone(), finding.line);
                let known: Vec<_> = findings.iter().map(place).collect();
                findings.extend(errors.into_iter().filter(|error| !known.contains(&place(error))));
            }
            Err(error) => findings.push(Finding::error("letter", post.source.as_str(), error.to_string())),
        }
    }
}

/// The weekly letter that the newest posts would be: what it shares with the other is said once.
fn week(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    let posts: Vec<_> = archive.posts.iter().filter(|post| post.newsletter).take(3).collect();
    let Some(newest) = posts.first() else { return };
    let digest = Digest { week: "check".to_owned(), moment: newest.published.to_utc(), posts };
    let said = match compose_week(config, &digest) {
        Ok((_, warnings)) => warnings,
        Err(RunError::Findings(errors)) => errors,
        // Whatever else is wrong is wrong with the other letter too.
        Err(_) => return,
    };
    let is_new = |finding: &Finding| findings.iter().all(|known| known.message != finding.message);
    let fresh: Vec<Finding> = said.into_iter().filter(is_new).collect();
    findings.extend(fresh);
}

fn left_out(archive: &Archive, findings: &mut Vec<Finding>) {
    for left in &archive.left_out {
        let Some(why) = left.why.in_words() else { continue };
        let mut finding = Finding::note("left-out", left.source.as_str(), why);
        if left.why == WhyLeftOut::Undated {
            finding.severity = Severity::Warning;
            finding = finding.hint("add a line like date = 2026-11-23, or name the file 2026-11-23-slug.md");
        }
        if matches!(left.why, WhyLeftOut::Retracted(_)) {
            let post = shell_quoted(left.source.as_str());
            finding = finding.hint(format!("`letterpress retract --undo {post}` publishes it again"));
        }
        findings.push(finding);
    }
}

/// Asks the site for each feed: is it there, is it these bytes, does it say what it is?
async fn served(
    config: &Config,
    documents: &[Document],
    findings: &mut Vec<Finding>,
) -> Result<(), RunError> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .user_agent(concat!("letterpress/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| {
            RunError::user(format!("cannot ask the web: {error}"), "is there a CA store on this machine?")
        })?;
    for document in documents {
        let url = config.site.url.join(document.path.as_str());
        let wrong = |message: String| Finding::error("live", url.as_str(), message);
        let response = match client.get(&url).send().await {
            Ok(response) => response,
            Err(error) => {
                findings.push(wrong(format!("cannot be fetched: {error}")));
                continue;
            }
        };
        if !response.status().is_success() {
            findings.push(
                wrong(format!("the server answers {}", response.status())).hint("upload the public folder"),
            );
            continue;
        }
        let kind =
            response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_owned();
        let served = [essence(kind), essence(document.media_type)];
        if served[0] != served[1] && !matches!(served[0].as_str(), "application/xml" | "text/xml") {
            findings.push(
                Finding::warning("live-type", url.as_str(), format!("it is served as {kind:?}"))
                    .hint(format!("let the server say Content-Type: {}", document.media_type)),
            );
        }
        match capped(response, document.bytes.len()).await {
            Some(bytes) if bytes == document.bytes => {}
            _ => findings.push(
                Finding::warning("live-bytes", url.as_str(), "the server has another version of it")
                    .hint("upload the public folder; a cache may also take a while"),
            ),
        }
    }
    Ok(())
}

/// The body, if it is no longer than what is expected: a server could send for ever.
async fn capped(mut response: reqwest::Response, most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return None;
        }
    }
    Some(bytes)
}
