//! A private `PostgreSQL` server in a temporary folder.
//!
//! `LETTERPRESS_TEST_POSTGRES=postgres://user@host` selects an existing server instead. If there is neither, the tests
//! print that they were skipped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use camino::Utf8Path;
use letterpress::internals::config::Encryption;
use letterpress::internals::store::{PostgresAccess, Store, StoreError, open_postgres};

use super::{free_port, wait_until};

/// The user of the server when the tests run as root, because PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// A server that the tests started or that was given.
pub(crate) struct Postgres {
    /// `postgres://user@host:port`, without a database.
    base: String,
    own: Option<Own>,
}

struct Own {
    folder: tempfile::TempDir,
    data: Mutex<PathBuf>,
    port: u16,
}

impl Postgres {
    /// The server that tests share; `None` if there is none, which is printed.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let named = std::env::vars().find(|(name, _)| name == "LETTERPRESS_TEST_POSTGRES");
        let server = match named {
            Some((_, base)) => Self { base: base.trim_end_matches('/').to_owned(), own: None },
            None => Self::start()?,
        };
        let server = Arc::new(server);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A separate server that a test may stop, copy and promote.
    pub(crate) fn start() -> Option<Self> {
        let Some(tools) = tools() else {
            println!(
                "NOT RUN postgres: there is no PostgreSQL here (initdb), and LETTERPRESS_TEST_POSTGRES is not set"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg(USER).arg(folder.path()));
        }
        let port = free_port();
        let data = folder.path().join("data");
        let mut make = as_user(&tools.join("initdb"));
        run(make.args(["-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "-D"]).arg(&data));
        let base = format!("postgres://{USER}@127.0.0.1:{port}");
        let server = Self { base, own: Some(Own { folder, data: Mutex::new(data), port }) };
        server.up(&[]);
        Some(server)
    }

    fn own(&self) -> &Own {
        self.own.as_ref().unwrap()
    }

    fn data(&self) -> PathBuf {
        self.own().data.lock().unwrap().clone()
    }

    /// Starts the server on its data folder.
    pub(crate) fn up(&self, settings: &[&str]) {
        let own = self.own();
        let settings: String = settings.iter().flat_map(|setting| [" -c ", setting]).collect();
        let options = format!("-p {} -h 127.0.0.1 -k {}{settings}", own.port, own.folder.path().display());
        let log = own.folder.path().join("log");
        let mut start = as_user(&tools().unwrap().join("pg_ctl"));
        run(start.args(["-w", "-D"]).arg(self.data()).arg("-l").arg(log).args(["-o", &options, "start"]));
    }

    /// Stops it without a shutdown, like a crash.
    pub(crate) fn down(&self) {
        let mut stop = as_user(&tools().unwrap().join("pg_ctl"));
        run(stop.args(["-w", "-m", "immediate", "-D"]).arg(self.data()).arg("stop"));
    }

    /// Copies the data folder as it is now.
    pub(crate) fn back_up(&self) -> PathBuf {
        let copy = self.own().folder.path().join("copy");
        let mut backup = as_user(&tools().unwrap().join("pg_basebackup"));
        run(backup.args(["-c", "fast", "-d", &format!("{}/postgres", self.base), "-D"]).arg(&copy));
        copy
    }

    /// Starts the copied data instead, as if it had been put back.
    pub(crate) fn go_back_to(&self, copy: PathBuf) {
        self.down();
        *self.own().data.lock().unwrap() = copy;
        self.up(&[]);
    }

    /// Dumps the database at `url`.
    pub(crate) fn dump(&self, url: &str) -> PathBuf {
        let file = self.own().folder.path().join("letterpress.dump");
        let mut dump = as_user(&tools().unwrap().join("pg_dump"));
        run(dump.args(["-Fc", "-d", url, "-f"]).arg(&file));
        file
    }

    /// Restores a dump into the database at `url`, as the documentation says.
    pub(crate) fn restore(dump: &Path, url: &str) {
        let mut restore = as_user(&tools().unwrap().join("pg_restore"));
        run(restore.args(["--clean", "--if-exists", "-d", url]).arg(dump));
    }

    /// Starts the copied data as a promoted standby with its own timeline.
    pub(crate) fn fail_over_to(&self, copy: PathBuf) {
        self.down();
        let mut mark = as_user(Path::new("touch"));
        run(mark.arg(copy.join("standby.signal")));
        *self.own().data.lock().unwrap() = copy;
        self.up(&[]);
        let mut promote = as_user(&tools().unwrap().join("pg_ctl"));
        run(promote.args(["-w", "-D"]).arg(self.data()).arg("promote"));
    }

    /// The URL of a fresh, empty database.
    pub(crate) fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("letters_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        format!("{}/{name}", self.base)
    }

    /// Runs a statement as the server's owner.
    pub(crate) fn sql(&self, database: &str, sql: &str) {
        let config: tokio_postgres::Config = format!("{}/{database}", self.base).parse().unwrap();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
            });
        };
        // The caller may already be inside a runtime.
        std::thread::scope(|scope| scope.spawn(work).join().unwrap());
    }

    /// What this server of our own has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.own().folder.path().join("log")).unwrap()
    }

    /// The port of the server, for proxies.
    pub(crate) fn port(&self) -> u16 {
        self.base.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.own.is_some() {
            self.down();
        }
    }
}

/// pgBouncer in transaction mode in front of a server.
pub(crate) struct Bouncer {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Bouncer {
    /// Starts it; `None` if it is not installed, which is printed.
    pub(crate) fn start(server: &Postgres) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
            .into_iter()
            .find(|program| Path::new(program).exists());
        let Some(program) = program else {
            println!("NOT RUN pgbouncer: there is no pgBouncer here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let users = folder.path().join("users.txt");
        std::fs::write(&users, format!("\"{USER}\" \"\"\n")).unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\nserver_reset_query =\n\
             default_pool_size = 4\nquery_wait_timeout = 20\n",
            server.port(),
            users.display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-q").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            run(Command::new("chown").arg("-R").arg(USER).arg(folder.path()));
            command.args(["-u", USER]);
        }
        let process = command.spawn().unwrap();
        wait_until("pgBouncer answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Self { process, port, _folder: folder })
    }

    /// The URL of a fresh database, through pgBouncer.
    pub(crate) fn through(&self, url: &str, server: &Postgres) -> String {
        url.replace(&format!(":{}/", server.port()), &format!(":{}/", self.port))
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Opens a ledger in the database at `url`.
pub(crate) async fn open(url: &str) -> Result<Arc<Store>, StoreError> {
    let access = PostgresAccess {
        server: url.to_owned(),
        shown: url.to_owned(),
        password: None,
        encryption: Encryption::Never,
        root: None,
        window: chrono::TimeDelta::minutes(10),
        chance: unique(),
    };
    let opening = move || open_postgres(access, Utf8Path::new("there/are/no.keys"), "instance");
    tokio::task::spawn_blocking(opening).await.unwrap()
}

/// Bytes that differ for each call: the process number and a counter.
fn unique() -> [u8; 16] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    ((u128::from(process) << 96) | (u128::from(count) << 64)).to_be_bytes()
}

/// The folder of the server's programs; on Debian it is not on the PATH.
fn tools() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let path =
        std::env::vars_os().find(|(name, _)| name == "PATH").map(|(_, value)| value).unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let wanted = ["initdb", "pg_ctl", "pg_basebackup", "pg_dump", "pg_restore"];
    folders.into_iter().find(|folder| wanted.iter().all(|tool| folder.join(tool).exists()))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn as_user(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // The user may not be allowed to read the current folder.
    command.current_dir("/");
    command
}

fn run(command: &mut Command) {
    // A server that keeps running must not keep a pipe of this process open.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
