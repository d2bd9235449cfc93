//! The rows of `docs/faults.md` about disk, time and list, tested with the real program.

mod content;
mod disk;
mod list;
mod time;
mod trace;

use super::support::{At, Script, Server, Site, reply_line};

fn pipelining() -> Script {
    Script::polite().pipelining(true)
}

/// An issue that was interrupted after two of six deliveries, at [`super::support::site::NOW`].
fn interrupted() -> (Server, Site) {
    let relay = Server::start(pipelining().nth(At::Rcpt, 3, reply_line("421 4.3.2 going down")));
    let site = Site::new(relay.port(), 6, 1);
    site.run(&["publish"]);
    assert_eq!(relay.accepted().len(), 2);
    (relay, site)
}

/// A site with a scheduled issue and only pending deliveries, because the relay of its first run was unavailable.
fn waiting(site: &Site) {
    let busy = Server::start(Script::polite().nth(At::Greeting, 1, reply_line("421 4.3.2 later")));
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let lines = config.lines().map(|line| {
        if line.starts_with("port = ") { format!("port = {}\n", busy.port()) } else { format!("{line}\n") }
    });
    site.write("config.toml", &lines.collect::<String>());
    let ended = site.run(&["publish"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert!(busy.log().messages.is_empty());
    site.write("config.toml", &config);
}
