//! `letterpress serve`: the web half, until it is told to stop.

use super::Outcome;
use super::printer::Printer;
use crate::delivery::Stop;
use crate::pipeline::{Office, RunError, World};
use crate::web;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print a form for the pages of another site, and end.
    #[arg(long)]
    snippet: bool,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    if args.snippet {
        let form = web::snippet(&world.config).ok_or_else(no_address)?;
        printer.raw(form.as_bytes())?;
        return Ok(Outcome::Done);
    }
    let office = Office::open(&world.config, world.clock.as_ref()).await?;
    let breaker = std::sync::Arc::clone(&world.breaker);
    let stop = async move {
        while breaker.stopped() != Some(Stop::Asked) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let began = |listening: &web::Listening| {
        printer.say(format!("readers are answered at http://{}/", listening.address));
        match &world.config.web.url {
            Some(url) => {
                printer.say(format!("  which they see as {}", url.as_str()));
                printer.say("  a form for the pages of your site: letterpress serve --snippet");
            }
            None => printer
                .say("  for this machine alone, until web.url in config.toml says where others find it"),
        }
        if let Some(mute) = &listening.mute {
            printer.remark(format!("nobody is answered by mail: {mute}"));
        }
    };
    web::serve(world, &office, stop, began, move |trouble| printer.complain(trouble)).await?;
    Ok(Outcome::Done)
}

fn no_address() -> RunError {
    RunError::user(
        "web.url is missing: the form needs an address to send to",
        "add url = \"https://news.example.com/\" below [web] in config.toml",
    )
}
