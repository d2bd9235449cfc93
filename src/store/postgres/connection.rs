//! One connection, driven from the thread that uses it.
//!
//! It has its own runtime and no other tasks: a reply wakes only the thread that waits for it.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;
use tokio_postgres::config::SslMode;

use super::failover;
use super::fault::{ConnectionError, failed};
use super::open::Access;
use super::tls;
use crate::config::Encryption;
use crate::store::StoreError;

/// The longest time for a single statement; a server that needs longer counts as lost.
const DEADLINE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);
/// The oldest supported version.
const OLDEST: i32 = 120_000;

/// A connection to a server that keeps what it commits.
pub(super) struct Connection {
    pub(super) client: Client,
    /// The system identifier; empty if this user may not read it.
    pub(super) system: String,
    /// The name of the database on the server; behind a pool it may have another one.
    pub(super) database: String,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

impl Connection {
    /// Connects, and checks the server's settings.
    pub(super) fn open(access: &Access, doing: &'static str) -> Result<Self, StoreError> {
        let unfit = |why: String| StoreError::Unusable { path: access.shown.clone(), why };
        let mut config: tokio_postgres::Config = access
            .server
            .parse()
            .map_err(|error| unfit(format!("invalid store.url: {}", ConnectionError::from(error))))?;
        if let Some(password) = &access.password {
            config.password(password.expose());
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("/var/run/postgresql");
        }
        config
            .application_name("letterpress")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(30))
            .ssl_mode(match access.encryption {
                Encryption::Never => SslMode::Disable,
                Encryption::IfOffered => SslMode::Prefer,
                Encryption::Always => SslMode::Require,
            });
        let tls = tls::Maker::new(access).map_err(unfit)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(doing)(ConnectionError::Io(error)))?;
        let connected = runtime.block_on(async {
            let (client, connection) = tokio::time::timeout(DEADLINE, config.connect(tls))
                .await
                .map_err(|_| ConnectionError::Silent)?
                .map_err(ConnectionError::Database)?;
            // The next statement notices its end.
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        });
        let client = connected.map_err(failed(doing))?;
        let mut link =
            Self { client, system: String::new(), database: String::new(), runtime: Some(runtime) };
        link.verify(doing, &unfit)?;
        Ok(link)
    }

    /// Waits for a reply, with a time limit.
    pub(super) fn run<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, ConnectionError> {
        let Some(runtime) = &self.runtime else { return Err(ConnectionError::Silent) };
        runtime
            .block_on(async { tokio::time::timeout(DEADLINE, question).await })
            .map_err(|_| ConnectionError::Silent)?
            .map_err(ConnectionError::Database)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Refuses a server that may lose commits at a power cut: losing a committed arm could cause a duplicate.
    fn verify(
        &mut self,
        doing: &'static str,
        unfit: &dyn Fn(String) -> StoreError,
    ) -> Result<(), StoreError> {
        let row = self
            .run(self.client.query_typed_one(
                "SELECT current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(),
                        CAST(current_setting('server_version_num') AS INTEGER), current_setting('server_encoding'),
                        current_database()",
                &[],
            ))
            .map_err(failed(doing))?;
        let column = |error| failed(doing)(ConnectionError::Database(error));
        for (place, name) in ["fsync", "full_page_writes"].into_iter().enumerate() {
            let value: &str = row.try_get(place).map_err(column)?;
            if value != "on" {
                return Err(unfit(format!(
                    "its server runs with {name} = {value}, so a power failure can lose committed data\n    \
                     help: set {name} = on in postgresql.conf and reload the server"
                )));
            }
        }
        if row.try_get::<_, bool>(2).map_err(column)? {
            return Err(failed(doing)(ConnectionError::Standby));
        }
        let version: i32 = row.try_get(3).map_err(column)?;
        if version < OLDEST {
            return Err(unfit(format!(
                "PostgreSQL {} is too old; 12 or newer is required",
                version / 10_000
            )));
        }
        let encoding: &str = row.try_get(4).map_err(column)?;
        if encoding != "UTF8" {
            return Err(unfit(format!("its encoding is {encoding}, but UTF8 is required")));
        }
        self.database = row.try_get(5).map_err(column)?;
        // Without permission to read it, only the timeline is compared.
        let system = self.run(self.client.query_typed_one(failover::SYSTEM, &[]));
        self.system = system.ok().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping a runtime inside another one would block, which is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
