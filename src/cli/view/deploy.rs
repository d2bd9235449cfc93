//! What was uploaded after a build, and what the program of `output.command` said.

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::printer::{Printer, count};
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::DeployReport;

/// Prints what was done after a build, and what failed.
pub(in crate::cli) fn report(deployed: &DeployReport, context: &RunContext, printer: Printer) {
    let output = &context.config.output;
    match &deployed.upload {
        Some(Ok(done)) => {
            let url = output.url.as_deref().unwrap_or_default();
            if done.written + done.deleted == 0 {
                printer.info(format!("upload: unchanged ({url})"));
            } else {
                let (written, gone) = (count(done.written as u64, "file"), done.deleted);
                printer.info(format!("upload: {written} written to {url}, {gone} deleted"));
            }
            for path in &done.left {
                printer.event(format!(
                    "warning: {path} is no longer part of the site, but another program changed it in {url}; it stays there"
                ));
            }
        }
        Some(Err(error)) => failed(error, printer),
        None => {}
    }
    match &deployed.command {
        Some(Ok(printed)) => {
            printer.info(format!("command: {} finished", output.command.first().map_or("", String::as_str)));
            printed.lines().for_each(|line| printer.progress(&format!("  {line}")));
        }
        Some(Err(error)) => failed(error, printer),
        None => {}
    }
}

/// The next run finds the same failure again, until it is over.
fn failed(error: &RunError, printer: Printer) {
    match error {
        RunError::OutOfOrder(finding) => printer.lasting_findings(&[(**finding).clone()]),
        error => printer.warn(format!("error: {error}")),
    }
}

/// `outcome`, unless what came after the build failed.
pub(in crate::cli) fn outcome(deployed: &DeployReport, outcome: Outcome) -> Outcome {
    match deployed.error() {
        Some(error) if matches!(outcome, Outcome::Done | Outcome::Partly) => Outcome::of(error),
        _ => outcome,
    }
}

/// The keys of `--json` with their values: `null` if it is not configured, or failed.
pub(super) fn facts(deployed: &DeployReport) -> [(&'static str, Value); 3] {
    let uploaded = deployed.upload.as_ref().and_then(|result| result.as_ref().ok());
    let command = deployed.command.as_ref().map(|result| if result.is_ok() { "finished" } else { "failed" });
    [
        ("uploaded", json!(uploaded.map(|done| done.written))),
        ("deleted", json!(uploaded.map(|done| done.deleted))),
        ("command", json!(command)),
    ]
}
