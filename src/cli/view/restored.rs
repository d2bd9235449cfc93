//! What `ledger adopt-restored` did; `backup restore --reason` prints the same.

use crate::cli::printer::{Printer, count};
use crate::pipeline::operations::AcceptedRestore;

/// Prints the result of accepting a restored ledger. `moved`: it is the original, and only its fence was missing.
pub(in crate::cli) fn report(restored: &AcceptedRestore, moved: bool, dry_run: bool, printer: Printer) {
    let AcceptedRestore { mismatch: barred, outcome } = restored;
    match barred {
        Some(mismatch) => printer.info(format!("before: {mismatch}")),
        None => printer.info("before: nothing blocked this ledger"),
    }
    let would = if dry_run { "would be " } else { "" };
    if moved {
        printer.info(format!("the ledger {would}adopted as the original, with a new fence file"));
    } else {
        printer.info(match outcome.unknown {
            0 => "no delivery was pending".to_owned(),
            deliveries => format!(
                "{} {would}marked as \"outcome unknown\": each may have been sent",
                count(deliveries, "pending delivery")
            ),
        });
        printer.info(match outcome.baseline.len() {
            0 => "the ledger knows every published post".to_owned(),
            posts => {
                let posts = count(posts as u64, "published post");
                format!("{posts} {would}recorded as mailed: each may have been")
            }
        });
        for title in &outcome.baseline {
            printer.info(format!("  \"{title}\""));
        }
    }
    if dry_run {
        printer.info("dry run, nothing was changed");
    } else if !moved {
        printer.info(
            "next:\n  letterpress ledger reconcile --postfix-log FILE        records what the relay's log proves\n  \
             letterpress resolve --sent | --resend | --acknowledge  decides the rest\n  \
             letterpress send --post SLUG --allow-second-email      mails a post that nobody received, as that log shows",
        );
        printer.info(
            "subscribers who unsubscribed after the backup was made are active again: \
             unsubscribe them before the next issue",
        );
    }
}
