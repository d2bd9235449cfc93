//! Posts that are due but not mailed. Newly held posts are reported even with `--quiet`; the later runs only remind.

use crate::cli::Outcome;
use crate::cli::printer::{Printer, count};
use crate::pipeline::newsletter::HeldPosts;

pub(in crate::cli) fn report(held: &HeldPosts, printer: Printer) -> Outcome {
    // The next run does not repeat it, so it is not a lasting failure.
    let print = |line: String| if held.is_known { printer.info(line) } else { printer.event(line) };
    for lookalike in &held.lookalikes {
        print(format!("{lookalike}\n    help: {}", lookalike.help()));
    }
    for post in &held.without_audience {
        if post.comes_with_the_digest() {
            let weekly = post.audience.weekly;
            printer.info(format!(
                "\"{}\" has no subscribers who want every post; it is part of the weekly digest ({})",
                post.title,
                count(weekly, "subscriber")
            ));
        } else {
            print(format!("{post}\n    help: {}", post.help()));
        }
    }
    for unapproved in &held.unapproved {
        let subject = crate::text::shell_quoted(&unapproved.subject);
        printer
            .info(format!("\"{}\" is waiting for approval: letterpress approve {subject}", unapproved.title));
    }
    if held.is_known && !held.is_empty() {
        printer.leave_open();
    }
    // The writer got a request for approval by email; the other two are reported only here.
    let needs_attention =
        !held.lookalikes.is_empty() || held.without_audience.iter().any(|held| !held.comes_with_the_digest());
    if needs_attention && !held.is_known { Outcome::UserError } else { Outcome::Done }
}
