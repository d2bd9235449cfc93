//! `letterpress check`: report all problems in one pass. Writes nothing, not even ids or keys.

mod emails;
mod feed;
mod overrides;
mod servers;

use std::collections::HashSet;
use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;
use rayon::prelude::*;
use serde_json::json;

use super::printer::{Printer, count};
use super::{Outcome, configuration};
use crate::archive::{Archive, SkipReason, SkippedFile, folder, markdown};
use crate::clock::Clock;
use crate::config::{
    CheckedConfig, Config, ConfigError, DEFAULTS, examine, is_placeholder_host, is_this_machine,
};
use crate::doctor;
use crate::email;
use crate::email::dkim::is_aligned;
use crate::feeds::{self, Document, output};
use crate::finding::{Finding, Severity};
use crate::importers::subscriber_import::{ImportOptions, ListError, SubscriberList};
use crate::pipeline::newsletter::{open_list, unsubscribe_findings, unsubscribe_routes, unused_topics};
use crate::pipeline::session::{LedgerSession, RunError, ensure_can_send};
use crate::pipeline::site_build::{
    ShortenedFeed, diff_feeds, missing_pictures, moved_feed, never_fetched, plan_site, proof_pages,
};
use crate::text::shell_quoted;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress check --live
  letterpress check --feed https://example.com/atom.xml")]
pub(super) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Also check over the network: the published feeds, the pages that emails link to, the logins to relay and mailbox.
    #[arg(long)]
    live: bool,
    /// Check only this feed, which can be of any site.
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["live", "defaults"])]
    feed: Option<String>,
    /// Print all configuration keys with their defaults, and check nothing.
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
        let mut findings = feed::check(feed, clock.as_ref()).await?;
        if !args.json {
            // The rule helps to look a problem up. In JSON it has a key of its own.
            for found in &mut findings {
                found.message = format!("{}: {}", found.rule, found.message);
            }
        }
        return verdict(&findings, args.json, printer);
    }
    let mut findings = Vec::new();
    match examine(&configuration(named, printer)) {
        Ok(CheckedConfig { config: Some(config), findings: wrong }) if wrong.is_empty() => {
            everything(&config, &clock, args.live, &mut findings).await?;
        }
        Ok(CheckedConfig { config, findings: wrong }) => {
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

/// Prints the findings; an error is a user error.
fn verdict(findings: &[Finding], json: bool, printer: Printer) -> Result<Outcome, RunError> {
    let number = |severity| -> usize {
        findings.iter().filter(|finding| finding.severity == severity).map(Finding::rows).sum()
    };
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    if json {
        printer.json(&json!({ "findings": findings }))?;
    } else {
        if printer.is_quiet() {
            // A note requires no action.
            let serious = findings.iter().filter(|finding| finding.severity > Severity::Note);
            printer.findings(&serious.cloned().collect::<Vec<_>>());
        } else {
            printer.findings(findings);
        }
        printer.info(match (errors, warnings) {
            (0, 0) => "no problems found".to_owned(),
            _ => format!("{}, {}", count(errors as u64, "error"), count(warnings as u64, "warning")),
        });
    }
    Ok(if errors > 0 { Outcome::UserError } else { Outcome::Done })
}

/// Checks only posts and subscribers if the configuration has errors: feeds and emails would be built with wrong values.
fn despite_mistakes(config: &Config, clock: &dyn Clock, findings: &mut Vec<Finding>) {
    subscriber_list(config, clock, findings);
    if never_fetched(config).is_some() {
        return;
    }
    match folder::read(config, clock.now()) {
        Ok(reading) => {
            left_out(config, clock, &reading.archive, findings);
            findings.extend(reading.archive.findings);
        }
        // The setting for the folder may be on a line with an error.
        Err(wrong) => findings.extend(wrong.into_iter().filter(|finding| finding.rule != "post-folder")),
    }
}

/// Reports placeholder addresses, which are acceptable while emails are only written to the outbox folder.
fn placeholders(config: &Config, findings: &mut Vec<Finding>) {
    let keys: Vec<_> = config.placeholders().into_iter().map(|(key, _)| format!("`{key}`")).collect();
    let wants_email = config.newsletter.enabled && config.newsletter.from.is_some();
    if config.smtp.is_none() && wants_email && !keys.is_empty() {
        let (verb, its) =
            if keys.len() == 1 { ("is a placeholder", "it") } else { ("are placeholders", "them") };
        let message =
            format!("{} {verb}: emails are only written to {}/", keys.join(", "), config.output.outbox);
        let hint =
            format!("replace {its} before you send the first issue; with a section [smtp] this is an error");
        findings.push(Finding::note("placeholder", config.file.as_str(), message).hint(hint));
    }
}

/// Mail programs unsubscribe with one click only through https.
fn unencrypted_pages(config: &Config, findings: &mut Vec<Finding>) {
    let Some(url) = config.web.url.as_ref().filter(|url| url.as_url().scheme() == "http") else { return };
    if !is_placeholder_host(url.host()) && !url.as_url().host_str().is_some_and(is_this_machine) {
        let message = format!(
            "web.url is {}, and mail programs unsubscribe with one click only through https",
            url.as_str()
        );
        let hint = "let the web server in front of `letterpress serve` have a certificate, and write web.url with https://";
        findings.push(Finding::warning("web-url", config.file.as_str(), message).hint(hint));
    }
}

/// Ids generated while site.url was a placeholder: they work, but their domain belongs to another site.
fn borrowed_ids(config: &Config, archive: &Archive, findings: &mut Vec<Finding>) {
    let is_borrowed = |id: &str| {
        let host = id.strip_prefix("tag:").and_then(|rest| rest.split(',').next());
        host.is_some_and(is_placeholder_host)
    };
    let ids: Vec<_> = archive.posts.iter().map(|post| &post.id).filter(|id| is_borrowed(id)).collect();
    let Some(first) = ids.first().filter(|_| !is_placeholder_host(config.site.url.host())) else { return };
    let message = format!(
        "{} generated while site.url was a placeholder, such as {first}",
        count(ids.len() as u64, "id")
    );
    let hint = "if the feeds are published, keep these ids, because feed readers know the posts by them; otherwise delete their \
                lines, and the next `letterpress publish --allow-redelivery` generates new ones";
    findings.push(Finding::warning("placeholder", config.archive.ids_file().as_str(), message).hint(hint));
}

/// An `archive.language` that leaves out the posts in the language of the site.
fn another_language(config: &Config, archive: &Archive) -> Option<Finding> {
    let of_posts = config.archive.language.as_ref().filter(|_| config.reads_another_language())?;
    let is_other = |left: &&SkippedFile| matches!(left.reason, SkipReason::Language(_));
    let left_out = match archive.skipped.iter().filter(is_other).count() as u64 {
        0 => String::new(),
        number => format!("; {} in other languages left out", count(number, "file")),
    };
    let message = format!(
        "posts and feeds are in {of_posts:?} (archive.language), and the site is in {:?} (site.language){left_out}",
        config.site.language
    );
    let finding = Finding::warning("language", config.file.as_str(), message).hint(format!(
        "for a site of the posts in {of_posts:?}, write language = {of_posts:?} below [site] too; for the posts in {:?}, remove it below [archive]",
        config.site.language
    ));
    Some(match config.line_of("archive.language") {
        Some(line) => finding.at(line),
        None => finding,
    })
}

async fn everything(
    config: &Config,
    clock: &Arc<dyn Clock>,
    live: bool,
    findings: &mut Vec<Finding>,
) -> Result<(), RunError> {
    let listed = subscriber_list(config, clock.as_ref(), findings);
    unsubscribing(config, clock.as_ref(), listed, findings).await;
    let secrets = doctor::secrets(config).into_iter();
    findings.extend(secrets.filter_map(|check| check.into_finding(&config.file)));
    alignment(config, findings);
    placeholders(config, findings);
    unencrypted_pages(config, findings);
    findings.extend(email::accent_finding(config));
    let sends = can_send(config, clock, findings);
    if live {
        servers::log_in(config, clock, findings).await?;
    }
    if let Some(finding) = never_fetched(config) {
        findings.push(finding);
        return Ok(());
    }
    findings.extend(moved_feed(config));
    let archive = match folder::read(config, clock.now()) {
        Ok(reading) => reading.archive,
        Err(wrong) => {
            findings.extend(wrong);
            return Ok(());
        }
    };
    borrowed_ids(config, &archive, findings);
    findings.extend(another_language(config, &archive));
    let vanished = &archive.vanished;
    findings.extend(vanished.refusal(config).or_else(|| vanished.warning(config)));
    let layout = plan_site(&archive, config);
    let short = ShortenedFeed::of(&layout).describe(config);
    findings.extend(short.map(|words| Finding::note("feed-budget", "config.toml", words)));
    let (mut documents, mut found) = (Vec::new(), Vec::new());
    for portion in layout.current() {
        found.extend(feeds::lint::check_thoroughly(&portion, &archive, clock.now()));
        compare_feeds(config, &archive, &portion, &mut found);
        documents.extend(portion.into_iter().filter(|_| live));
    }
    // A page that already exists was checked when it was written.
    let directory = config.resolve(&config.output.directory);
    let existing = output::existing_pages(&directory, &layout.frozen(), &[]);
    for portion in layout.archived(&existing.paths) {
        found.extend(feeds::lint::check_thoroughly(&portion, &archive, clock.now()));
    }
    // A post can be in several portions, but is reported once.
    let mut seen = HashSet::new();
    findings.extend(found.into_iter().filter(|finding| seen.insert(finding.to_string())));
    let bodies = archive.posts.par_iter().map(markdown::render);
    let (own, texts): (Vec<_>, Vec<_>) = bodies.map(|body| (body.own, body.findings)).unzip();
    findings.extend(proof_pages(config, &archive, &own)?);
    findings.extend(missing_pictures(config, &archive, &own));
    if sends {
        topics(config, clock.as_ref(), &archive, findings).await;
        emails::newest(config, &archive, findings);
        emails::week(config, &archive, findings);
        emails::series(config, &archive, clock.now(), findings);
        overrides::check(config, clock.now(), findings);
    }
    findings.extend(markdown::formulas_off(&archive.posts));
    left_out(config, clock.as_ref(), &archive, findings);
    // Feeds contain a post whatever its text is like; problems of the text are reported here.
    findings.extend(archive.findings.iter().cloned().chain(texts.into_iter().flatten()));
    if live {
        let mut checks = doctor::served(config, &documents).await;
        let is_away = checks.iter().any(|check| check.may_pass);
        let mut pages = doctor::read_online(config, &archive).await.1;
        // One host that does not answer is one problem.
        let is_known = |url: &str| is_away && url.starts_with(config.site.url.as_str());
        pages.retain(|check| !(check.may_pass && check.subject.as_deref().is_some_and(is_known)));
        checks.extend(pages);
        findings.extend(checks.into_iter().filter_map(|check| check.into_finding(&config.file)));
    }
    Ok(())
}

/// Compares the new feeds with the published ones.
fn compare_feeds(config: &Config, archive: &Archive, documents: &[Document], findings: &mut Vec<Finding>) {
    let diff = diff_feeds(config, archive, documents);
    findings.extend(diff.line().map(|line| Finding::note("feed-diff", diff.feed.as_str(), line)));
    findings.extend(diff.findings);
}

/// Checks `newsletter.list`.
fn subscriber_list(config: &Config, clock: &dyn Clock, findings: &mut Vec<Finding>) -> u64 {
    let newsletter = &config.newsletter;
    let Some(list) = &newsletter.list else { return 0 };
    let file = open_list(&config.resolve(list)).map_err(ListError::Io);
    let options = ImportOptions::of_config(newsletter, clock.now()).map_err(ListError::from);
    match options.and_then(|options| SubscriberList::open(file?, options)) {
        Err(ListError::Io(error)) => findings.push(
            Finding::error("readers", list.as_str(), format!("cannot be read: {error}"))
                .hint("create the file, or remove newsletter.list from config.toml"),
        ),
        Err(ListError::Refused(finding)) => findings.push(*finding),
        Ok(list) => {
            findings.extend(list.summary().findings.iter().cloned());
            return list.summary().persons.active;
        }
    }
    0
}

/// Checks that unsubscribe requests are processed. A ledger that cannot be opened is reported by the runs.
async fn unsubscribing(config: &Config, clock: &dyn Clock, listed: u64, findings: &mut Vec<Finding>) {
    if !config.newsletter.enabled || unsubscribe_findings(config, listed).is_none() {
        return;
    }
    let known =
        if ledger_exists(config) { known_unsubscribing(config, clock, listed).await.ok() } else { None };
    findings.extend(known.unwrap_or_else(|| unsubscribe_findings(config, listed)));
}

/// Reports topics of subscribers that no recent post has.
async fn topics(config: &Config, clock: &dyn Clock, archive: &Archive, findings: &mut Vec<Finding>) {
    if ledger_exists(config)
        && let Ok(session) = LedgerSession::open_existing(config, clock).await
    {
        findings.extend(unused_topics(config, &session, archive, clock.now()).await.unwrap_or_default());
    }
}

/// Whether there is a ledger already. A database server is not asked.
fn ledger_exists(config: &Config) -> bool {
    config.store.sqlite_path().is_some_and(|path| config.resolve(path).exists())
}

async fn known_unsubscribing(
    config: &Config,
    clock: &dyn Clock,
    listed: u64,
) -> Result<Option<Finding>, RunError> {
    let session = LedgerSession::open_existing(config, clock).await?;
    unsubscribe_routes(&session, config, listed).await
}

/// Reports signatures without effect: DMARC requires that the signing domain matches the domain of the sender.
fn alignment(config: &Config, findings: &mut Vec<Finding>) {
    let Some(from) = config.newsletter.from.as_ref().map(|from| from.address.domain()) else { return };
    let domains = config.dkim.iter().filter_map(|dkim| dkim.signing_domain(Some(from)));
    for domain in domains.filter(|domain| !is_aligned(domain, from)) {
        let message = format!(
            "emails from {from} are signed for {domain}; DMARC ignores the signature because the domains differ"
        );
        findings.push(
            Finding::warning("dkim-alignment", "config.toml", message)
                .hint(format!("remove domain from [dkim], or send from an address at {domain}")),
        );
    }
}

/// Whether emails can be sent. That is an error only if the newsletter is configured.
fn can_send(config: &Config, clock: &Arc<dyn Clock>, findings: &mut Vec<Finding>) -> bool {
    let wants_email = config.newsletter.enabled && config.newsletter.from.is_some();
    let new = if wants_email { Finding::error } else { Finding::note };
    match ensure_can_send(config, clock) {
        Ok(()) => return true,
        Err(RunError::User { what, help }) => {
            findings.push(new("newsletter", "config.toml", what).hint(help));
        }
        Err(RunError::Findings(found)) => findings.extend(found),
        Err(error) => findings.push(new("newsletter", "config.toml", error.to_string())),
    }
    false
}

fn left_out(config: &Config, clock: &dyn Clock, archive: &Archive, findings: &mut Vec<Finding>) {
    for left in &archive.skipped {
        let Some(why) = left.reason.describe() else { continue };
        let mut finding = Finding::note("left-out", left.source.as_str(), why);
        if left.reason == SkipReason::Undated {
            finding.severity = Severity::Warning;
            let today = clock.now().with_timezone(&config.site.timezone).date_naive();
            let is_toml = std::fs::read(config.resolve(camino::Utf8Path::new(left.source.as_str())))
                .is_ok_and(|text| text.starts_with(b"+++"));
            let line = if is_toml { format!("date = {today}") } else { format!("date: {today}") };
            finding =
                finding.hint(format!("add a line such as {line}, or rename the file to {today}-slug.md"));
        }
        if matches!(left.reason, SkipReason::Retracted(_)) {
            let post = shell_quoted(left.source.as_str());
            finding = finding.hint(format!("`letterpress retract --undo {post}` publishes it again"));
        }
        findings.push(finding);
    }
}
