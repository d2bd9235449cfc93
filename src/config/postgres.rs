//! `store.url = "postgres://…"`: the address of a database, and the encryption of the connection.

use camino::Utf8PathBuf;

use super::loopback::is_this_machine;

/// When the connection is encrypted. An encrypted connection always verifies the certificate of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Never,
    /// If the server offers it.
    IfOffered,
    /// Always.
    Always,
}

/// The URL of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// The URL without the parameters that Letterpress reads itself.
    pub server: String,
    /// User, host and database, for messages.
    pub shown: String,
    /// When the connection is encrypted.
    pub encryption: Encryption,
    /// The certificate authority that must have signed the certificate of the server.
    pub root: Option<Utf8PathBuf>,
    /// Whether the connection stays on this machine.
    pub local: bool,
}

/// Parameters that are passed on unchanged.
const KNOWN: [&str; 2] = ["host", "target_session_attrs"];

impl PostgresUrl {
    /// Parses a URL; an error has a message and a hint. `None` if it is not a `PostgreSQL` URL. Messages contain at most the
    /// name of a parameter, because the URL may contain a password.
    pub fn read(url: &str) -> Option<Result<Self, (String, &'static str)>> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        Some(Self::parse(rest))
    }

    fn parse(rest: &str) -> Result<Self, (String, &'static str)> {
        const PASSWORD: &str = "remove the password, and set store.password_file or store.password_env";
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if user.contains(':') {
            return Err((
                "it contains a password, which anyone who can read this file would see".to_owned(),
                PASSWORD,
            ));
        }
        if user.is_empty() || database.is_empty() {
            let hint = "write it like \"postgres://user@db.example.com/letterpress\"";
            return Err(("the user or the database is missing".to_owned(), hint));
        }
        let mut url = Self {
            server: format!("postgres://{place}"),
            shown: format!("postgres://{place}"),
            encryption: Encryption::Always,
            root: None,
            local: hosts.split(',').all(is_local),
        };
        let (mut mode, mut parameters) = (None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => mode = Some(encryption(value)?),
                "sslrootcert" => url.root = Some(value.into()),
                "password" => return Err(("it contains a password".to_owned(), PASSWORD)),
                _ if KNOWN.contains(&name) => {
                    url.local &= name != "host" || is_local(value);
                    parameters.push(parameter);
                }
                _ => {
                    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
                    let hint = "sslmode, sslrootcert, host and target_session_attrs are supported";
                    return Err((format!("unknown parameter {name:?}"), hint));
                }
            }
        }
        if !parameters.is_empty() {
            url.server = format!("{}?{}", url.server, parameters.join("&"));
        }
        url.encryption = mode.unwrap_or(if url.local { Encryption::Never } else { Encryption::Always });
        Ok(url)
    }

    /// Whether a password could be intercepted.
    pub fn betrays_a_password(&self) -> bool {
        !self.local && self.encryption != Encryption::Always
    }
}

fn encryption(mode: &str) -> Result<Encryption, (String, &'static str)> {
    match mode {
        "disable" => Ok(Encryption::Never),
        "prefer" => Ok(Encryption::IfOffered),
        // Encryption without verification does not protect, so `require` verifies too.
        "require" | "verify-full" => Ok(Encryption::Always),
        _ => Err((
            "unknown sslmode".to_owned(),
            "write sslmode=disable, prefer, require or verify-full; an encrypted connection always verifies the certificate",
        )),
    }
}

/// Whether the host is a socket in the file system or a loopback address.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    name.is_empty()
        || name.starts_with('/')
        || name.to_ascii_uppercase().starts_with("%2F")
        || is_this_machine(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::read(url).unwrap().map_err(|(what, help)| format!("{what}: {help}"))
    }

    #[test]
    fn a_password_is_sent_only_over_a_verified_connection() {
        for (url, betrays) in [
            ("postgres://kim@db.example.com/letters", false),
            ("postgres://kim@db.example.com/letters?sslmode=verify-full", false),
            ("postgres://kim@db.example.com/letters?sslmode=prefer", true),
            ("postgres://kim@db.example.com:5432/letters?sslmode=disable", true),
            ("postgres://kim@127.0.0.1,db.example.com/letters?sslmode=disable", true),
            ("postgres://kim@127.0.0.1/letters?host=db.example.com&sslmode=disable", true),
            ("postgres://kim@127.0.0.1:6432/letters", false),
            ("postgres://kim@localhost/letters", false),
            ("postgres://kim@[::1]:5432/letters", false),
            ("postgres://kim@%2Fvar%2Frun%2Fpostgresql/letters", false),
            ("postgresql://kim@/letters?host=/var/run/postgresql", false),
        ] {
            assert_eq!(read(url).unwrap().betrays_a_password(), betrays, "{url}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_rejected_and_not_shown() {
        for url in [
            "postgres://kim:hunter2@db.example.com/letters",
            "postgres://kim@db.example.com/letters?password=hunter2",
            "postgres://kim@db.example.com/letters?passwort=hunter2",
        ] {
            let error = read(url).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_parameters_for_the_driver_are_passed_on() {
        let url = read(
            "postgres://kim@a,b/letters?sslmode=require&target_session_attrs=read-write&sslrootcert=/ca.pem",
        )
        .unwrap();
        assert_eq!(url.server, "postgres://kim@a,b/letters?target_session_attrs=read-write");
        assert_eq!((url.encryption, url.root), (Encryption::Always, Some("/ca.pem".into())));
        assert!(PostgresUrl::read("sqlite:letterpress.db").is_none());
        assert!(
            read("postgres://db.example.com/letters").is_err()
                && read("postgres://kim@db.example.com").is_err()
        );
    }
}
