//! A site in a temporary folder and the real program that runs in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The time of most runs: one hour after the newest post.
pub(crate) const NOW: &str = "2026-11-20T10:00:00Z";

/// A site with one Korean post, subscribers, and a relay on the loopback interface.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

/// The result of a finished run.
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output, then standard error.
    pub(crate) output: String,
}

impl Site {
    /// A site with `subscribers` subscribers, `reader0@example.org` and so on, and `connections` to the relay at
    /// `port`.
    pub(crate) fn new(port: u16, subscribers: usize, connections: usize) -> Self {
        let site = Self::unopened(port, subscribers, connections);
        assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
        site
    }

    /// The same with additional configuration, which applies before the subscribers are imported.
    pub(crate) fn with(port: u16, subscribers: usize, connections: usize, more: &str) -> Self {
        let site = Self::unopened(port, subscribers, connections);
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &format!("{config}{more}"));
        assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
        site
    }

    /// The same before the first run: without ledger and keys; the subscribers are only in `readers.csv`.
    pub(crate) fn unopened(port: u16, subscribers: usize, connections: usize) -> Self {
        Self::inside(&std::env::temp_dir(), port, subscribers, connections)
    }

    /// The same in a temporary folder below `parent`.
    pub(crate) fn inside(parent: &Path, port: u16, subscribers: usize, connections: usize) -> Self {
        let site = Self { folder: tempfile::tempdir_in(parent).unwrap() };
        site.relay(port, connections, "");
        let post = "+++\ntitle = \"천천히 오는 편지\"\ndate = 2026-11-20T09:00:00Z\nslug = \"slow\"\n+++\n\n**편지**는 천천히 온다.\n";
        site.write("posts/slow.md", post);
        let rows: Vec<String> =
            (0..subscribers).map(|number| format!("reader{number}@example.org,독자 {number}")).collect();
        site.write("readers.csv", &format!("email,name\n{}\n", rows.join("\n")));
        site
    }

    /// Writes the configuration with a relay on the loopback interface and additional lines below `[newsletter]`.
    pub(crate) fn relay(&self, port: u16, connections: usize, newsletter: &str) {
        // The first run that sees a post mails it, unless the test is about the delay.
        let delay = if newsletter.contains("delay") { "" } else { "delay = \"0s\"\n" };
        let config = format!(
            "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
             [newsletter]\nfrom = \"느린 편지 <news@letters.example>\"\nfirst_run = \"newest\"\nunsubscribe_by_hand = true\n{delay}{newsletter}\
             [smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nconnections = {connections}\n\
             deadlines = {{ connect = \"60s\", command = \"60s\", data = \"60s\", dot = \"60s\" }}\n"
        );
        self.write("config.toml", &config);
    }

    /// Waits only a second for the reply to a final dot. For relays that give none: on a busy machine, others may need longer.
    pub(crate) fn be_impatient(&self) {
        let config = std::fs::read_to_string(self.path("config.toml")).unwrap();
        self.write("config.toml", &config.replace("dot = \"60s\"", "dot = \"1s\""));
    }

    /// A path in the site's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the site's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs the program at [`NOW`].
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_at(NOW, arguments)
    }

    /// Runs the program at another time.
    pub(crate) fn run_at(&self, now: &str, arguments: &[&str]) -> Ended {
        let output = self.command(Some(now), arguments).output().unwrap();
        Ended::from(output)
    }

    /// Starts the program with the system clock and does not wait for it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(None, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs the program with the system clock.
    pub(crate) fn run_now(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(None, arguments).output().unwrap())
    }

    /// Runs the program at [`NOW`] with `input` on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command(Some(NOW), arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // This fails with a broken pipe if the program does not read all of its input.
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ended::from(child.wait_with_output().unwrap())
    }

    /// The delivery counts of the newest issue, by state.
    pub(crate) fn counts(&self) -> Value {
        let status = self.run(&["status", "--json"]);
        let status: Value =
            serde_json::from_str(status.output.trim()).unwrap_or_else(|_| panic!("{}", status.output));
        status["issues"][0]["counts"].clone()
    }

    /// The addresses whose deliveries of the newest issue are in `state`.
    pub(crate) fn in_state(&self, state: &str) -> Vec<String> {
        let rows = self.run(&["status", "--json", "recipients"]);
        let rows: Vec<Value> =
            serde_json::from_str(rows.output.trim()).unwrap_or_else(|_| panic!("{}", rows.output));
        let fits = rows.into_iter().filter(|row| row["state"] == state);
        fits.map(|row| row["address"].as_str().unwrap().to_owned()).collect()
    }

    /// The program in this folder; its environment has only the time.
    pub(crate) fn command(&self, now: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_letterpress")));
        command.current_dir(self.folder.path()).args(arguments).env_clear();
        if let Some(now) = now {
            command.env("LETTERPRESS_FROZEN_AT", now);
        }
        command
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = [output.stdout, output.stderr].concat();
        let code = output.status.code().unwrap_or(-1);
        Self { code, output: String::from_utf8(text).unwrap() }
    }
}
