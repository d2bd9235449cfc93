//! `letterpress readers` with standard input, and what it leaves behind.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::site::{PROGRAM, Site};

#[test]
fn a_log_from_standard_input_is_counted_and_no_address_or_agent_of_it_is_kept() {
    let site = Site::new();
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let host =
        config.lines().find_map(|line| line.strip_prefix("url = \"https://")?.split(['/', '"']).next());
    let lines: Vec<String> = (0..200)
        .map(|client| {
            format!(
                "{}:443 192.0.2.{client} - kim [22/Nov/2026:03:00:00 +0000] \"GET /rss.xml HTTP/1.1\" 200 9 \"-\" \"secret-reader/{client}\"\n",
                host.unwrap()
            )
        })
        .collect();
    for _ in 0..2 {
        let mut command = site.command();
        command.args(["readers", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().unwrap_or_else(|error| panic!("{PROGRAM}: {error}"));
        running.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed["latest"]["readers"], 200, "{printed}");
    }
    for file in ["letterpress.db", "letterpress.db-wal"] {
        let Ok(bytes) = fs::read(site.path(file)) else { continue };
        for secret in ["192.0.2.", "secret-reader"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} in {file}");
        }
    }
}
