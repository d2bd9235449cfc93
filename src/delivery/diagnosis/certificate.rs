//! Certificates that were rejected.

use chrono::{DateTime, Utc};

use super::{Diagnosis, Settings};
use crate::delivery::smtp::certificate::{BadCertificate, CertificateProblem, Chain};

pub(super) fn rejected(bad: &BadCertificate, settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    match &bad.problem {
        CertificateProblem::Expired { not_after, now } => settings.wrong(
            "certificate-expired",
            "host",
            format!("the certificate of {server} expired on {}; the clock of this machine shows {}", day(*not_after), minute(*now)),
            "if the clock is correct, the operator of the server must renew the certificate; otherwise set the clock (`timedatectl`)",
        ),
        CertificateProblem::NotYet { not_before, now } => settings.wrong(
            "certificate-not-yet",
            "host",
            format!(
                "the certificate of {server} is valid from {}; the clock of this machine shows {}",
                day(*not_before),
                minute(*now)
            ),
            "most likely the clock is behind: set it (`timedatectl`)",
        ),
        CertificateProblem::OtherName(names) => other_name(names, settings),
        CertificateProblem::UnknownIssuer(chain) => unknown_issuer(chain, settings),
        CertificateProblem::AuthorityAsServer => settings.wrong(
            "certificate-of-authority",
            "host",
            format!("the certificate of {server} is a CA certificate (CA:TRUE), which must not be used by a server"),
            format!(
                "get one from Let's Encrypt; or make your own on the server, and set {section}.ca_file to a copy of its cert.pem: \
                 openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout key.pem -out cert.pem -subj /CN={host} \
                 -addext subjectAltName=DNS:{host} -addext basicConstraints=critical,CA:FALSE",
                host = settings.host
            ),
        ),
        CertificateProblem::Other => settings.wrong(
            "certificate",
            "host",
            format!("the certificate of {server} is invalid: {}", bad.detail),
            "the operator of the server must fix its certificate",
        ),
    }
}

fn other_name(names: &[String], settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    let usable = names.iter().find(|name| !name.contains('*') && name.parse::<std::net::IpAddr>().is_err());
    let title = if names.is_empty() {
        format!("the certificate of {server} contains no server name")
    } else {
        format!("the certificate of {server} is for {}, not for {:?}", names.join(", "), settings.host)
    };
    let hint = match (usable, names.first()) {
        (Some(name), _) => format!("if that is the intended server, set host = {name:?} in [{section}]"),
        (None, Some(name)) => format!("set {section}.host to a name in the certificate: {name}"),
        (None, None) => "the operator of the server must install a certificate with its name".to_owned(),
    };
    settings.wrong("certificate-name", "host", title, hint)
}

fn unknown_issuer(chain: &Chain, settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    let issuer = if chain.issuer.is_empty() { "an unnamed issuer" } else { &chain.issuer };
    let authority = match settings.ca_file {
        None => format!("set {section}.ca_file to the certificate of the CA (PEM)"),
        Some(file) => {
            format!("add the certificate of the CA to {file} ({section}.ca_file), which does not contain it")
        }
    };
    let whole_chain = "the operator must configure the server to send the whole chain (often the file fullchain.pem instead of cert.pem)";
    if chain.is_self_signed {
        return settings.wrong(
            "certificate-self-signed",
            "ca_file",
            format!("the certificate of {server} is self-signed"),
            match settings.ca_file {
                None => format!("if it is your own server, set {section}.ca_file to its certificate (PEM)"),
                Some(file) => format!(
                    "{file} ({section}.ca_file) does not contain it; add the certificate of the server (PEM)"
                ),
            },
        );
    }
    let is_alone = chain.sent == 1;
    let signed =
        format!("the certificate of {server} is signed by {issuer:?}, which this machine does not trust");
    match (is_alone, chain.is_public || settings.ca_file.is_some()) {
        (true, true) => settings.wrong(
            "certificate-chain",
            "ca_file",
            format!("{signed}, and the server sent no intermediate certificate"),
            format!("{whole_chain}; until then, or if {issuer:?} is your own CA, {authority}"),
        ),
        (true, false) => settings.wrong(
            "certificate-authority",
            "ca_file",
            signed,
            format!("if {issuer:?} is your own CA, {authority}; if it is a public one, {whole_chain}"),
        ),
        (false, _) => settings.wrong(
            "certificate-authority",
            "ca_file",
            signed,
            format!("if {issuer:?} is your own CA, {authority}; otherwise do not send a password there"),
        ),
    }
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
