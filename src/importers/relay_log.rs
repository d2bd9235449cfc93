//! Reads which messages a relay accepted from its own log: Postfix's syslog lines, and plain lists of Message-IDs.
//!
//! Pure: lines in, Message-IDs out. Only acceptance is read; a message that is missing from a log proves nothing.

use std::collections::HashMap;

use memchr::memmem;

/// Reads a Postfix log line by line.
///
/// `cleanup` logs the Message-ID as soon as it has seen the header, *before* the final dot, so it also logs it for
/// a message whose sender hung up. The message is in the queue, and Postfix is responsible for it, only when the
/// queue manager logs the same queue id (`from=<…>`).
#[derive(Debug, Default)]
pub struct PostfixLog {
    /// The last Message-ID of each queue id. The key includes the host and the instance, for logs of several.
    open: HashMap<Vec<u8>, String>,
}

impl PostfixLog {
    /// The Message-ID that this line proves to be accepted. Only those that are `wanted` are remembered.
    pub fn line(&mut self, line: &[u8], wanted: impl Fn(&str) -> bool) -> Option<String> {
        let (process, text) = split(line)?;
        let (queue, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b':')?)?;
        let rest = rest.strip_prefix(b": ")?;
        if queue.is_empty() || !queue.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (instance, daemon) = process.split_at_checked(process.iter().rposition(|byte| *byte == b'/')?)?;
        let name = [instance, b"/", queue].concat();
        match daemon {
            b"/cleanup" => {
                let message_id = rest.strip_prefix(b"message-id=")?;
                let message_id = within_brackets(message_id).filter(|id| wanted(id));
                // A queue id was reused; its earlier message is finished.
                match message_id {
                    Some(id) => self.open.insert(name, id.to_owned()),
                    None => self.open.remove(&name),
                };
                None
            }
            b"/qmgr" | b"/oqmgr" | b"/nqmgr" if rest.starts_with(b"from=<") => self.open.remove(&name),
            _ => None,
        }
    }
}

/// Splits `Nov 23 10:00:00 host postfix/cleanup[123]: text`, also with a time in the form of RFC 3339, into the
/// host with the process, and the text.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memmem::find(line, b"]: ")?;
    let text = &line[end + 3..];
    let head = &line[..end];
    let process = &head[..head.iter().rposition(|byte| *byte == b'[')?];
    // The host is the word before the process.
    let start = process
        .iter()
        .rposition(|byte| *byte == b' ')
        .and_then(|space| process[..space].iter().rposition(|byte| *byte == b' ').map(|space| space + 1));
    Some((&process[start.unwrap_or(0)..], text))
}

fn within_brackets(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?.trim();
    text.strip_prefix('<')?.strip_suffix('>').filter(|id| !id.is_empty())
}

/// The words of a line that may be Message-IDs, without brackets and quotes. The list may have one id on each line,
/// or be a table with a column of ids.
pub fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ",;\"'<>|".contains(c)).filter(|word| word.contains('@'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = include_str!("../../tests/data/relay/postfix.log");

    fn proven(log: &str) -> Vec<String> {
        let mut parser = PostfixLog::default();
        log.lines().filter_map(|line| parser.line(line.as_bytes(), |_| true)).collect()
    }

    #[test]
    fn a_logged_message_whose_sender_hung_up_before_the_dot_is_not_accepted() {
        assert!(LOG.contains("message-id=<nodot@letterpress.test>"));
        assert_eq!(proven(LOG), ["taken@letterpress.test", "two@letterpress.test"]);
    }

    #[test]
    fn a_reused_queue_id_does_not_prove_its_earlier_message() {
        let log = "\
            Nov 24 00:09:40 mail postfix/cleanup[1]: A1: message-id=<lost@example.com>\n\
            Nov 24 00:09:41 mail postfix/cleanup[1]: A1: message-id=<>\n\
            Nov 24 00:09:41 mail postfix/qmgr[1]: A1: from=<a@example.com>, size=1, nrcpt=1 (queue active)\n";
        assert!(proven(log).is_empty());
    }

    #[test]
    fn the_same_queue_id_on_another_host_or_instance_is_another_message() {
        for elsewhere in ["other postfix/qmgr", "mail postfix-out/qmgr"] {
            let log = format!(
                "2026-11-24T00:09:40.1+09:00 mail postfix/cleanup[1]: A1: message-id=<x@example.com>\n\
                 2026-11-24T00:09:40.2+09:00 {elsewhere}[1]: A1: from=<a@example.com>, size=1, nrcpt=1 (queue active)\n\
                 2026-11-24T00:09:40.3+09:00 mail postfix/qmgr[1]: A1: from=<a@example.com>, size=1, nrcpt=1 (queue active)\n"
            );
            let mut parser = PostfixLog::default();
            let lines: Vec<_> = log.lines().map(|line| parser.line(line.as_bytes(), |_| true)).collect();
            assert_eq!(lines, [None, None, Some("x@example.com".to_owned())], "{elsewhere}");
        }
    }

    #[test]
    fn text_in_other_log_lines_is_not_taken_for_the_queue_manager() {
        let log = "\
            Nov 24 00:09:40 mail postfix/cleanup[1]: A1: message-id=<x@example.com>\n\
            Nov 24 00:09:41 mail postfix/smtpd[1]: A1: client=postfix/qmgr[1]: A1: from=<a@example.com>\n";
        assert!(proven(log).is_empty());
    }

    #[test]
    fn a_list_may_have_brackets_and_columns() {
        let ids = |line| named(line).collect::<Vec<_>>();
        assert_eq!(ids("<a@example.com>"), ["a@example.com"]);
        assert_eq!(ids("a@example.com"), ["a@example.com"]);
        assert_eq!(ids("2026-11-23,\"<a@example.com>\",delivered"), ["a@example.com"]);
        assert!(ids("message_id").is_empty());
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in any::<Vec<u8>>(), log in "[a-z0-9 /:<>=\\[\\]]{0,60}") {
            let mut parser = PostfixLog::default();
            let _ = parser.line(&line, |_| true);
            let _ = parser.line(log.as_bytes(), |_| true);
        }
    }
}
