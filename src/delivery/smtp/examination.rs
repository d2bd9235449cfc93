//! A session without a message: what a relay offers, and whether it takes our envelope sender. For `letterpress doctor`.
//!
//! It ends before RCPT, so the relay has nothing to deliver.

use chrono::{DateTime, Utc};

use super::capabilities::Capabilities;
use super::command::CommandBatch;
use super::line_stream::{LineStream, within};
use super::{SmtpTransport, session};
use crate::address::EmailAddress;
use crate::delivery::{Envelope, Phase, SmtpOutcome};

/// What a relay answered.
#[derive(Debug)]
pub struct Examination {
    /// What it offers after TLS and before the login.
    pub offered: Capabilities,
    /// When its certificate expires; `None` without TLS.
    pub certificate_end: Option<DateTime<Utc>>,
    /// Its answer to MAIL FROM; `None` if there was no address to try.
    pub mail: Option<SmtpOutcome>,
}

impl SmtpTransport {
    /// Opens a session, logs in, and tries `from` as the envelope sender of a message of `size` bytes. The message is not
    /// sent.
    pub async fn examine(
        &self,
        from: Option<&EmailAddress>,
        size: usize,
    ) -> Result<Examination, SmtpOutcome> {
        let (mut stream, offered) = session::open(self).await?;
        let mail = match from {
            Some(from) => {
                // The limit has a check of its own.
                let size = offered.size.filter(|limit| *limit > 0).map_or(size, |limit| size.min(limit));
                let envelope = Envelope { from: from.clone(), to: from.clone(), size };
                Some(self.try_envelope(&mut stream, &envelope, &offered).await)
            }
            None => None,
        };
        // Its answers change nothing.
        for command in [&b"RSET\r\n"[..], b"QUIT\r\n"] {
            let limit = self.deadlines.command.duration();
            let _ = within(limit, async {
                stream.command(command).await;
                stream.reply().await
            })
            .await;
        }
        let certificate_end = stream.certificate_end;
        stream.close().await;
        Ok(Examination { offered, certificate_end, mail })
    }

    async fn try_envelope(
        &self,
        stream: &mut LineStream,
        envelope: &Envelope,
        offered: &Capabilities,
    ) -> SmtpOutcome {
        let mut line = Vec::new();
        match CommandBatch::check(envelope, offered) {
            Ok(commands) => commands.mail(&mut line),
            Err(refusal) => return refusal,
        }
        let result = within(self.deadlines.command.duration(), async {
            if let Some(unexpected) = stream.unexpected_reply().await {
                return unexpected;
            }
            stream.command(&line).await;
            stream.reply().await
        })
        .await;
        SmtpOutcome { phase: Phase::Mail, result }
    }
}
