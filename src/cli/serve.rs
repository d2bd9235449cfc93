//! `letterpress serve`: serve the public pages and the feeds until stopped by a signal.

use std::sync::Arc;

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::session::{RunContext, RunError};
use crate::web::{App, Sockets, serve, snippet};

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress serve --access-log")]
pub(super) struct Args {
    /// Print the HTML of the sign-up form, to embed it in other pages, and exit.
    #[arg(long)]
    snippet: bool,
    /// Log each request: method, route, status, duration; no email addresses and no tokens.
    #[arg(long, conflicts_with = "snippet")]
    access_log: bool,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    if args.snippet {
        printer.raw(format!("{}\n", snippet(&context.config)?.trim_end()).as_bytes())?;
        return Ok(Outcome::Done);
    }
    let log = Box::new(move |line: &str| printer.warn(line));
    // Fail on an occupied port before the database is opened or created.
    let sockets = Sockets::bind(&context.config.web)?;
    let app = App::open(context.clone(), log).await?.with_access_log(args.access_log);
    announce(&app, &sockets, context, printer);
    serve(Arc::new(app), sockets).await?;
    printer.info("stopped");
    Ok(Outcome::Done)
}

fn announce(app: &App, sockets: &Sockets, context: &RunContext, printer: Printer) {
    let web = &context.config.web;
    if let Some(address) = sockets.address() {
        printer.info(format!("listening on http://{address}/"));
    }
    match &web.url {
        Some(url) => printer.info(format!("  public URL: {}", url.as_str())),
        None => printer.info(format!(
            "  reachable only from this machine ({}); set web.url in config.toml to the public URL of the proxy, so that \
             emails get one-click unsubscribe links",
            app.url().as_str()
        )),
    }
    if let Some(address) = sockets.metrics_address() {
        printer.info(format!("  metrics for Prometheus: http://{address}/metrics"));
    }
    if web.sign_up && web.url.is_some() {
        printer.info("  sign-up form for your own pages: letterpress serve --snippet");
    }
}
