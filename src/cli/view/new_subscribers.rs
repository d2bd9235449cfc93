//! New subscribers of a list: how many are active, and why the others are not.

use crate::cli::printer::{Printer, count};
use crate::finding::{Finding, Severity};
use crate::subscribers::{ImportCounts, NewByStatus, Unproven};

/// Warnings that explain why a subscriber of the list is not active.
const ABOUT_CONSENT: [&str; 3] = ["list-consent", "list-dates", "list-silent"];

/// How many of these warnings are printed.
const SHOWN: usize = 5;

/// Prints what `newsletter.list` changed in this run. A new subscriber who gets no email needs attention, once.
pub(in crate::cli) fn report(imported: Option<ImportCounts>, findings: &[Finding], printer: Printer) {
    report_rows(findings, printer);
    let Some(imported) = imported.filter(|imported| imported.added + imported.changed > 0) else { return };
    let line = format!("subscribers: {}", in_words(&imported));
    if imported.new.reasons().next().is_none() {
        return printer.info(line);
    }
    let about: Vec<&Finding> =
        findings.iter().filter(|finding| ABOUT_CONSENT.contains(&finding.rule)).collect();
    for finding in about.iter().take(SHOWN) {
        printer.event(finding.to_string());
    }
    let more: usize = about.iter().skip(SHOWN).map(|finding| finding.rows()).sum();
    if more > 0 {
        printer.event(format!("{more} more like these; `letterpress check` lists them"));
    }
    printer.event(line);
    if imported.new.reasons().any(|(why, _)| matches!(why, Unproven::NoColumn | Unproven::Empty)) {
        printer.event(
            "    help: add a column `consented` with the date on which each subscriber asked for your emails; or set \
             list_confirmed = true in [newsletter] to confirm that all of them did",
        );
    }
}

/// `check` prints warnings about rows; a run prints only the rows that it rejected.
fn report_rows(findings: &[Finding], printer: Printer) {
    let rejected = findings.iter().filter(|finding| finding.severity == Severity::Error);
    rejected.for_each(|finding| printer.warn(finding.to_string()));
}

/// `2 new (0 active, 2 unconfirmed: the list has no column `consented`), 1 changed`.
pub(in crate::cli) fn in_words(imported: &ImportCounts) -> String {
    let new = match imported.added {
        0 => "0 new".to_owned(),
        added => format!("{added} new ({})", by_status(&imported.new)),
    };
    match imported.changed {
        0 => new,
        changed => format!("{new}, {changed} changed"),
    }
}

fn by_status(new: &NewByStatus) -> String {
    let mut parts = vec![format!("{} active", new.active)];
    for (number, status) in
        [(new.suppressed, "suppressed"), (new.unsubscribed, "unsubscribed"), (new.unconfirmed, "unconfirmed")]
    {
        if number > 0 {
            parts.push(format!("{number} {status}"));
        }
    }
    let reasons: Vec<String> = new.reasons().map(|(why, number)| reason(why, number)).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    format!("{}{reasons}", parts.join(", "))
}

/// Why a subscriber is not active. Printed after the number of unconfirmed subscribers, which comes last.
fn reason(why: Unproven, number: u64) -> String {
    let rows = count(number, "row");
    match why {
        Unproven::NoColumn => "the list has no column `consented`".to_owned(),
        Unproven::Empty => format!("no date of consent in {rows}"),
        Unproven::Future => format!("date of consent in the future in {rows}"),
        Unproven::NoDate => format!("invalid date of consent in {rows}"),
        Unproven::Ambiguous => format!("ambiguous date of consent in {rows}"),
        Unproven::Refused => format!("consent refused in {rows}"),
        Unproven::Silent => "the export does not say who unsubscribed".to_owned(),
        Unproven::Listed => format!("marked as unconfirmed in {rows}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_printed_with_its_number() {
        let mut new = NewByStatus { active: 2, unconfirmed: 4, ..NewByStatus::default() };
        new.unproven[Unproven::Empty as usize] = 1;
        new.unproven[Unproven::Ambiguous as usize] = 3;
        let imported = ImportCounts { added: 6, changed: 1, new, ..ImportCounts::default() };
        assert_eq!(
            in_words(&imported),
            "6 new (2 active, 4 unconfirmed: no date of consent in 1 row; ambiguous date of consent in 3 rows), \
             1 changed"
        );
    }
}
