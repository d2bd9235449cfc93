//! `letterpress preview`: a live page on this machine with the emails as they would be sent.

use std::process::Stdio;

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::session::{RunContext, RunError};
use crate::platform::OPENER;
use crate::preview::{EditorLink, PreviewServer, serve};

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress preview --open
  letterpress preview --editor 'idea://open?file={file}&line={line}'

Only this machine reaches the page, and only by the address that is printed. It reads posts and
ledger, changes nothing, and sends nothing but a test copy to `newsletter.test`.")]
pub(super) struct Args {
    /// The port on 127.0.0.1; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
    /// The links that open a line in an editor: {file} is the absolute path, {line} the line.
    #[arg(long, value_name = "URL", default_value = EditorLink::DEFAULT, value_parser = EditorLink::parse)]
    editor: EditorLink,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let log = Box::new(move |line: &str| printer.warn(line));
    let server = PreviewServer::open(context, args.port, args.editor.clone(), log).await?;
    let address = server.address();
    printer.stdout(format!("preview: {address}"));
    if args.open {
        open(&address, printer);
    }
    serve(server).await;
    printer.info("stopped");
    Ok(Outcome::Done)
}

/// Opens the page in the browser of the desktop.
fn open(address: &str, printer: Printer) {
    let mut command = tokio::process::Command::new(OPENER);
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        printer.warn(format!("cannot run {OPENER}: {error}; open the address yourself"));
    }
}
