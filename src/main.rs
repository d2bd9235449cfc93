//! The door: parse, run, map the outcome to the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    letterpress::main()
}
