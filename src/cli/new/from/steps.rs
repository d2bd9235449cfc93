//! What to do after `letterpress new --from`: the ids that feed readers know come first, because the first build settles them.

use super::{Found, Target};
use crate::cli::printer::Printer;
use crate::cli::site_files::cron_line;
use crate::config::Generator;
use crate::platform::KEEPS_LEDGERS;
use crate::text::shell_quoted;

/// Where the feeds are written if the configuration is in the folder of the site.
pub(super) const OWN_OUTPUT: &str = "letterpress-public";

/// The section of a configuration that is in the folder of the site.
pub(super) fn own_output(generator: Generator) -> String {
    format!("\n[output]\ndirectory = \"{OWN_OUTPUT}\"         # not the folder that {generator} builds\n")
}

/// Prints the steps to the first issue.
pub(super) fn print(generator: Generator, found: &Found, target: &Target, printer: Printer) {
    let config = target.file("config.toml");
    let program = match target.folder.as_str() {
        "." => "letterpress".to_owned(),
        _ => format!("letterpress --config {}", shell_quoted(config.as_str())),
    };
    let feed = found.feed_url().unwrap_or_else(|| "URL-OF-YOUR-FEED".to_owned());
    let output = target.file(if target.is_shared() { OWN_OUTPUT } else { "public" });
    let same = match generator {
        Generator::Hugo => "; disableKinds = [\"RSS\"] in its configuration ends its own feeds",
        _ => "; switch its own feeds off",
    };
    let mut lines = vec![
        "  steps to your first issue:".to_owned(),
        format!("    1. {program} adopt {}", shell_quoted(&feed)),
        "       while the site still has its old feed, and before the first build: posts keep the ids that feed readers".to_owned(),
        "       know. Otherwise every reader sees all posts again".to_owned(),
        format!("    2. {program} build"),
        format!("       {program} check      which files are skipped, and what is wrong"),
        format!("    3. copy {output}/ to the server, over what {generator} builds{same}"),
    ];
    if KEEPS_LEDGERS {
        lines.extend([
            format!("    4. in {config}, below [newsletter]: from, list = \"subscribers.csv\", and first_run = \"newest\" to mail"),
            "       the newest post at once (\"nothing\": only posts from now on); the mail server below [smtp]".to_owned(),
            format!("    5. {program} publish    builds the feeds, and sends new posts"),
            "  to run it automatically, add one line with `crontab -e`:".to_owned(),
            format!("    {}", cron_line(&config)),
        ]);
    }
    for line in lines {
        printer.info(line);
    }
}
