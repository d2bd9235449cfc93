//! Lists of subscribers: `newsletter.list`, which every run reads, and files that are imported.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Office, RunError, World};
use crate::config::DateOrder;
use crate::delivery::watch::Tick;
use crate::finding::{Finding, Severity};
use crate::importers::readers;
use crate::subscribers::{Enrolment, Enrolments};
use crate::text::hex;

/// Reads `newsletter.list`, if it is set and has changed. Adds subscribers and never removes any.
pub async fn enrol_list(
    world: &World,
    office: &Office,
) -> Result<(Option<Enrolments>, Vec<Finding>), RunError> {
    let config = &world.config;
    let Some(list) = &config.newsletter.list else { return Ok((None, Vec::new())) };
    let path = config.resolve(list);
    let bytes = std::fs::read(&path).map_err(|error| {
        RunError::user(
            format!("cannot read newsletter.list, {path}: {error}"),
            "create the file with the first line email,name,consented; or remove newsletter.list from config.toml",
        )
    })?;
    let confirmed = config.newsletter.list_confirmed;
    let dates = config.newsletter.list_dates;
    let order = dates.map_or("", DateOrder::as_str);
    let seen = format!("{} {confirmed}{order}", hex(digest(&SHA256, &bytes).as_ref()));
    // A date of consent in the future becomes valid with time, so the list is read again once a day.
    let note = format!("{seen} {}", world.clock.now().date_naive());
    if office.store.recall("list").await?.as_deref() == Some(&note) {
        return Ok((None, Vec::new()));
    }
    let options =
        readers::Options { confirmed, dates, ..readers::Options::new(list.as_str(), world.clock.now()) };
    let ReaderList { readers: rows, findings: rejected, .. } = read_readers(&bytes, options, office)?;
    (world.watch)(Tick::Begin { what: format!("importing {list}"), unit: "row", total: None });
    let enrolled = office.store.enrol(rows, world.clock.now()).await?;
    (world.watch)(Tick::End);
    if rejected.iter().all(|finding| finding.severity < Severity::Error) {
        office.store.remember("list", &note).await?;
    }
    Ok((Some(enrolled), rejected))
}

/// The subscribers of a list.
pub(crate) struct ReaderList {
    /// The subscribers.
    pub(crate) readers: Vec<Enrolment>,
    /// Rejected rows as errors, and warnings.
    pub(crate) findings: Vec<Finding>,
    /// The service that exported the list, if recognised.
    pub(crate) service: Option<readers::Service>,
    /// Ignored columns.
    pub(crate) ignored: Vec<String>,
}

/// The subscribers of a list, and findings about rejected rows.
pub(crate) fn read_readers(
    bytes: &[u8],
    options: readers::Options<'_>,
    office: &Office,
) -> Result<ReaderList, RunError> {
    let file = options.file;
    let import = readers::read(bytes, options).map_err(|finding| RunError::Findings(vec![finding]))?;
    let rejected = import
        .rejected
        .iter()
        .map(|row| Finding::error("readers-row", file, format!("row skipped: {}", row.reason)).at(row.line));
    let findings = rejected.chain(import.warnings).collect();
    // Normalised like an import column, so that an exported list can be imported unchanged.
    let origin = readers::clean_source(&match import.service {
        Some(service) if service != readers::Service::Letterpress => format!("{file} ({service})"),
        _ => file.to_owned(),
    });
    let enrolment = |row: readers::Row| Enrolment {
        key: office.key_of(&row.profile.email),
        profile: row.profile,
        source: row.source.unwrap_or_else(|| origin.clone()),
        added_at: row.added_at,
        standing_since: row.state_since,
        unproven: row.unproven,
    };
    let readers = import.rows.into_iter().map(enrolment).collect();
    Ok(ReaderList { readers, findings, service: import.service, ignored: import.ignored })
}
