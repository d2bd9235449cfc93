//! A line of an access log as a request: the common and combined formats of nginx and Apache, the JSON of Caddy, and the
//! tables of `CloudFront`.
//!
//! Pure. What is not needed is not read, and the time only of requests that count: a log has far more other lines.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDateTime, Utc};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'l> {
    /// As it is written; see [`Request::moment`].
    time: Cow<'l, str>,
    /// The address of the client.
    pub client: Cow<'l, str>,
    /// The method; empty if the request is none of HTTP.
    pub method: Cow<'l, str>,
    /// The host that the client asked for, if the log has it.
    pub host: Option<Cow<'l, str>>,
    /// The path with its query, as it was sent.
    pub target: Cow<'l, str>,
    /// The status of the reply.
    pub status: u16,
    /// The size of the reply.
    pub bytes: u64,
    /// The User-Agent; empty if the log has none.
    pub agent: Cow<'l, str>,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub enum LogLine<'l> {
    /// A request.
    Request(Request<'l>),
    /// An empty line, a comment, or the heading of a table.
    Empty,
    /// Anything else.
    Unknown,
}

/// Reads the lines of one file, in order.
#[derive(Debug, Default)]
pub struct LogParser {
    /// The columns of a table, as its heading names them.
    columns: Vec<String>,
}

impl LogParser {
    /// Reads a line without its end.
    pub fn line<'l>(&mut self, line: &'l str) -> LogLine<'l> {
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(fields) = comment.strip_prefix("Fields:") {
                self.columns = fields.split_whitespace().map(str::to_owned).collect();
            }
            return LogLine::Empty;
        }
        if line.trim().is_empty() {
            return LogLine::Empty;
        }
        let request = if line.starts_with('{') {
            caddy(line)
        } else if !self.columns.is_empty() && line.contains('\t') {
            self.table_row(line)
        } else {
            combined(line)
        };
        request.map_or(LogLine::Unknown, LogLine::Request)
    }

    fn table_row<'l>(&self, line: &'l str) -> Option<Request<'l>> {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name: &str| {
            let at = self.columns.iter().position(|column| column == name)?;
            cells.get(at).copied().filter(|cell| *cell != "-")
        };
        Some(Request {
            time: format!("{}T{}Z", cell("date")?, cell("time")?).into(),
            client: cell("c-ip")?.into(),
            method: cell("cs-method")?.into(),
            host: cell("x-host-header").map(Cow::Borrowed),
            target: cell("cs-uri-stem")?.into(),
            // A client that left before the reply has the status 000.
            status: cell("sc-status")?.parse().ok()?,
            bytes: cell("sc-bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0),
            agent: twice_decoded(cell("cs(User-Agent)").unwrap_or_default()),
        })
    }
}

/// `CloudFront` encodes spaces in a User-Agent, in older logs twice.
fn twice_decoded(agent: &str) -> Cow<'_, str> {
    let once = percent_decode_str(agent).decode_utf8_lossy();
    if once.contains("%20") {
        percent_decode_str(&once).decode_utf8_lossy().into_owned().into()
    } else {
        once
    }
}

/// `192.0.2.1 - - [23/Nov/2026:09:00:00 +0900] "GET /rss.xml HTTP/1.1" 200 512 "-" "Feedly/1.0"`, without the last two
/// in the common format, and with `example.com:443 ` before it in a log of several hosts.
fn combined(line: &str) -> Option<Request<'_>> {
    let (head, rest) = line.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let status = words.next()?.parse().ok()?;
    let bytes = words.next().and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let referrer = words.next().and_then(|rest| quoted(rest.strip_prefix('"')?));
    let agent = referrer.and_then(|(_, rest)| quoted(rest.trim_start().strip_prefix('"')?));
    let mut head = head.split(' ');
    let (first, second) = (head.next()?, head.next());
    let of_host =
        second.filter(|second| second.parse::<IpAddr>().is_ok() && first.parse::<IpAddr>().is_err());
    let (method, target) = request.split_once(' ').unwrap_or_default();
    Some(Request {
        time: time.into(),
        client: of_host.unwrap_or(first).into(),
        method: method.into(),
        host: of_host.map(|_| first.into()),
        target: target.split(' ').next().unwrap_or_default().into(),
        status,
        bytes,
        agent: agent.map_or("", |(agent, _)| agent).into(),
    })
}

/// The text before the next quotation mark that has no backslash before it, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// What is read of a line of Caddy.
#[derive(Deserialize)]
struct CaddyLine<'l> {
    #[serde(borrow)]
    ts: &'l RawValue,
    request: CaddyRequest,
    status: u16,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct CaddyRequest {
    /// The client behind trusted proxies, since Caddy 2.7.
    client_ip: Option<String>,
    remote_ip: Option<String>,
    /// With the port, before Caddy 2.5.
    remote_addr: Option<String>,
    method: String,
    host: String,
    uri: String,
    #[serde(default)]
    headers: CaddyHeaders,
}

#[derive(Deserialize, Default)]
struct CaddyHeaders {
    #[serde(rename = "User-Agent", default)]
    agent: Vec<String>,
}

fn caddy(line: &str) -> Option<Request<'_>> {
    let CaddyLine { ts, request, status, size } = serde_json::from_str(line).ok()?;
    let without_port = |address: String| address.rsplit_once(':').map(|(address, _)| address.to_owned());
    let client = request.client_ip.or(request.remote_ip).or(request.remote_addr.and_then(without_port))?;
    Some(Request {
        time: ts.get().trim_matches('"').into(),
        client: client.into(),
        method: request.method.into(),
        host: Some(request.host.into()),
        target: request.uri.into(),
        status,
        bytes: size,
        agent: request.headers.agent.into_iter().next().unwrap_or_default().into(),
    })
}

impl Request<'_> {
    /// When it was, if the time is written in one of the forms of these logs.
    pub fn moment(&self) -> Option<DateTime<Utc>> {
        let time = &*self.time;
        let with_zone = ["%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
        let stated = with_zone.into_iter().find_map(|form| DateTime::parse_from_str(time, form).ok());
        if let Some(stated) = stated {
            return Some(stated.to_utc());
        }
        if let Ok(wall) = NaiveDateTime::parse_from_str(time, "%Y/%m/%d %H:%M:%S%.f") {
            return Some(wall.and_utc());
        }
        // Caddy's seconds since 1970.
        let (seconds, _) = time.split_once('.').unwrap_or((time, ""));
        DateTime::from_timestamp(seconds.parse().ok()?, 0)
    }
}

/// The host and the decoded path of a target, without its query.
pub(super) fn address(target: &str) -> (Option<&str>, Cow<'_, str>) {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let absolute = target.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let (host, path) = match absolute {
        Some((_, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(host), path)
        }
        None => (None, target),
    };
    (host, percent_decode_str(path).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(line: &str) -> Request<'_> {
        match LogParser::default().line(line) {
            LogLine::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn moment(request: &Request<'_>) -> String {
        request.moment().unwrap().format("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    #[test]
    fn the_combined_format_of_nginx_and_apache_is_read() {
        let line = r#"192.0.2.1 - kim [23/Nov/2026:09:00:01 +0900] "GET /rss.xml?x=1 HTTP/1.1" 200 512 "https://a.example/\"x" "a \"reader\" 1.0" "more""#;
        let request = request(line);
        assert_eq!(
            (&*request.client, &*request.method, &*request.target),
            ("192.0.2.1", "GET", "/rss.xml?x=1")
        );
        assert_eq!((request.status, request.bytes, &*request.agent), (200, 512, r#"a \"reader\" 1.0"#));
        assert_eq!((moment(&request), request.host), ("2026-11-23 00:00:01 UTC".to_owned(), None));
    }

    #[test]
    fn the_common_format_has_no_agent_and_a_log_of_several_hosts_names_each() {
        let common = request(r#"2001:db8::1 - - [23/Nov/2026:09:00:01 +0000] "GET /rss.xml HTTP/1.1" 304 -"#);
        assert_eq!((common.status, common.bytes, &*common.agent), (304, 0, ""));
        let hosts =
            r#"example.com:443 192.0.2.1 - - [23/Nov/2026:09:00:01 +0000] "GET / HTTP/1.1" 200 5 "-" "x""#;
        let hosts = request(hosts);
        assert_eq!((hosts.host.as_deref(), &*hosts.client), (Some("example.com:443"), "192.0.2.1"));
    }

    #[test]
    fn the_json_of_every_version_of_caddy_is_read() {
        let line = |client: &str, ts: &str| {
            format!(
                r#"{{"level":"info","ts":{ts},"logger":"http.log.access","msg":"handled request","request":{{{client},"proto":"HTTP/2.0","method":"GET","host":"example.com","uri":"/rss.xml","headers":{{"User-Agent":["Feedly/1.0"],"Accept":["*/*"]}}}},"bytes_read":0,"duration":0.0009,"size":10900,"status":200,"resp_headers":{{}}}}"#
            )
        };
        for (client, ts) in [
            (r#""remote_ip":"198.51.100.9","client_ip":"2001:db8::1""#, "1795392001.5241024"),
            (r#""remote_ip":"2001:db8::1""#, r#""2026-11-23T00:00:01.524Z""#),
            (r#""remote_addr":"2001:db8::1:41342""#, r#""2026-11-23T09:00:01.000+0900""#),
            (r#""remote_ip":"2001:db8::1""#, r#""2026/11/23 00:00:01.000""#),
        ] {
            let line = line(client, ts);
            let request = request(&line);
            assert_eq!((&*request.client, request.host.as_deref()), ("2001:db8::1", Some("example.com")));
            assert_eq!((&*request.target, request.status, request.bytes), ("/rss.xml", 200, 10900));
            assert_eq!(
                (&*request.agent, moment(&request)),
                ("Feedly/1.0", "2026-11-23 00:00:01 UTC".to_owned())
            );
        }
    }

    #[test]
    fn the_columns_of_cloudfront_are_those_of_its_heading() {
        let mut parser = LogParser::default();
        assert_eq!(parser.line("#Version: 1.0"), LogLine::Empty);
        let heading = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
                       cs(User-Agent) cs-uri-query x-host-header";
        assert_eq!(parser.line(heading), LogLine::Empty);
        let line = "2026-11-23\t00:00:01\tLAX1\t2390282\t192.0.2.1\tGET\td111.cloudfront.net\t/rss.xml\t200\t-\t\
                    Feedly/1.0%2520(12%20subscribers)\t-\texample.com";
        let LogLine::Request(request) = parser.line(line) else { panic!("no request") };
        assert_eq!((&*request.agent, request.bytes), ("Feedly/1.0 (12 subscribers)", 2_390_282));
        assert_eq!(
            (request.host.as_deref(), moment(&request).as_str()),
            (Some("example.com"), "2026-11-23 00:00:01 UTC")
        );
    }

    #[test]
    fn what_is_no_request_is_unknown() {
        for line in [
            "Nov 23 09:00:01 mail postfix/smtpd[1]: connect from localhost",
            r#"{"level":"info","ts":1795392001.5,"msg":"server running"}"#,
            r#"192.0.2.1 - - [23/Nov/2026:09:00:01 +0900] "GET /rss.xml HTTP/1.1"#,
            r#"192.0.2.1 - - [23/Nov/2026:09:00:01 +0900] "GET /rss.xml HTTP/1.1" OK 5"#,
            "\u{1}\u{2}",
        ] {
            assert_eq!(LogParser::default().line(line), LogLine::Unknown, "{line}");
        }
    }

    #[test]
    fn a_target_is_decoded_and_may_be_a_whole_address() {
        assert_eq!(address("/a%20b/rss.xml?q#f"), (None, "/a b/rss.xml".into()));
        assert_eq!(address("https://example.com/rss.xml"), (Some("example.com"), "/rss.xml".into()));
        assert_eq!(address("https://example.com"), (Some("example.com"), "".into()));
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_it_was_written(target in "/[!-~&&[^\"\\\\]]{0,20}", status in 100..600_u16, agent in "[ -~&&[^\"\\\\]]{0,30}") {
            let line = format!("192.0.2.1 - - [23/Nov/2026:09:00:01 +0900] \"GET {target} HTTP/1.1\" {status} 7 \"-\" \"{agent}\"");
            let request = request(&line);
            prop_assert_eq!((&*request.target, request.status, &*request.agent), (&*target, status, &*agent));
        }

        #[test]
        fn any_line_is_read_without_a_panic(line in any::<String>(), log in "[0-9 \\[\\]\"\\\\{}\t:/a-z-]{0,80}", fields in "[a-z() -]{0,40}") {
            let mut parser = LogParser::default();
            for line in [&line, &log, &format!("#Fields:{fields}"), &log, &line] {
                if let LogLine::Request(request) = parser.line(line) {
                    let _ = (request.moment(), address(&request.target));
                }
            }
        }
    }
}
