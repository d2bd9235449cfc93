//! The mail servers that `init` knows by a name or by their host; `docs/relays.md` has the same values with their limits.

/// How an account logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// With a password of this kind.
    Password(&'static str),
    /// With tokens, after `letterpress login microsoft`.
    Microsoft,
    /// Not at all.
    None,
}

/// A mail server that takes messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) tls: &'static str,
    pub(super) login: Login,
    /// Further lines of `[smtp]`.
    pub(super) limits: &'static str,
}

/// Name, host, TLS mode, log-in, limits.
type Row = (&'static str, &'static str, &'static str, Login, &'static str);

const KNOWN: [Row; 13] = [
    ("gmail", "smtp.gmail.com", "implicit", Login::Password("an app password"), "per_minute = 20"),
    ("google-workspace", "smtp.gmail.com", "implicit", Login::Password("an app password"), ""),
    ("microsoft365", "smtp.office365.com", "starttls", Login::Microsoft, "per_minute = 30\nconnections = 3"),
    (
        "postmark",
        "smtp-broadcasts.postmarkapp.com",
        "starttls",
        Login::Password("the stream's secret key"),
        "",
    ),
    ("mailgun", "smtp.mailgun.org", "implicit", Login::Password("the SMTP password"), ""),
    ("mailgun-eu", "smtp.eu.mailgun.org", "implicit", Login::Password("the SMTP password"), ""),
    ("brevo", "smtp-relay.brevo.com", "starttls", Login::Password("an SMTP key, not the API key"), ""),
    ("fastmail", "smtp.fastmail.com", "implicit", Login::Password("an app password"), ""),
    (
        "naver",
        "smtp.naver.com",
        "implicit",
        Login::Password("an app password"),
        "per_minute = 20\nconnections = 1",
    ),
    ("naver-works", "smtp.worksmobile.com", "implicit", Login::Password("an app password"), ""),
    (
        "daum",
        "smtp.daum.net",
        "implicit",
        Login::Password("an app password"),
        "per_minute = 20\nconnections = 1",
    ),
    (
        "kakao",
        "smtp.daum.net",
        "implicit",
        Login::Password("an app password"),
        "per_minute = 20\nconnections = 1",
    ),
    ("postfix", "localhost", "none", Login::None, ""),
];

/// The names, for questions and messages.
pub(super) fn names() -> String {
    KNOWN.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// A known provider, or the server with this host name and port; the error is a message for the user.
pub(super) fn find(raw: &str) -> Result<Provider, String> {
    let lower = raw.trim().to_ascii_lowercase();
    if let Some((_, host, tls, login, limits)) =
        KNOWN.iter().find(|(name, host, ..)| *name == lower || *host == lower)
    {
        return Ok(Provider { host: (*host).to_owned(), port: None, tls, login: *login, limits });
    }
    let (host, port) = match lower.rsplit_once(':') {
        Some((host, port)) => {
            (host, Some(port.parse().map_err(|_| format!("{port:?} is not the number of a port"))?))
        }
        None => (lower.as_str(), None),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    if lower == "amazon-ses" || lower == "ses" {
        return Err("Amazon SES has a host for each region; write email-smtp.REGION.amazonaws.com".to_owned());
    }
    let is_here = ["localhost", "127.0.0.1"].contains(&host);
    if !host.chars().all(is_host) || !(host.contains('.') || is_here) {
        return Err(format!(
            "no mail server is known as {raw:?}; write a host name, none, or one of {}",
            names()
        ));
    }
    let is_ses = host.starts_with("email-smtp.") && host.ends_with(".amazonaws.com");
    let (tls, login) = match port {
        _ if is_ses => ("starttls", Login::Password("the SMTP password, not the secret access key")),
        _ if is_here => ("none", Login::None),
        None | Some(465) => ("implicit", Login::Password("the password")),
        Some(_) => ("starttls", Login::Password("the password")),
    };
    Ok(Provider { host: host.to_owned(), port, tls, login, limits: "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_name_and_by_its_host() {
        for (raw, host, tls) in [
            ("Gmail", "smtp.gmail.com", "implicit"),
            ("smtp-relay.brevo.com", "smtp-relay.brevo.com", "starttls"),
            (
                "email-smtp.ap-northeast-2.amazonaws.com",
                "email-smtp.ap-northeast-2.amazonaws.com",
                "starttls",
            ),
            ("mail.example.com", "mail.example.com", "implicit"),
            ("mail.example.com:587", "mail.example.com", "starttls"),
            ("localhost:2525", "localhost", "none"),
        ] {
            let found = find(raw).unwrap();
            assert_eq!((found.host.as_str(), found.tls), (host, tls), "{raw}");
        }
    }

    #[test]
    fn what_is_no_server_is_explained() {
        assert!(find("gmial").unwrap_err().contains("gmail, google-workspace"));
        assert!(find("ses").unwrap_err().contains("email-smtp.REGION.amazonaws.com"));
        assert!(find("mail.example.com:smtp").unwrap_err().contains("port"));
    }

    #[test]
    fn the_documentation_has_the_same_hosts() {
        let docs = include_str!("../../../docs/relays.md");
        for (name, host, tls, ..) in KNOWN {
            let row = docs.lines().find(|line| line.contains(&format!("`{host}`")));
            let row = row.unwrap_or_else(|| panic!("{name}"));
            assert!(row.contains(&format!("`\"{tls}\"`")), "{row}");
        }
    }

    #[test]
    fn the_recipes_have_the_lines_that_are_written() {
        let docs = include_str!("../../../docs/providers.md");
        for (name, host, tls, _, limits) in KNOWN {
            // Naver, Daum and Kakao are in the table only.
            if !docs.contains(&format!("`{name}`")) {
                assert!(["naver", "daum", "kakao"].contains(&name), "{name}");
                continue;
            }
            let section = docs.split("[smtp]\n").find(|text| text.starts_with(&format!("host = \"{host}\"")));
            let section = section.unwrap_or_else(|| {
                // The host of the other continent is in the comment.
                let line = docs.lines().find(|line| line.starts_with("host = ") && line.contains(host));
                docs.split("[smtp]\n").find(|text| text.starts_with(line.expect(name))).expect(name)
            });
            assert!(section.contains(&format!("tls = \"{tls}\"")), "{name}");
            assert!(limits.lines().all(|line| section.contains(line)), "{name}");
        }
    }
}
