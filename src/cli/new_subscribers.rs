//! What a list brought, in words: how many new subscribers get the emails, and why the others do not.

use super::printer::{Printer, count};
use crate::finding::{Finding, Severity};
use crate::subscribers::{Enrolments, NewByStatus, Unproven};

/// Warnings about the list that say why somebody on it gets no email.
const ABOUT_CONSENT: [&str; 3] = ["list-consent", "list-dates", "list-silent"];

/// So many of them are shown.
const SHOWN: usize = 5;

/// What `newsletter.list` brought in this run. Whoever is new and gets no email needs attention, once.
pub(super) fn report(enrolled: Option<Enrolments>, findings: &[Finding], printer: Printer) {
    report_rows(findings, printer);
    let Some(enrolled) = enrolled.filter(|enrolled| enrolled.added + enrolled.changed > 0) else { return };
    let line = format!("subscribers: {}", in_words(&enrolled));
    if enrolled.new.reasons().next().is_none() {
        return printer.say(line);
    }
    let about: Vec<&Finding> =
        findings.iter().filter(|finding| ABOUT_CONSENT.contains(&finding.rule)).collect();
    for finding in about.iter().take(SHOWN) {
        printer.event(finding.to_string());
    }
    if about.len() > SHOWN {
        printer.event(format!("{} more like these; `letterpress check` names them", about.len() - SHOWN));
    }
    printer.event(line);
    if enrolled.new.reasons().any(|(why, _)| matches!(why, Unproven::NoColumn | Unproven::Empty)) {
        printer.event(
            "    help: give the list a column `consented` with the date on which each of them asked for your emails; or vouch \
             for everybody on it with list_confirmed = true below [newsletter]",
        );
    }
}

/// Warnings about rows are for `check`; a run speaks of the rows that it could not take.
fn report_rows(findings: &[Finding], printer: Printer) {
    let untaken = findings.iter().filter(|finding| finding.severity == Severity::Error);
    untaken.for_each(|finding| printer.complain(finding.to_string()));
}

/// `2 new (0 active, 2 unconfirmed: the list has no column `consented`), 1 changed`.
pub(super) fn in_words(enrolled: &Enrolments) -> String {
    let new = match enrolled.added {
        0 => "0 new".to_owned(),
        added => format!("{added} new ({})", by_status(&enrolled.new)),
    };
    match enrolled.changed {
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

/// Why somebody is not active. It stands behind the unconfirmed, which are last.
fn reason(why: Unproven, number: u64) -> String {
    let rows = count(number, "row");
    match why {
        Unproven::NoColumn => "the list has no column `consented`".to_owned(),
        Unproven::Empty => format!("no date of consent in {rows}"),
        Unproven::Future => format!("a date of consent in the future in {rows}"),
        Unproven::NoDate => format!("a date of consent that is not understood in {rows}"),
        Unproven::Ambiguous => format!("a date of consent with several readings in {rows}"),
        Unproven::Refused => format!("consent refused in {rows}"),
        Unproven::Silent => "the export does not say who left".to_owned(),
        Unproven::Listed => format!("the list itself says so in {rows}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_with_its_number() {
        let mut new = NewByStatus { active: 2, unconfirmed: 4, ..NewByStatus::default() };
        new.unproven[Unproven::Empty as usize] = 1;
        new.unproven[Unproven::Ambiguous as usize] = 3;
        let enrolled = Enrolments { added: 6, changed: 1, new, ..Enrolments::default() };
        assert_eq!(
            in_words(&enrolled),
            "6 new (2 active, 4 unconfirmed: no date of consent in 1 row; a date of consent with several readings in 3 rows), \
             1 changed"
        );
    }
}
