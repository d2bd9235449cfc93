//! BIND on a loopback port: zones of a test, and delegations that lead nowhere. It resolves for the test, as the resolver
//! of a machine does, and asks nobody outside of loopback: it is the root of its own tree.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use letterpress::internals::doctor::dns::{Dns as _, Resolver};

use super::super::support::free_port;

/// A running server; it ends with the value.
pub(crate) struct Bind {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

/// A zone: its name and the lines of its file. Without lines, the file is missing and the zone fails.
pub(crate) struct ZoneFile {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
}

impl Bind {
    /// Starts BIND with these zones below `example`, if it is installed.
    pub(crate) async fn start(zones: &[ZoneFile]) -> Option<Self> {
        let Some(program) = program() else {
            println!("NOT RUN bind: there is no BIND here (named)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut config = options(folder.path(), address);
        let mut root = vec!["@ NS ns.".to_owned(), "ns. A 127.0.0.1".to_owned()];
        // Nobody answers at that address.
        root.extend(
            ["dead.example. NS ns.dead.example.", "ns.dead.example. A 127.255.255.254"].map(str::to_owned),
        );
        for (number, zone) in zones.iter().enumerate() {
            root.push(format!("{}. NS ns.", zone.name));
            let file = format!("{number}.zone");
            writeln!(config, "zone \"{}\" {{ type primary; file \"{file}\"; }};", zone.name).unwrap();
            if !zone.lines.is_empty() {
                write_zone(&folder.path().join(file), &["@ NS ns.".to_owned()], &zone.lines);
            }
        }
        write_zone(&folder.path().join("root.zone"), &root, &[]);
        let file = folder.path().join("named.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("-g").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let bind = Self { child: command.spawn().unwrap(), address, folder };
        bind.wait().await;
        Some(bind)
    }

    /// A resolver that asks it.
    pub(crate) fn resolver(&self) -> Resolver {
        Resolver::new(Some(self.address)).unwrap()
    }

    async fn wait(&self) {
        let started = Instant::now();
        while self.resolver().txt("ready.").await.is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(started.elapsed() < Duration::from_secs(120), "BIND does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/named", "/usr/local/sbin/named", "/usr/bin/named"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

fn options(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "options {{ directory \"{folder}\"; pid-file none; session-keyfile none; listen-on port {} {{ 127.0.0.1; }}; \
         listen-on-v6 {{ none; }}; query-source address 127.0.0.1; recursion yes; allow-recursion {{ any; }}; \
         dnssec-validation no; empty-zones-enable no; notify no; check-integrity no; check-names primary ignore; }};\n\
         controls {{ }};\n\
         zone \".\" {{ type primary; file \"root.zone\"; }};\n",
        address.port()
    )
}

fn write_zone(file: &Path, first: &[String], lines: &[String]) {
    let begin = "$TTL 60\n@ SOA ns. root. 1 3600 600 86400 60\nready. TXT \"yes\"\n";
    // Only the root has it.
    let begin = if file.ends_with("root.zone") { begin } else { begin.rsplit_once("ready").unwrap().0 };
    std::fs::write(file, format!("{begin}{}\n{}\n", first.join("\n"), lines.join("\n"))).unwrap();
}
