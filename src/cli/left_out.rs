//! A command that this program was built without: it says so, whatever its options are.

use std::ffi::OsString;

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::session::{RunContext, RunError};

#[derive(ClapArgs)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<OsString>,
}

pub(super) async fn run(_: &Args, _: &RunContext, _: Printer) -> Result<Outcome, RunError> {
    let hint = "install one that was built with the features `importers` and `serve`, as it is by default";
    Err(RunError::user("this program was built without this command", hint))
}
