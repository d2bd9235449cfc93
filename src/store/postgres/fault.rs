//! The errors of the database and of the connection, and how severe they are.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tokio_postgres::error::SqlState;

use crate::store::{Fault, StoreError};

/// An error instead of a reply.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// From the server, or from the client library.
    Database(tokio_postgres::Error),
    /// No reply in time.
    Silent,
    /// The server is a standby.
    Standby,
    /// From the system.
    Io(std::io::Error),
    /// No connection to the server.
    Unreachable(std::io::Error),
}

impl From<tokio_postgres::Error> for ConnectionError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => {
                if let Some(db_error) = error.as_db_error() {
                    return write!(f, "{} ({})", db_error.message(), db_error.code().code());
                }
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(inner) = cause {
                    write!(f, ": {inner}")?;
                    cause = inner.source();
                }
                Ok(())
            }
            Self::Silent => f.write_str("the server does not reply"),
            Self::Standby => f.write_str("this server is a standby and does not accept writes"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Unreachable(error) => write!(f, "error connecting to server: {error}"),
        }
    }
}

impl Error for ConnectionError {}

/// Adds what was being done, and how severe it is.
pub(super) fn failed(doing: &'static str) -> impl Fn(ConnectionError) -> StoreError {
    move |error| StoreError::Database { doing, fault: fault(&error), source: Arc::new(error) }
}

fn fault(error: &ConnectionError) -> Fault {
    match error {
        ConnectionError::Silent | ConnectionError::Standby | ConnectionError::Unreachable(_) => {
            Fault::ConnectionLost
        }
        ConnectionError::Io(_) => Fault::Other,
        ConnectionError::Database(error) => match error.code() {
            Some(code) => fault_of_code(code),
            None if is_connection_failure(error) => Fault::ConnectionLost,
            None => Fault::Other,
        },
    }
}

/// Whether the connection failed, and not the statement. A wrong certificate is not such a failure: it does not pass.
fn is_connection_failure(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<rustls::Error>() {
            return false;
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return !io.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>);
        }
        cause = inner.source();
    }
    // After an incomplete or unexpected reply the connection cannot be used any more.
    matches!(error.to_string().as_str(), "unexpected message from server" | "timeout waiting for server")
}

/// The classes of appendix A of the manual.
fn fault_of_code(code: &SqlState) -> Fault {
    match code.code() {
        "53100" => Fault::Full,
        "40001" | "40P01" | "55P03" | "55006" => Fault::Busy,
        // Too many connections; a standby that was the primary a moment ago.
        "53300" | "25006" => Fault::ConnectionLost,
        "58030" => Fault::Io,
        "XX001" | "XX002" => Fault::Damaged,
        code => match code.get(..2) {
            // A broken connection, a server that stops or starts, an idle transaction that was ended.
            Some("08" | "57") => Fault::ConnectionLost,
            Some("25") if code == "25P03" => Fault::ConnectionLost,
            Some("28" | "3D") => Fault::PermissionDenied,
            Some("42") if code == "42501" => Fault::PermissionDenied,
            _ => Fault::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_away_may_come_back_and_a_wrong_password_stays_wrong() {
        for (code, expected) in [
            ("53100", Fault::Full),
            ("57P01", Fault::ConnectionLost),
            ("57P03", Fault::ConnectionLost),
            ("08006", Fault::ConnectionLost),
            ("25006", Fault::ConnectionLost),
            ("40001", Fault::Busy),
            ("40P01", Fault::Busy),
            ("28P01", Fault::PermissionDenied),
            ("42501", Fault::PermissionDenied),
            ("42P01", Fault::Other),
            ("XX001", Fault::Damaged),
        ] {
            assert_eq!(fault_of_code(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
