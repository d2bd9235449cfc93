//! `output.command`: a program of the user that takes the public folder to where it is served, run without a shell and with
//! limits on time and output.

use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::UploadError;
use crate::text::shell_quoted;

/// How much of each stream is kept: its end, where programs say what went wrong.
const MOST_OUTPUT: usize = 16 * 1024;
const RUN_BY_HAND: &str =
    "run it by hand in the folder of config.toml, as the same user; the next run tries again";
/// How long a process that the program leaves behind may hold its output open.
const GRACE: Duration = Duration::from_millis(500);

/// The program and how it is run.
#[derive(Debug)]
pub(crate) struct SiteCommand<'c> {
    /// The program and its arguments.
    pub(crate) command: &'c [String],
    /// Where it is run.
    pub(crate) folder: &'c Utf8Path,
    pub(crate) limit: Duration,
    /// Variables over those of this process.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl SiteCommand<'_> {
    /// Runs it; returns what it printed.
    pub(crate) async fn run(&self) -> Result<String, UploadError> {
        let Some((program, arguments)) = self.command.split_first() else { return Ok(String::new()) };
        // A bare name is looked up in PATH, a path is one of the site.
        let path =
            if program.contains('/') { self.folder.join(program).into_string() } else { program.clone() };
        let mut command = Command::new(path);
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.folder != "" {
            command.current_dir(self.folder);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let (mut out, mut err) = (Tail::of(child.stdout.take()), Tail::of(child.stderr.take()));
        let ended = tokio::time::timeout(self.limit, ended(&mut child, &mut out, &mut err)).await;
        let printed = [out.text(), err.text()].concat();
        match ended {
            Err(_) => Err(self
                .failed(&format!("did not end within {} s and was stopped", self.limit.as_secs()), &printed)),
            Ok(Err(error)) => Err(self.failed(&format!("cannot be watched: {error}"), &printed)),
            Ok(Ok(status)) if status.success() => Ok(printed),
            Ok(Ok(status)) => Err(self.failed(&format!("failed ({status})"), &printed)),
        }
    }

    fn not_started(&self, error: &std::io::Error) -> UploadError {
        let program = self.command.first().map_or("", String::as_str);
        let is_bare = !program.contains('/');
        let here = self.folder.join(program).is_file();
        let help = match error.kind() {
            ErrorKind::PermissionDenied => format!("make it executable: chmod +x {}", shell_quoted(program)),
            ErrorKind::NotFound if is_bare && here => {
                format!(
                    "a bare name is looked up in PATH; write \"./{program}\" for the file beside config.toml"
                )
            }
            ErrorKind::NotFound if is_bare => {
                "it is not in PATH; write its whole path, or \"./…\" for a file beside config.toml".to_owned()
            }
            ErrorKind::NotFound if here => {
                "the program that its first line names (#!) does not exist".to_owned()
            }
            ErrorKind::NotFound => "the path begins in the folder of config.toml".to_owned(),
            _ => RUN_BY_HAND.to_owned(),
        };
        UploadError::lasting(
            format!("the program {program:?} of output.command cannot be started: {error}"),
            help,
        )
    }

    fn failed(&self, what: &str, printed: &str) -> UploadError {
        let program = self.command.first().map_or("", String::as_str);
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(10)..];
        let last: String = last.iter().flat_map(|line| ["\n    ", line]).collect();
        UploadError::lasting(format!("the program {program:?} of output.command {what}{last}"), RUN_BY_HAND)
    }
}

async fn ended(
    child: &mut Child,
    out: &mut Tail<impl AsyncRead + Unpin>,
    err: &mut Tail<impl AsyncRead + Unpin>,
) -> std::io::Result<ExitStatus> {
    let reading = async { tokio::join!(out.read(), err.read()) };
    tokio::pin!(reading);
    let mut is_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = &mut reading, if !is_read => is_read = true,
        }
    };
    if !is_read {
        let _ = tokio::time::timeout(GRACE, reading).await;
    }
    Ok(status)
}

/// The end of what a stream says.
struct Tail<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Tail<R> {
    fn of(pipe: Option<R>) -> Self {
        Self { pipe, kept: Vec::new() }
    }

    async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            self.kept.extend(&buffer[..length]);
            let surplus = self.kept.len().saturating_sub(MOST_OUTPUT);
            self.kept.drain(..surplus);
        }
    }

    /// Without control characters, which would change the terminal.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str, limit: Duration) -> Result<String, UploadError> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let variables = vec![("LETTERPRESS_CHANGED", "list".to_owned())];
        SiteCommand { command: &command, folder: Utf8Path::new("/"), limit, variables }.run().await
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn its_output_and_its_exit_code_are_reported() {
        assert_eq!(run("echo $LETTERPRESS_CHANGED; pwd >&2", LONG).await.unwrap(), "list\n/\n");
        let error = run("echo pushing; echo 'no network' >&2; exit 7", LONG).await.unwrap_err();
        assert!(error.what.contains("failed (exit status: 7)\n    pushing\n    no network"), "{error:?}");
        assert!(error.help.contains("by hand"));
        let command = ["/there/is/no/program".to_owned()];
        let missing =
            SiteCommand { command: &command, folder: Utf8Path::new("/"), limit: LONG, variables: Vec::new() };
        assert!(missing.run().await.unwrap_err().what.contains("cannot be started"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_stopped_and_one_that_prints_much_is_clipped() {
        let begun = std::time::Instant::now();
        let error = run("echo begun; sleep 60", Duration::from_secs(3)).await.unwrap_err();
        assert!(error.what.contains("did not end") && error.what.contains("begun"), "{error:?}");
        let printed = run("head -c 1000000 /dev/zero | tr '\\0' x; echo end", LONG).await.unwrap();
        assert!(printed.len() == MOST_OUTPUT && printed.ends_with("xend\n"), "{}", printed.len());
        // A process that goes on in the background keeps the output open.
        assert_eq!(run("echo done; sleep 60 &", LONG).await.unwrap(), "done\n");
        assert!(begun.elapsed() < LONG);
    }
}
