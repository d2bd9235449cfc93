//! What starts the runs: a line of cron or a timer of systemd, and when the last run was.
//!
//! Only what this user may read is read. A scheduler that is not found here is no problem while the runs come.

use std::time::Duration;

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::process::Command;
use tokio::time::timeout;

use super::super::{Check, Section};
use crate::config::Config;
use crate::pipeline::newsletter::last_run;
use crate::pipeline::session::LedgerSession;
use crate::text::shell_quoted;

const ID: &str = "runs";

/// How long `crontab -l` may take.
const ASKING: Duration = Duration::from_secs(3);

/// A site is expected to run at least once a day.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(50);

/// Tables of cron, and units of systemd.
const TABLES: [&str; 2] = ["/etc/crontab", "/etc/cron.d"];
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system"];

/// The timers that are enabled, such as `letterpress@blog.timer`.
const ENABLED: &str = "/etc/systemd/system/timers.target.wants";

/// The most bytes that are read of a table or a unit, and the most files of a folder.
const LARGEST: u64 = 200_000;
const MOST: usize = 500;

/// What starts the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scheduler {
    /// Where the line is that runs this site.
    This(String),
    /// Letterpress runs, but for another configuration.
    Other(String),
    None,
}

pub(crate) async fn check(config: &Config, session: Option<&LedgerSession>, now: DateTime<Utc>) -> Check {
    let last = match session {
        Some(session) => last_run(&session.store).await.ok().flatten(),
        None => None,
    };
    judge(&scheduler(config).await, last, config, now)
}

fn judge(scheduler: &Scheduler, last: Option<DateTime<Utc>>, config: &Config, now: DateTime<Utc>) -> Check {
    let line = format!(
        "*/10 * * * * letterpress --quiet --config {} publish",
        shell_quoted(absolute(config).as_str())
    );
    let add = format!("add a line to crontab -e: {line}");
    let Some(last) = last else {
        let next = "before the first issue nothing needs to run by itself";
        return match scheduler {
            Scheduler::This(place) => {
                Check::good(Section::Here, ID, format!("{place} runs letterpress; no run was recorded yet"))
            }
            _ => Check::skipped(Section::Here, ID, format!("no run was recorded yet; {next}")),
        };
    };
    let (ago, is_late) = (shown(now - last), now - last > LONGEST_PAUSE);
    match (scheduler, is_late) {
        (Scheduler::This(place), false) => {
            Check::good(Section::Here, ID, format!("{place} runs letterpress; the last run was {ago}"))
        }
        (Scheduler::This(place), true) => Check::fault(
            Section::Here,
            ID,
            format!("{place} should run letterpress, but the last run was {ago}"),
            "run its command by hand, and look into the mail and the log of cron",
        ),
        (Scheduler::Other(_) | Scheduler::None, false) => Check::good(
            Section::Here,
            ID,
            format!("the last run was {ago}; no line of cron and no timer for it was found here"),
        ),
        (Scheduler::Other(place), true) => Check::warning(
            Section::Here,
            ID,
            format!("the last run was {ago}; {place} runs letterpress, but not with this configuration"),
            add,
        ),
        (Scheduler::None, true) => Check::warning(
            Section::Here,
            ID,
            format!("the last run was {ago}, and neither cron nor a timer of systemd runs letterpress"),
            add,
        ),
    }
}

/// The path of the configuration, for the folder of a `DynamicUser=` without `private`, through which only root gets.
fn absolute(config: &Config) -> camino::Utf8PathBuf {
    let path = Utf8Path::new(&config.file);
    let path = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    match path.strip_prefix("/var/lib/private") {
        Ok(rest) => Utf8Path::new("/var/lib").join(rest),
        Err(_) => path,
    }
}

async fn scheduler(config: &Config) -> Scheduler {
    let mut found = Scheduler::None;
    let mut tables = Vec::new();
    if let Some(table) = own_table().await {
        tables.push(("crontab".to_owned(), table));
    }
    let home = crate::config::environment("HOME").map(|home| format!("{home}/.config/systemd/user"));
    for place in TABLES.iter().chain(&UNITS).map(|place| (*place).to_owned()).chain(home) {
        tables.extend(read(Utf8Path::new(&place)));
    }
    let timers = Utf8Path::new(ENABLED).read_dir_utf8().into_iter().flatten().flatten().take(MOST);
    let timers: Vec<String> = timers.map(|timer| timer.file_name().to_owned()).collect();
    let tables = tables.into_iter().flat_map(|(place, text)| instances(place, text, &timers));
    for (place, text) in tables {
        match mentions(&text, config) {
            Some(true) => return Scheduler::This(place),
            Some(false) => found = Scheduler::Other(place),
            None => {}
        }
    }
    found
}

/// A template of units as the instances whose timers are enabled; anything else as it is.
fn instances(place: String, text: String, timers: &[String]) -> Vec<(String, String)> {
    let Some(name) =
        place.rsplit('/').next().and_then(|name| Some(name.strip_suffix("@.service")?.to_owned()))
    else {
        return vec![(place, text)];
    };
    let of_timer = |timer: &String| {
        let instance = timer.strip_prefix(&name)?.strip_prefix('@')?.strip_suffix(".timer")?;
        Some((timer.clone(), text.replace("%i", instance).replace("%S", "/var/lib")))
    };
    timers.iter().filter_map(of_timer).collect()
}

/// `crontab -l`: the table of this user, which only cron may read.
async fn own_table() -> Option<String> {
    let listing =
        Command::new("crontab").arg("-l").stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let listed = timeout(ASKING, listing).await.ok()?.ok()?;
    listed.status.success().then(|| String::from_utf8_lossy(&listed.stdout).into_owned())
}

/// A file, or the files of a folder that can be read.
fn read(place: &Utf8Path) -> Vec<(String, String)> {
    let folder =
        place.read_dir_utf8().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.into_path()));
    let files = [place.to_owned()].into_iter().filter(|file| file.is_file()).chain(folder.take(MOST));
    let is_small = |file: &camino::Utf8PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST)
    };
    files
        .filter(is_small)
        .filter_map(|file| Some((file.to_string(), std::fs::read_to_string(&file).ok()?)))
        .collect()
}

/// Whether a line runs letterpress, and whether for this site; `None` if none does. A unit of systemd may name the folder on
/// another line.
fn mentions(text: &str, config: &Config) -> Option<bool> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let runs = |line: &str| {
        line.contains("letterpress") && ["publish", "send"].iter().any(|verb| line.contains(verb))
    };
    let commands: Vec<&str> = lines.clone().filter(|line| runs(line)).collect();
    if commands.is_empty() {
        return None;
    }
    let file = absolute(config);
    let folder = file.parent().unwrap_or(&file).as_str();
    let is_here = |line: &str| {
        line.match_indices(folder).any(|(at, _)| {
            // "/srv/letters" is not "/srv/letters-old".
            line[at + folder.len()..].chars().next().is_none_or(|next| {
                next == '/' || !(next.is_alphanumeric() || next == '-' || next == '_' || next == '.')
            })
        })
    };
    let is_unit = lines.clone().any(|line| line.starts_with("WorkingDirectory=") && is_here(line));
    Some(is_unit || commands.iter().any(|line| is_here(line)))
}

/// "3 hours ago".
fn shown(ago: TimeDelta) -> String {
    match (ago.num_hours(), ago.num_days()) {
        (..=0, _) => "within the last hour".to_owned(),
        (1, _) => "an hour ago".to_owned(),
        (hours @ ..48, _) => format!("{hours} hours ago"),
        (_, days) => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn config() -> Config {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://letters.kr\"\n";
        crate::config::parse(text, "/srv/letters/config.toml", "/srv/letters".into()).unwrap()
    }

    #[test]
    fn a_line_of_cron_is_for_this_site_if_it_names_its_folder() {
        let config = config();
        for (table, expected) in [
            ("*/10 * * * * letterpress --quiet --config /srv/letters/config.toml publish", Some(true)),
            ("*/10 * * * * cd /srv/letters && letterpress -q publish", Some(true)),
            ("# letterpress --config /srv/letters/config.toml publish", None),
            ("0 5 * * * letterpress --config /srv/letters-old/config.toml publish", Some(false)),
            ("0 5 * * * letterpress --config /srv/letters/config.toml backup x.db", None),
            ("0 5 * * * certbot renew", None),
            (
                "[Service]\nWorkingDirectory=/srv/letters\nExecStart=/usr/bin/letterpress publish\n",
                Some(true),
            ),
            ("[Service]\nWorkingDirectory=/srv/other\nExecStart=/usr/bin/letterpress publish\n", Some(false)),
        ] {
            assert_eq!(mentions(table, &config), expected, "{table}");
        }
    }

    #[test]
    fn a_template_of_units_is_for_the_sites_whose_timers_are_enabled() {
        let text = "[Service]\nWorkingDirectory=%S/letterpress/%i\nExecStart=/usr/bin/letterpress publish\n";
        let place = "/usr/lib/systemd/system/letterpress@.service";
        let timers = ["apt-daily.timer", "letterpress-doctor@blog.timer", "letterpress@blog.timer"];
        let timers = timers.map(str::to_owned);
        let found = instances(place.to_owned(), text.to_owned(), &timers);
        let [(timer, unit)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(timer, "letterpress@blog.timer");
        for (file, expected) in [
            ("/var/lib/private/letterpress/blog/config.toml", Some(true)),
            ("/var/lib/letterpress/news/config.toml", Some(false)),
        ] {
            let config = Config { file: file.to_owned(), ..config() };
            assert_eq!(mentions(unit, &config), expected, "{file}");
        }
        assert_eq!(instances(place.to_owned(), text.to_owned(), &[]), []);
    }

    #[test]
    fn runs_that_do_not_come_are_a_fault_if_cron_should_start_them() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let this = Scheduler::This("crontab".to_owned());
        let other = Scheduler::Other("crontab".to_owned());
        for (scheduler, hours, expected) in [
            (&this, Some(1), Level::Good),
            (&this, Some(51), Level::Fault),
            (&this, None, Level::Good),
            (&other, Some(1), Level::Good),
            (&other, Some(51), Level::Warning),
            (&Scheduler::None, Some(1), Level::Good),
            (&Scheduler::None, Some(51), Level::Warning),
            (&Scheduler::None, None, Level::Skipped),
        ] {
            let last = hours.map(|hours| now - TimeDelta::hours(hours));
            assert_eq!(judge(scheduler, last, &config(), now).level, expected, "{scheduler:?} {hours:?}");
        }
    }
}
