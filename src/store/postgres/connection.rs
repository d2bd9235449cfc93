//! One connection, driven from the thread that uses it.
//!
//! It has its own runtime and no other tasks: a reply wakes only the thread that waits for it.
//!
//! A statement may be kept under a name only in a session that nobody else uses. That is certain if the server sees the
//! same TCP connection as this process: the same two addresses and ports. Behind a pool, a proxy or a translation of
//! addresses they differ, and over a local socket there are none to compare; then no statement has a name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::maybe_done;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, RowStream, Statement};

use super::failover;
use super::fault::{ConnectionError, failed};
use super::open::Access;
use super::{SqlValue, tls};
use crate::config::Encryption;
use crate::store::StoreError;

/// The longest time for a single statement; a server that needs longer counts as lost.
const DEADLINE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection without replies lives.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a kept statement runs before it is planned anew: meanwhile its tables have grown.
const USES: u32 = 500;
/// The oldest supported version.
const OLDEST: i32 = 120_000;

/// A connection to a server that keeps what it commits.
pub(super) struct Connection {
    pub(super) client: Client,
    /// The system identifier; empty if this user may not read it.
    pub(super) system: String,
    /// The name of the database on the server; behind a pool it may have another one.
    pub(super) database: String,
    /// Statements that the server has planned, and how often each has run; `None` if the session may be shared.
    kept: Option<RefCell<HashMap<String, (Statement, u32)>>>,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// The two ends of a TCP connection: this one and the server's.
type Ends = (SocketAddr, SocketAddr);

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
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
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
            let connected = tokio::time::timeout(DEADLINE, connect(&config, tls)).await;
            connected.map_err(|_| ConnectionError::Silent)?
        });
        let (client, ends) = connected.map_err(failed(doing))?;
        let mut link = Self {
            client,
            system: String::new(),
            database: String::new(),
            kept: None,
            runtime: Some(runtime),
        };
        link.verify(doing, &unfit)?;
        link.kept = ends.filter(|ends| link.is_direct(*ends)).map(|_| RefCell::default());
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

    /// Whether the server is at the other end of this very connection.
    fn is_direct(&self, (here, there): Ends) -> bool {
        let asked = self.run(self.client.query_typed_one(
            "SELECT host(inet_client_addr()), inet_client_port(), host(inet_server_addr()), inet_server_port()",
            &[],
        ));
        let end = |row: &tokio_postgres::Row, first| {
            let address: Option<&str> = row.try_get(first).ok()?;
            let port: Option<i32> = row.try_get(first + 1).ok()?;
            Some(SocketAddr::new(address?.parse().ok()?, port?.try_into().ok()?))
        };
        // Who asks as if a pool were there is slower, but never wrong.
        asked.is_ok_and(|row| end(&row, 0) == Some(here) && end(&row, 2) == Some(there))
    }

    /// Runs a statement; returns how many rows it touched. One that is `repeated` is kept if that is possible.
    pub(super) fn execute(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        repeated: bool,
    ) -> Result<u64, ConnectionError> {
        let kept = self.kept(sql, values, repeated)?;
        self.run(self.executed(sql, values, kept))
    }

    /// Sends all statements, in this order, before it waits for the first reply; returns how many rows they touched.
    pub(super) fn execute_all(
        &self,
        statements: &[(String, Vec<SqlValue<'_>>)],
        repeated: bool,
    ) -> Result<u64, ConnectionError> {
        let mut sent = Vec::with_capacity(statements.len());
        for (sql, values) in statements {
            let kept = self.kept(sql, values, repeated)?;
            sent.push(Box::pin(maybe_done(self.executed(sql, values, kept))));
        }
        self.run(async {
            // A statement is sent when it is polled for the first time.
            poll_fn(|cx| {
                let waiting =
                    sent.iter_mut().filter_map(|one| one.as_mut().poll(cx).is_pending().then_some(()));
                if waiting.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            sent.iter_mut().filter_map(|one| one.as_mut().take_output()).sum()
        })
    }

    async fn executed(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        kept: Option<Statement>,
    ) -> Result<u64, tokio_postgres::Error> {
        match kept {
            Some(kept) => self.client.execute_raw(&kept, values.iter().map(|(value, _)| *value)).await,
            None => self.client.execute_typed(sql, values).await,
        }
    }

    /// Runs a query. One that is `repeated` is kept if that is possible.
    pub(super) fn query(
        &self,
        sql: &str,
        values: Vec<SqlValue<'_>>,
        repeated: bool,
    ) -> Result<RowStream, ConnectionError> {
        match self.kept(sql, &values, repeated)? {
            Some(statement) => {
                self.run(self.client.query_raw(&statement, values.into_iter().map(|(value, _)| value)))
            }
            None => self.run(self.client.query_typed_raw(sql, values)),
        }
    }

    /// The kept statement with this text; `None` if it must go without a name.
    pub(super) fn kept(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        repeated: bool,
    ) -> Result<Option<Statement>, ConnectionError> {
        let Some(kept) = self.kept.as_ref().filter(|_| repeated) else { return Ok(None) };
        if let Some((statement, uses)) = kept.borrow_mut().get_mut(sql)
            && *uses < USES
            && statement.params().iter().eq(values.iter().map(|(_, kind)| kind))
        {
            *uses += 1;
            return Ok(Some(statement.clone()));
        }
        let types: Vec<Type> = values.iter().map(|(_, kind)| kind.clone()).collect();
        let statement = self.run(self.client.prepare_typed(sql, &types))?;
        kept.borrow_mut().insert(sql.to_owned(), (statement.clone(), 1));
        Ok(Some(statement))
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

/// Connects, and serves the connection on this runtime. Returns its two ends too, where it is a single TCP connection.
async fn connect(config: &Config, mut tls: tls::Maker) -> Result<(Client, Option<Ends>), ConnectionError> {
    let ([Host::Tcp(host)], []) = (config.get_hosts(), config.get_hostaddrs()) else {
        let (client, connection) = config.connect(tls).await?;
        // The next statement notices its end.
        tokio::spawn(async move { drop(connection.await) });
        return Ok((client, None));
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let opened = tokio::time::timeout(CONNECT, TcpStream::connect((host.as_str(), port))).await;
    let stream = opened.map_err(|_| ConnectionError::Silent)?.map_err(ConnectionError::Unreachable)?;
    let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
    let socket = SockRef::from(&stream);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE)));
    #[cfg(target_os = "linux")]
    let tuned = tuned.and_then(|()| socket.set_tcp_user_timeout(Some(SILENCE)));
    tuned.map_err(ConnectionError::Unreachable)?;
    let handshake =
        MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host).map_err(ConnectionError::Io)?;
    let (client, connection) = config.connect_raw(stream, handshake).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok((client, ends))
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping a runtime inside another one would block, which is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
