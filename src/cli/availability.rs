//! Which commands there are on a system that keeps no ledger (Windows). The others are refused before anything is read or written.

use super::Command;

/// Whether a command does without a ledger, without sending and without files that only their owner may read.
pub(super) const fn needs_no_ledger(command: &Command) -> bool {
    match command {
        Command::Build(_)
        | Command::Headers(_)
        | Command::Preview(_)
        | Command::Import(_)
        | Command::Adopt(_)
        | Command::Retract(_)
        | Command::Check(_)
        | Command::Post(_)
        | Command::New(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::BugReport(_) => true,
        Command::Publish(_)
        | Command::Send(_)
        | Command::Serve(_)
        | Command::Approve(_)
        | Command::Status(_)
        | Command::Resolve(_)
        | Command::Ledger(_)
        | Command::Backup(_)
        | Command::Subscribers(_)
        | Command::Series(_)
        | Command::Inbox(_)
        | Command::Readers(_)
        | Command::Report(_)
        | Command::Login(_)
        | Command::Logout(_)
        | Command::Doctor(_)
        | Command::Dkim(_)
        | Command::Init(_) => false,
    }
}
