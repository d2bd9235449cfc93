//! One connection, driven from the thread that uses it.
//!
//! A runtime of its own and no task elsewhere: an answer wakes the thread that waits for it and nobody else.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;
use tokio_postgres::config::SslMode;

use super::fault::{Trouble, failed};
use super::open::Access;
use super::tls;
use crate::config::Encryption;
use crate::store::StoreError;

/// No single statement takes longer on a server that lives.
const DEADLINE: Duration = Duration::from_secs(2 * 60);
const CONNECT: Duration = Duration::from_secs(10);
/// The oldest version that has what is used here.
const OLDEST: i32 = 120_000;

/// A connection to a server that keeps what it commits.
pub(super) struct Link {
    pub(super) client: Client,
    /// The number that the server's data was made with; empty if this user may not know.
    pub(super) system: String,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Link {
    /// Connects, and looks whether the server is fit.
    pub(super) fn open(access: &Access, doing: &'static str) -> Result<Self, StoreError> {
        let unfit = |why: String| StoreError::Unfit { path: access.shown.clone(), why };
        let mut config: tokio_postgres::Config = access
            .server
            .parse()
            .map_err(|error| unfit(format!("store.url cannot be read: {}", Trouble::from(error))))?;
        if let Some(password) = &access.password {
            config.password(password.expose());
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path("/var/run/postgresql");
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
            .map_err(|error| failed(doing)(Trouble::Io(error)))?;
        let connected = runtime.block_on(async {
            let (client, connection) = tokio::time::timeout(DEADLINE, config.connect(tls))
                .await
                .map_err(|_| Trouble::Silent)?
                .map_err(Trouble::Database)?;
            // Its end is heard of by the next statement.
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        });
        let client = connected.map_err(failed(doing))?;
        let mut link = Self { client, system: String::new(), runtime: Some(runtime) };
        link.verify(doing, &unfit)?;
        Ok(link)
    }

    /// Waits for an answer, but not for ever.
    pub(super) fn run<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Trouble> {
        let Some(runtime) = &self.runtime else { return Err(Trouble::Silent) };
        runtime
            .block_on(async { tokio::time::timeout(DEADLINE, question).await })
            .map_err(|_| Trouble::Silent)?
            .map_err(Trouble::Database)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// A server that forgets commits at a power cut is refused: an arm that is forgotten is a second copy.
    fn verify(
        &mut self,
        doing: &'static str,
        unfit: &dyn Fn(String) -> StoreError,
    ) -> Result<(), StoreError> {
        let row = self
            .run(self.client.query_typed_one(
                "SELECT current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(),
                        CAST(current_setting('server_version_num') AS INTEGER), current_setting('server_encoding')",
                &[],
            ))
            .map_err(failed(doing))?;
        let column = |error| failed(doing)(Trouble::Database(error));
        for (place, name) in ["fsync", "full_page_writes"].into_iter().enumerate() {
            let value: &str = row.try_get(place).map_err(column)?;
            if value != "on" {
                return Err(unfit(format!(
                    "its server runs with {name} = {value}: it forgets what it committed when the power fails\n    \
                     help: write {name} = on into postgresql.conf and reload the server"
                )));
            }
        }
        if row.try_get::<_, bool>(2).map_err(column)? {
            return Err(failed(doing)(Trouble::Standby));
        }
        let version: i32 = row.try_get(3).map_err(column)?;
        if version < OLDEST {
            return Err(unfit(format!("it is PostgreSQL {}; 12 or newer is needed", version / 10_000)));
        }
        let encoding: &str = row.try_get(4).map_err(column)?;
        if encoding != "UTF8" {
            return Err(unfit(format!("its encoding is {encoding} and not UTF8")));
        }
        // A user who may not know it lives with the timeline alone.
        let system = self.run(
            self.client
                .query_typed_one("SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()", &[]),
        );
        self.system = system.ok().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A runtime that is dropped where tasks run would wait, which is not allowed there.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
