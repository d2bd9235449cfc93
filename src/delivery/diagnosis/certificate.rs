//! Certificates that were not believed.

use chrono::{DateTime, Utc};

use super::{Diagnosis, Settings};
use crate::delivery::smtp::certificate::{BadCertificate, Chain, Flaw};

pub(super) fn not_believed(bad: &BadCertificate, settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    match &bad.why {
        Flaw::Expired { not_after, now } => settings.wrong(
            "certificate-expired",
            "host",
            format!("the certificate of {server} ended on {}; this machine's clock says {}", day(*not_after), minute(*now)),
            "if that clock is right, whoever runs the server must renew the certificate; if it is wrong, set it (`timedatectl`)",
        ),
        Flaw::NotYet { not_before, now } => settings.wrong(
            "certificate-not-yet",
            "host",
            format!(
                "the certificate of {server} begins on {}; this machine's clock says {}",
                day(*not_before),
                minute(*now)
            ),
            "most likely this machine's clock is behind: set it (`timedatectl`)",
        ),
        Flaw::OtherName(names) => other_name(names, settings),
        Flaw::UnknownIssuer(chain) => unknown_issuer(chain, settings),
        Flaw::AuthorityAsServer => settings.wrong(
            "certificate-of-authority",
            "host",
            format!("the certificate of {server} is an authority's (CA:TRUE), and must not be a server's as well"),
            format!(
                "make a certificate for the server: one of Let's Encrypt, or your own with basicConstraints CA:FALSE, whose signer \
                 then goes into {section}.ca_file"
            ),
        ),
        Flaw::Other => settings.wrong(
            "certificate",
            "host",
            format!("the certificate of {server} is not believed: {}", bad.said),
            "whoever runs the server must put its certificate right",
        ),
    }
}

fn other_name(names: &[String], settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    let usable = names.iter().find(|name| !name.contains('*') && name.parse::<std::net::IpAddr>().is_err());
    let title = if names.is_empty() {
        format!("the certificate of {server} names no server at all")
    } else {
        format!("the certificate of {server} is for {}, and not for {:?}", names.join(", "), settings.host)
    };
    let hint = match (usable, names.first()) {
        (Some(name), _) => format!("if that is the server you mean, write host = {name:?} below [{section}]"),
        (None, Some(name)) => format!("write a name as {section}.host that the certificate has: {name}"),
        (None, None) => "whoever runs the server must give it a certificate with its name".to_owned(),
    };
    settings.wrong("certificate-name", "host", title, hint)
}

fn unknown_issuer(chain: &Chain, settings: &Settings<'_>) -> Diagnosis {
    let (server, section) = (settings.server(), settings.section);
    let issuer = if chain.issuer.is_empty() { "somebody unnamed" } else { &chain.issuer };
    let authority = match settings.ca_file {
        None => format!("name the authority's certificate (PEM) as {section}.ca_file"),
        Some(file) => {
            format!("put the authority's certificate into {file} ({section}.ca_file), where it is not")
        }
    };
    let whole_chain = "whoever runs the server must let it send the whole chain (often a file called fullchain.pem instead of cert.pem)";
    if chain.is_self_signed {
        return settings.wrong(
            "certificate-self-signed",
            "ca_file",
            format!("the certificate of {server} is signed by itself, and nobody else vouches for it"),
            match settings.ca_file {
                None => format!("if it is your own server, name its certificate (PEM) as {section}.ca_file"),
                Some(file) => format!(
                    "{file} ({section}.ca_file) does not hold it; put the server's certificate (PEM) there"
                ),
            },
        );
    }
    let is_alone = chain.sent == 1;
    let signed =
        format!("the certificate of {server} is signed by {issuer:?}, which this machine does not know");
    match (is_alone, chain.is_public || settings.ca_file.is_some()) {
        (true, true) => settings.wrong(
            "certificate-chain",
            "ca_file",
            format!("{signed}, and the server sent no intermediate certificate along"),
            format!("{whole_chain}; until then, or if {issuer:?} is an authority of your own, {authority}"),
        ),
        (true, false) => settings.wrong(
            "certificate-authority",
            "ca_file",
            signed,
            format!("if {issuer:?} is an authority of your own, {authority}; if it is a public one, {whole_chain}"),
        ),
        (false, _) => settings.wrong(
            "certificate-authority",
            "ca_file",
            signed,
            format!("if {issuer:?} is an authority of your own, {authority}; otherwise do not send a password there"),
        ),
    }
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
