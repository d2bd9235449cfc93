//! The door: parse, run, map the outcome to the exit code.

use std::process::ExitCode;

/// musl's own takes several times as long.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    letterpress::main()
}
