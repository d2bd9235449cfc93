//! `token_command`: a program of the user that prints an access token. It is run without a shell, with limits on time and
//! output. Its token is never part of an error.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::{TokenError, is_token};
use crate::config::Secret;
use crate::text::clipped;

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(30);
/// More output than this is no token.
const MOST_OUTPUT: u64 = 64 * 1024;
/// How much of its standard error is kept.
const MOST_ERROR: u64 = 4 * 1024;

const HELP: &str =
    "run the program of token_command by hand, as the same user: it must print one line with an access token";

/// The program and its arguments.
#[derive(Debug)]
pub(super) struct TokenCommand {
    program: String,
    arguments: Vec<String>,
    limit: Duration,
}

impl TokenCommand {
    pub(super) fn new(command: &[String]) -> Self {
        let (program, arguments) = command
            .split_first()
            .map_or((String::new(), Vec::new()), |(first, rest)| (first.clone(), rest.to_vec()));
        Self { program, arguments, limit: LIMIT }
    }

    #[cfg(test)]
    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Runs the program and returns its token.
    pub(super) async fn run(&self) -> Result<Secret, TokenError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        match tokio::time::timeout(self.limit, outcome_of(&mut child)).await {
            Err(_) => Err(TokenError {
                is_lasting: false,
                ..self.failed(&format!("did not end within {} s", self.limit.as_secs()))
            }),
            Ok(Err(error)) => Err(self.failed(&format!("cannot be read: {error}"))),
            Ok(Ok((status, printed, complaint))) => self.token_in(status, &printed, &complaint),
        }
    }

    fn token_in(&self, status: ExitStatus, printed: &[u8], complaint: &[u8]) -> Result<Secret, TokenError> {
        if !status.success() {
            let complaint = clipped(String::from_utf8_lossy(complaint).trim());
            let said = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
            return Err(self.failed(&format!("failed ({status}){said}")));
        }
        let text = str::from_utf8(printed).unwrap_or_default().trim();
        let what = match text.lines().count() {
            0 if printed.trim_ascii().is_empty() => "printed nothing",
            0 | 1 if printed.len() as u64 > MOST_OUTPUT || !is_token(text) => {
                "printed something that is not a token"
            }
            1 => return Secret::new(text, "token_command").map_err(|error| self.failed(&error.to_string())),
            _ => "printed more than one line",
        };
        Err(self.failed(what))
    }

    fn failed(&self, what: &str) -> TokenError {
        TokenError::lasting(format!("the token_command {:?} {what}", self.program), HELP)
    }
}

async fn outcome_of(child: &mut Child) -> std::io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (printed, complaint) = tokio::try_join!(beginning(out, MOST_OUTPUT + 1), beginning(err, MOST_ERROR))?;
    Ok((child.wait().await?, printed, complaint))
}

/// The first bytes of a pipe. The rest is read too, so that the program can end.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(most).read_to_end(&mut first).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> TokenCommand {
        TokenCommand::new(&["/bin/sh", "-c", script].map(str::to_owned)).within(Duration::from_secs(2))
    }

    async fn error_of(script: &str) -> TokenError {
        shell(script).run().await.unwrap_err()
    }

    #[tokio::test]
    async fn the_one_line_that_is_printed_is_the_token() {
        for script in ["printf eyJ0.x-y_z", "echo eyJ0.x-y_z; echo noise >&2", "printf ' eyJ0.x-y_z\\r\\n'"] {
            assert_eq!(shell(script).run().await.unwrap().expose(), "eyJ0.x-y_z", "{script}");
        }
    }

    #[tokio::test]
    async fn a_program_that_prints_no_token_is_explained_without_its_output() {
        for (script, words) in [
            ("exit 3", "failed (exit status: 3)"),
            ("echo leaked; echo no network >&2; exit 1", "exit status: 1): no network"),
            ("true", "printed nothing"),
            ("echo leaked; echo leaked", "more than one line"),
            ("echo leaked leaked", "not a token"),
            ("printf 'leaked\\001'", "not a token"),
            ("printf '\\377leaked'", "not a token"),
            ("head -c 70000 /dev/zero | tr '\\0' x", "not a token"),
        ] {
            let error = error_of(script).await;
            assert!(error.what.contains(words) && error.is_lasting, "{script}: {error}");
            assert!(!error.what.contains("leaked") && error.help.contains("by hand"), "{error}");
        }
        let error = TokenCommand::new(&["/there/is/no/program".to_owned()]).run().await.unwrap_err();
        assert!(error.what.contains("cannot be started"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let begun = std::time::Instant::now();
        let command = shell("sleep 60").within(Duration::from_millis(200));
        let error = command.run().await.unwrap_err();
        assert!(error.what.contains("did not end") && !error.is_lasting, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn the_error_output_is_read_to_its_end_and_clipped() {
        let error = error_of("head -c 1000000 /dev/zero | tr '\\0' e >&2; exit 1").await;
        assert!(error.what.len() < 400, "{error}");
    }
}
