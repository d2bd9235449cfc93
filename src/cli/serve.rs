//! `letterpress serve`: answers readers until it is told to stop.

use std::sync::Arc;

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::{RunError, World};
use crate::web::{App, Sockets, serve, snippet};

#[derive(ClapArgs)]
pub(super) struct Args {
    /// Print the sign-up form for other pages of yours, as HTML, and do nothing else.
    #[arg(long)]
    snippet: bool,
    /// Say a line for each request: method, route, status, time; never an address or a token.
    #[arg(long, conflicts_with = "snippet")]
    access_log: bool,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    if args.snippet {
        printer.raw(format!("{}\n", snippet(&world.config)?.trim_end()).as_bytes())?;
        return Ok(Outcome::Done);
    }
    let log = Box::new(move |line: &str| printer.complain(line));
    // An address that is taken is said before a store is made for nothing.
    let sockets = Sockets::bind(&world.config.web)?;
    let app = App::open(world.clone(), log).await?.with_access_log(args.access_log);
    announce(&app, &sockets, world, printer);
    serve(Arc::new(app), sockets).await?;
    printer.say("stopped");
    Ok(Outcome::Done)
}

fn announce(app: &App, sockets: &Sockets, world: &World, printer: Printer) {
    let web = &world.config.web;
    if let Some(address) = sockets.address() {
        printer.say(format!("listening on http://{address}/"));
    }
    match &web.url {
        Some(url) => printer.say(format!("  readers see it at {}", url.as_str())),
        None => printer.say(format!(
            "  only this machine sees it ({}); set web.url in config.toml to where a proxy shows it, and letters get \
             their one-click links",
            app.url().as_str()
        )),
    }
    if let Some(address) = sockets.metrics_address() {
        printer.say(format!("  figures for Prometheus: http://{address}/metrics"));
    }
    if web.sign_up && web.url.is_some() {
        printer.say("  a form for your own pages: letterpress serve --snippet");
    }
}
