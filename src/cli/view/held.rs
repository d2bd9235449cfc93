//! Posts that are due but not mailed. A possible duplicate fails every run; with `--quiet` only the first one says so. A post
//! without recipients is reported once; the later runs only remind.

use crate::cli::Outcome;
use crate::cli::printer::{Printer, count};
use crate::pipeline::newsletter::HeldPosts;

pub(in crate::cli) fn report(held: &HeldPosts, printer: Printer) -> Outcome {
    // It lasts until somebody decides, or the post is too old.
    for lookalike in &held.lookalikes {
        printer.warn(format!("{lookalike}\n    help: {}", lookalike.help()));
    }
    // Time or a subscriber solves it, so only the first run fails.
    let print = |line: String| if held.is_known { printer.info(line) } else { printer.event(line) };
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
    let waiting = held.unapproved.len()
        + held.without_audience.iter().filter(|post| !post.comes_with_the_digest()).count();
    if waiting > 0 {
        printer.remind(format!("{} held back", count(waiting as u64, "post")));
    }
    let is_new = !held.is_known && held.without_audience.iter().any(|held| !held.comes_with_the_digest());
    if is_new || !held.lookalikes.is_empty() { Outcome::UserError } else { Outcome::Done }
}
