//! What a run says of posts that are due and are not mailed. New is said even under cron; what was held back before is a
//! reminder.

use super::super::Outcome;
use super::super::printer::Printer;
use crate::pipeline::Held;

pub(in crate::cli) fn report(held: &Held, printer: Printer) -> Outcome {
    // The next run does not say it again, so it is no failure that lasts.
    let say = |line: String| if held.is_known { printer.say(line) } else { printer.event(line) };
    for lookalike in &held.lookalikes {
        say(format!("{lookalike}\n    help: {}", lookalike.help()));
    }
    for nobody in &held.nobody {
        if nobody.comes_with_the_digest() {
            let weekly = nobody.audience.weekly;
            printer.say(format!(
                "\"{}\" goes to nobody by itself; it comes with the weekly digest ({weekly})",
                nobody.title
            ));
        } else {
            say(format!("{nobody}\n    help: {}", nobody.help()));
        }
    }
    for unapproved in &held.unapproved {
        let subject = crate::text::shell_quoted(&unapproved.subject);
        printer.say(format!("\"{}\" waits for approval: letterpress approve {subject}", unapproved.title));
    }
    if held.is_known && !held.is_empty() {
        printer.leave_open();
    }
    // A request for approval went out by mail; the other two need somebody who looks.
    let needs_somebody =
        !held.lookalikes.is_empty() || held.nobody.iter().any(|held| !held.comes_with_the_digest());
    if needs_somebody && !held.is_known { Outcome::UserError } else { Outcome::Done }
}
