//! `letterpress headers`: HTTP headers for the feeds and redirects of old addresses, to be copied into the configuration of a web server.

use clap::{Args as ClapArgs, ValueEnum};

use super::Outcome;
use super::printer::Printer;
use crate::archive::folder;
use crate::feeds::{headers, plan_feeds, redirects};
use crate::pipeline::session::{RunContext, RunError};

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress headers nginx > feed-headers.conf")]
pub(super) struct Args {
    /// Web server whose configuration format to print.
    server: Server,

    /// Print the redirects of old addresses instead: `aliases` and `redirect_from` of posts, and `feeds.moved`.
    #[arg(long)]
    redirects: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Server {
    Caddy,
    Nginx,
    Netlify,
    Apache,
}

pub(super) fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let archive = folder::read(&context.config, context.clock.now()).map_err(RunError::Findings)?.archive;
    let server = match args.server {
        Server::Caddy => headers::Server::Caddy,
        Server::Nginx => headers::Server::Nginx,
        Server::Netlify => headers::Server::Netlify,
        Server::Apache => headers::Server::Apache,
    };
    if args.redirects {
        let text = redirects::render(&archive, &context.config, server);
        if text.is_empty() {
            printer.info("no redirects: no post has `aliases`, and feeds.moved is empty");
        }
        printer.raw(text.as_bytes())?;
        return Ok(Outcome::Done);
    }
    printer.raw(headers::render(&plan_feeds(&archive, &context.config, &|_| None), server).as_bytes())?;
    Ok(Outcome::Done)
}
