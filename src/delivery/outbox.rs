//! The outbox folder as a transport: each message becomes an `.eml` file that a mail program can open.
//!
//! For trials and for relays that read files. The steps and the guarantee are those of SMTP: before the final dot the
//! message is a temporary file, and "sent" means that the file is on the disk under its name. Nothing is overwritten.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use super::smtp::check_message;
use super::{Connection, Envelope, Phase, Reply, SmtpOutcome, Transport, TransportError};
use crate::durable::{self, Mode, Partial, Staged};
use crate::text::floor_char_boundary;

/// Common file systems limit names to 255 bytes; this leaves room for `-2.eml`.
const LONGEST_NAME: usize = 230;

/// The reply code for success, as an SMTP server would send it.
const DONE: u16 = 250;

/// A folder that messages are written to.
#[derive(Debug, Clone)]
pub struct OutboxTransport {
    folder: Utf8PathBuf,
}

impl OutboxTransport {
    /// Messages go to `directory/label`, one folder for each issue. The folder is created with the first connection.
    pub fn new(mut directory: Utf8PathBuf, label: &str) -> Self {
        directory.push(file_name(label));
        Self { folder: directory }
    }
}

#[async_trait]
impl Transport for OutboxTransport {
    async fn connect(&self) -> Result<Box<dyn Connection>, SmtpOutcome> {
        let folder = self.folder.clone();
        on_disk(Phase::Connect, move || fs::create_dir_all(&folder).map_err(named(&folder))).await?;
        Ok(Box::new(OutboxConnection { folder: self.folder.clone(), stage: Stage::Idle }))
    }

    fn max_connections(&self) -> usize {
        4
    }

    fn name(&self) -> String {
        format!("{}/", self.folder)
    }
}

struct OutboxConnection {
    folder: Utf8PathBuf,
    stage: Stage,
}

/// How far the current message has got.
enum Stage {
    Idle,
    Offered { name: String },
    Written { name: String, file: Partial },
}

#[async_trait]
impl Connection for OutboxConnection {
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome> {
        self.stage = Stage::Offered { name: file_name(envelope.to.normalised()) };
        Ok(())
    }

    async fn body(&mut self, message: &[u8]) -> Result<(), SmtpOutcome> {
        let Stage::Offered { name } = std::mem::replace(&mut self.stage, Stage::Idle) else {
            return Err(out_of_order(Phase::Body));
        };
        check_message(message).map_err(|what| SmtpOutcome { phase: Phase::Body, result: Err(what) })?;
        let (folder, message) = (self.folder.clone(), message.to_vec());
        let file = on_disk(Phase::Body, move || {
            let mut file = Partial::new_in(&folder, Mode::Private).map_err(named(&folder))?;
            file.file().write_all(&message).map_err(named(&folder))?;
            Ok(file)
        })
        .await?;
        self.stage = Stage::Written { name, file };
        Ok(())
    }

    async fn final_dot(&mut self, _next: Option<&Envelope>) -> SmtpOutcome {
        let Stage::Written { name, file } = std::mem::replace(&mut self.stage, Stage::Idle) else {
            return out_of_order(Phase::Body);
        };
        let folder = self.folder.clone();
        // Until the file has its name, the message is definitely not saved; the phase reflects that.
        let saved = on_disk(Phase::Body, move || keep(file.sync().map_err(named(&folder))?, &folder, &name));
        let path = match saved.await {
            Ok(path) => path,
            Err(outcome) => return outcome,
        };
        let folder = self.folder.clone();
        match on_disk(Phase::Dot, move || durable::sync_folder(&folder).map_err(named(&folder))).await {
            Ok(()) => SmtpOutcome {
                phase: Phase::Dot,
                result: Ok(Reply { code: DONE, text: format!("saved as {path}") }),
            },
            Err(outcome) => outcome,
        }
    }

    fn is_usable(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    async fn quit(self: Box<Self>) {}
}

/// Gives the file its final name, or finds that the same message was saved before a crash.
fn keep(mut file: Staged, folder: &Utf8Path, name: &str) -> io::Result<Utf8PathBuf> {
    for number in 1_u32.. {
        let path = if number == 1 {
            folder.join(format!("{name}.eml"))
        } else {
            folder.join(format!("{name}-{number}.eml"))
        };
        match file.rename_new(&path) {
            Ok(()) => return Ok(path),
            Err((error, staged)) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read(&path).map_err(named(&path))? == fs::read(staged.path()).map_err(named(folder))? {
                    return Ok(path);
                }
                file = staged;
            }
            Err((error, _)) => return Err(named(&path)(error)),
        }
    }
    Err(io::Error::other(format!("{folder}: too many emails named {name}")))
}

/// Runs blocking work off the async runtime.
async fn on_disk<T: Send + 'static>(
    phase: Phase,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SmtpOutcome> {
    let ended = match tokio::task::spawn_blocking(work).await {
        Ok(ended) => ended,
        Err(ended) => Err(io::Error::other(ended)),
    };
    ended.map_err(|error| SmtpOutcome { phase, result: Err(TransportError::Io(error.to_string())) })
}

/// Prefixes a system error with the path.
fn named(path: &Utf8Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn out_of_order(phase: Phase) -> SmtpOutcome {
    SmtpOutcome {
        phase,
        result: Err(TransportError::Io("the steps of a delivery are out of order".to_owned())),
    }
}

/// A name that is safe in every file system: keeps letters and digits of any script, escapes most other characters as
/// `%2F`.
fn file_name(raw: &str) -> String {
    let mut name = String::new();
    for (place, c) in raw.char_indices() {
        if c.is_alphanumeric() || matches!(c, '_' | '@' | '+' | '=') || (matches!(c, '-' | '.') && place > 0)
        {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                push_hex(&mut name, "%", byte);
            }
        }
    }
    if name.len() > LONGEST_NAME {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, raw.as_bytes());
        name.truncate(floor_char_boundary(&name, LONGEST_NAME - 17));
        name.push('~');
        digest.as_ref()[..8].iter().for_each(|byte| push_hex(&mut name, "", *byte));
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

fn push_hex(name: &mut String, mark: &str, byte: u8) {
    // Writing to a `String` cannot fail.
    let _ = write!(name, "{mark}{byte:02X}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::EmailAddress;
    use crate::delivery::verdict::{Verdict, classify};

    const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.a\r\n";

    fn envelope(to: &str) -> Envelope {
        let address = |raw| EmailAddress::parse(raw).unwrap();
        Envelope { from: address("b@news.example"), to: address(to), size: MESSAGE.len() }
    }

    fn outbox() -> (tempfile::TempDir, OutboxTransport) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, OutboxTransport::new(path, "2026/42호"))
    }

    async fn send(transport: &OutboxTransport, to: &str, message: &[u8]) -> SmtpOutcome {
        let mut connection = transport.connect().await.ok().unwrap();
        connection.offer(&envelope(to)).await.unwrap();
        match connection.body(message).await {
            Ok(()) => connection.final_dot(None).await,
            Err(outcome) => outcome,
        }
    }

    fn files(transport: &OutboxTransport) -> Vec<String> {
        let entries = fs::read_dir(&transport.folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_message_gets_its_file_name_only_with_the_final_dot() {
        let (_guard, transport) = outbox();
        let mut connection = transport.connect().await.ok().unwrap();
        connection.offer(&envelope("kim@example.com")).await.unwrap();
        connection.body(MESSAGE).await.unwrap();
        assert!(files(&transport).iter().all(|name| name.starts_with(".partial-")));
        assert_eq!(classify(&connection.final_dot(None).await), Verdict::Sent);
        assert_eq!(files(&transport), ["kim@example.com.eml"]);
        assert_eq!(fs::read(transport.folder.join("kim@example.com.eml")).unwrap(), MESSAGE);
        assert!(transport.folder.ends_with("2026%2F42호"), "{}", transport.folder);
    }

    #[tokio::test]
    async fn the_same_message_is_saved_once_and_another_one_gets_its_own_file() {
        let (_guard, transport) = outbox();
        for message in [MESSAGE, MESSAGE, b"other\r\n", b"other\r\n"] {
            assert_eq!(classify(&send(&transport, "kim@example.com", message).await), Verdict::Sent);
        }
        assert_eq!(files(&transport), ["kim@example.com-2.eml", "kim@example.com.eml"]);
    }

    #[tokio::test]
    async fn a_message_abandoned_before_its_final_dot_leaves_no_file() {
        let (_guard, transport) = outbox();
        let mut connection = transport.connect().await.ok().unwrap();
        connection.offer(&envelope("kim@example.com")).await.unwrap();
        connection.body(MESSAGE).await.unwrap();
        drop(connection);
        assert!(files(&transport).is_empty());
    }

    #[tokio::test]
    async fn a_deleted_folder_is_a_definite_failure_before_the_final_dot() {
        let (_guard, transport) = outbox();
        let mut connection = transport.connect().await.ok().unwrap();
        connection.offer(&envelope("kim@example.com")).await.unwrap();
        connection.body(MESSAGE).await.unwrap();
        fs::remove_dir_all(&transport.folder).unwrap();
        let outcome = connection.final_dot(None).await;
        assert_eq!(
            (outcome.phase, classify(&outcome)),
            (Phase::Body, Verdict::Deferred { policy: false }),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn a_message_that_no_server_would_accept_is_not_saved() {
        let (_guard, transport) = outbox();
        let outcome = send(&transport, "kim@example.com", b"a\nb\r\n").await;
        assert!(matches!(outcome.result, Err(TransportError::Unsendable(_))), "{outcome:?}");
        assert!(files(&transport).is_empty());
    }

    proptest! {
        #[test]
        fn a_file_name_stays_in_its_folder_and_within_its_length(raw in any::<String>()) {
            let name = file_name(&raw);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with(['.', '-']));
            prop_assert!(!name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|', '\0', ' ']), "{}", name);
        }
    }
}
