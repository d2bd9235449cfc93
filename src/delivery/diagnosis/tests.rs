//! Every diagnosis, once: what was heard, with which settings, and what is said of it.

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::*;
use crate::delivery::smtp::certificate::{BadCertificate, CertificateProblem, Chain};
use crate::delivery::{MissingCapability, Reply};

fn smtp(port: u16, tls: Tls) -> Settings<'static> {
    Settings {
        section: "smtp",
        host: "mail.letters.kr",
        port,
        tls,
        user: Some("kim"),
        password: Some(PasswordFrom::File(Utf8Path::new("smtp-password"), None)),
        ca_file: None,
    }
}

fn implicit() -> Settings<'static> {
    smtp(465, Tls::Implicit)
}

fn inbox(port: u16, tls: Tls) -> Settings<'static> {
    Settings { section: "inbox", ..smtp(port, tls) }
}

fn failed(phase: Phase, trouble: TransportError) -> SmtpOutcome {
    SmtpOutcome { phase, result: Err(trouble) }
}

fn said(phase: Phase, reply: &str) -> SmtpOutcome {
    let (code, text) = reply.split_once(' ').unwrap();
    SmtpOutcome { phase, result: Ok(Reply { code: code.parse().unwrap(), text: text.to_owned() }) }
}

fn speaks(phase: Phase, first: &str) -> SmtpOutcome {
    failed(phase, TransportError::WrongProtocol(WrongProtocol::recognise(first.as_bytes()).unwrap()))
}

fn certificate(why: CertificateProblem) -> SmtpOutcome {
    let bad = BadCertificate { problem: why, detail: "invalid peer certificate".to_owned() };
    failed(Phase::Tls, TransportError::Tls(TlsError::Certificate(Box::new(bad))))
}

fn day(day: &str) -> DateTime<Utc> {
    format!("{day}T12:00:00Z").parse().unwrap()
}

fn unreachable(is_refused: bool) -> SmtpOutcome {
    let address = "192.0.2.1:465".parse().unwrap();
    let said = "no route to host".to_owned();
    failed(Phase::Connect, TransportError::Unreachable(Unreachable { address, is_refused, reason: said }))
}

/// Holds one fact against the rule, the key, and words of the title and of the hint.
fn holds(outcome: &SmtpOutcome, settings: Settings<'_>, (rule, key): (&str, &str), words: &[&str]) {
    let found = diagnose(outcome, &settings).unwrap_or_else(|| panic!("{outcome:?} means nothing"));
    assert_eq!((found.rule, found.key.as_str()), (rule, key), "{found:?}");
    let all = format!("{}\n{}", found.title, found.hint);
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {all}");
    }
    assert!(!found.title.ends_with('.') && !all.contains("  "), "{all}");
}

#[test]
fn a_tls_mode_that_does_not_fit_the_port_is_seen_from_the_first_bytes() {
    let plain = speaks(Phase::Tls, "220 mail.letters.kr ESMTP Postfix\r\n");
    holds(
        &plain,
        smtp(587, Tls::Implicit),
        ("tls-mode", "smtp.tls"),
        &["begins in plain text", "\"starttls\""],
    );
    holds(&plain, implicit(), ("tls-mode", "smtp.tls"), &["220 mail.letters.kr ESMTP Postfix", "port = 465"]);
    let tls = failed(Phase::Greeting, TransportError::WrongProtocol(WrongProtocol::Tls));
    for mode in [Tls::Starttls, Tls::None] {
        holds(
            &tls,
            smtp(465, mode),
            ("tls-mode", "smtp.tls"),
            &["TLS from the first byte", "tls = \"implicit\""],
        );
    }
    holds(
        &speaks(Phase::Tls, "* OK ready"),
        inbox(143, Tls::Implicit),
        ("tls-mode", "inbox.tls"),
        &["starttls"],
    );
}

#[test]
fn another_kind_of_server_on_the_port_is_named() {
    for (first, settings, word) in [
        ("HTTP/1.1 400 Bad Request\r\n", implicit(), "web server"),
        ("<!DOCTYPE html>", implicit(), "web server"),
        ("SSH-2.0-OpenSSH_9.6\r\n", implicit(), "SSH server"),
        ("+OK ready\r\n", implicit(), "POP3 server"),
        ("* OK IMAP4rev1 ready\r\n", implicit(), "IMAP server"),
        ("220 smtp ready\r\n", inbox(993, Tls::Implicit), "SMTP server"),
    ] {
        let key = format!("{}.port", settings.section);
        holds(
            &speaks(Phase::Greeting, first),
            settings,
            ("not-a-mail-server", &key),
            &[word, "tls = \"starttls\""],
        );
    }
    let broken = failed(Phase::Greeting, TransportError::Protocol("\"hi\" is no reply".to_owned()));
    holds(&broken, implicit(), ("not-a-mail-server", "smtp.port"), &["no SMTP server"]);
}

#[test]
fn a_name_that_does_not_exist_is_told_from_a_machine_without_a_network() {
    let unknown = failed(Phase::Connect, TransportError::NoSuchHost("not known".to_owned()));
    let called = |host| Settings { host, ..implicit() };
    holds(
        &unknown,
        called("smtp.gmial.com"),
        ("host-unknown", "smtp.host"),
        &["did you mean \"smtp.gmail.com\"?"],
    );
    holds(&unknown, called("mail.letters.kr"), ("host-unknown", "smtp.host"), &["look for a slip"]);
    holds(&unknown, called("smtp.example.com"), ("host-placeholder", "smtp.host"), &["kept for examples"]);
    let silent = failed(Phase::Connect, TransportError::Dns("temporary failure".to_owned()));
    holds(&silent, implicit(), ("no-network", "smtp.host"), &["offline"]);
    holds(&silent, called("relay.invalid"), ("host-placeholder", "smtp.host"), &["kept for examples"]);
    assert_eq!(diagnose(&silent, &implicit()).unwrap().blame, Blame::Surroundings);
    assert_eq!(diagnose(&unknown, &implicit()).unwrap().blame, Blame::Settings);
}

#[test]
fn a_port_that_is_closed_silent_or_blocked_says_where_else_to_look() {
    holds(&unreachable(true), implicit(), ("port-closed", "smtp.port"), &["nothing listens", "587"]);
    let local = Settings { host: "127.0.0.1", ..smtp(25, Tls::None) };
    holds(
        &unreachable(true),
        local,
        ("port-closed", "smtp.port"),
        &["is the mail server of this machine running"],
    );
    holds(&unreachable(false), implicit(), ("no-route", "smtp.host"), &["no way", "firewalls"]);
    let silent = failed(Phase::Connect, TransportError::Deadline);
    holds(&silent, implicit(), ("port-silent", "smtp.port"), &["firewall"]);
    holds(&silent, smtp(25, Tls::Starttls), ("port-25-blocked", "smtp.port"), &["587", "tls = \"starttls\""]);
    holds(&silent, inbox(25, Tls::None), ("port-silent", "inbox.port"), &["993"]);
    for trouble in [TransportError::Deadline, TransportError::Closed, TransportError::Io("reset".to_owned())]
    {
        holds(&failed(Phase::Greeting, trouble), implicit(), ("no-greeting", "smtp.port"), &["overloaded"]);
    }
    holds(
        &failed(Phase::Tls, TransportError::Closed),
        implicit(),
        ("tls-hung-up", "smtp.tls"),
        &["handshake"],
    );
}

#[test]
fn a_certificate_that_is_not_believed_says_which_of_five_things_is_wrong() {
    let own = |ca_file| Settings { ca_file, ..implicit() };
    let file = Some(Utf8Path::new("own-ca.pem"));
    let (past, now, future) = (day("2026-01-31"), day("2026-11-29"), day("2027-02-01"));
    let expired = certificate(CertificateProblem::Expired { not_after: past, now });
    holds(
        &expired,
        implicit(),
        ("certificate-expired", "smtp.host"),
        &["2026-01-31", "2026-11-29 12:00", "clock"],
    );
    let early = certificate(CertificateProblem::NotYet { not_before: future, now });
    holds(&early, implicit(), ("certificate-not-yet", "smtp.host"), &["2027-02-01", "clock is behind"]);
    let other = certificate(CertificateProblem::OtherName(vec![
        "*.letters.kr".to_owned(),
        "mx.letters.kr".to_owned(),
    ]));
    let words = ["*.letters.kr, mx.letters.kr", "host = \"mx.letters.kr\""];
    holds(&other, implicit(), ("certificate-name", "smtp.host"), &words);
    let chain = |sent, is_self_signed, is_public| {
        let issuer = "Letters CA".to_owned();
        certificate(CertificateProblem::UnknownIssuer(Chain { sent, is_self_signed, issuer, is_public }))
    };
    let rule = |name| (name, "smtp.ca_file");
    holds(&chain(1, false, true), own(None), rule("certificate-chain"), &["Letters CA", "fullchain.pem"]);
    holds(&chain(1, false, false), own(file), rule("certificate-chain"), &["fullchain.pem", "own-ca.pem"]);
    holds(
        &chain(1, false, false),
        own(None),
        rule("certificate-authority"),
        &["smtp.ca_file", "fullchain.pem"],
    );
    holds(&chain(2, false, false), own(file), rule("certificate-authority"), &["into own-ca.pem"]);
    holds(
        &chain(1, true, false),
        own(None),
        rule("certificate-self-signed"),
        &["signed by itself", "smtp.ca_file"],
    );
    let authority = certificate(CertificateProblem::AuthorityAsServer);
    holds(&authority, own(None), ("certificate-of-authority", "smtp.host"), &["CA:FALSE"]);
    holds(
        &certificate(CertificateProblem::Other),
        own(None),
        ("certificate", "smtp.host"),
        &["invalid peer certificate"],
    );
    let old = failed(Phase::Tls, TransportError::Tls(TlsError::NoCommonParameters("TLS 1.0".to_owned())));
    holds(&old, implicit(), ("tls-version", "smtp.host"), &["1.2"]);
    let odd = failed(Phase::Tls, TransportError::Tls(TlsError::Other("bad record".to_owned())));
    holds(&odd, implicit(), ("tls-failed", "smtp.tls"), &["bad record"]);
}

#[test]
fn a_login_that_is_refused_names_the_key_the_file_and_what_is_odd_about_it() {
    let refused = said(Phase::Auth, "535 5.7.8 authentication failed");
    let rule = ("login-wrong", "smtp.password_file");
    holds(
        &refused,
        implicit(),
        rule,
        &["\"kim\"", "the file smtp-password (smtp.password_file)", "535 5.7.8"],
    );
    for (blemish, word) in [
        (SuspectCharacter::OuterSpace, "space"),
        (SuspectCharacter::Lines, "more than one line"),
        (SuspectCharacter::Quotes, "quotation marks"),
        (SuspectCharacter::Mark, "byte order mark"),
        (SuspectCharacter::Invisible, "invisible"),
    ] {
        let password = Some(PasswordFrom::File(Utf8Path::new("smtp-password"), Some(blemish)));
        holds(&refused, Settings { password, ..implicit() }, rule, &[word, "put that right first"]);
    }
    let password = Some(PasswordFrom::Variable("SMTP_PASSWORD", None));
    let by_variable = Settings { password, ..implicit() };
    holds(&refused, by_variable, ("login-wrong", "smtp.password_env"), &["the variable SMTP_PASSWORD"]);
    let mailbox = login_refused("[AUTHENTICATIONFAILED] no", &inbox(993, Tls::Implicit));
    assert_eq!((mailbox.rule, mailbox.key.as_str()), ("login-wrong", "inbox.password_file"));
}

#[test]
fn a_provider_that_wants_an_app_password_or_none_at_all_is_understood() {
    let app = ("login-app-password", "smtp.password_file");
    holds(
        &said(Phase::Auth, "534 5.7.9 Application-specific password required."),
        implicit(),
        app,
        &["app password"],
    );
    let gmail = Settings { host: "smtp.gmail.com", ..implicit() };
    holds(&said(Phase::Auth, "535 5.7.8 Username and Password not accepted."), gmail, app, &["app password"]);
    let off = said(Phase::Auth, "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.");
    holds(&off, implicit(), ("login-switched-off", "smtp.user"), &["administrator"]);
    let later = said(Phase::Auth, "454 4.7.0 Temporary authentication failure");
    holds(&later, implicit(), ("login-later", "smtp.user"), &["nothing needs to change"]);
    assert_eq!(diagnose(&later, &implicit()).unwrap().blame, Blame::Surroundings);
}

#[test]
fn a_login_that_is_not_offered_says_what_is_missing() {
    let lack = |lack| failed(Phase::Auth, TransportError::Missing(lack));
    let auth = |offers_starttls, mechanisms: &[&str]| {
        let mechanisms = mechanisms.iter().map(|&name| name.to_owned()).collect();
        lack(MissingCapability::Auth { offers_starttls, mechanisms })
    };
    let clear = smtp(587, Tls::None);
    holds(
        &auth(true, &[]),
        clear,
        ("starttls-first", "smtp.tls"),
        &["only after STARTTLS", "tls = \"starttls\""],
    );
    holds(
        &auth(false, &[]),
        smtp(25, Tls::Starttls),
        ("login-not-offered", "smtp.user"),
        &["port 25", "587"],
    );
    holds(
        &auth(false, &["XOAUTH2"]),
        implicit(),
        ("login-other-kind", "smtp.user"),
        &["only XOAUTH2", "API key"],
    );
    holds(
        &lack(MissingCapability::TlsForPassword),
        clear,
        ("password-in-clear", "smtp.tls"),
        &["in the clear"],
    );
    holds(
        &lack(MissingCapability::Starttls),
        smtp(25, Tls::Starttls),
        ("starttls-missing", "smtp.tls"),
        &["offers no STARTTLS"],
    );
    for reply in ["530 5.7.0 Must issue a STARTTLS command first", "538 5.7.11 Encryption required"] {
        holds(&said(Phase::Auth, reply), clear, ("starttls-first", "smtp.tls"), &["tls = \"starttls\""]);
    }
}

#[test]
fn a_relay_that_does_not_take_mail_from_this_sender_says_why() {
    let nobody = Settings { user: None, password: None, ..implicit() };
    let login = ("login-missing", "smtp.user");
    holds(&said(Phase::Mail, "530 5.7.0 Authentication required"), nobody, login, &["password_file"]);
    holds(&said(Phase::Rcpt, "554 5.7.1 <a@b>: Relay access denied"), nobody, login, &["only after a login"]);
    holds(
        &said(Phase::Rcpt, "550 relaying denied"),
        implicit(),
        ("login-not-enough", "smtp.user"),
        &["\"kim\""],
    );
    let sender = said(Phase::Mail, "553 5.7.1 Sender address rejected: not owned by user kim");
    holds(
        &sender,
        implicit(),
        ("sender-refused", "newsletter.from"),
        &["newsletter.from", "newsletter.bounces"],
    );
    let listed = said(Phase::Greeting, "554 5.7.1 blocked, see zen.example");
    holds(&listed, implicit(), ("sender-shut-out", "smtp.host"), &["takes no mail from this machine", "587"]);
}

#[test]
fn what_is_about_one_subscriber_or_passes_by_itself_is_no_diagnosis() {
    for outcome in [
        said(Phase::Rcpt, "550 5.1.1 no such user"),
        said(Phase::Greeting, "421 busy"),
        said(Phase::Dot, "554 5.7.1 spam"),
        failed(Phase::Rcpt, TransportError::Missing(MissingCapability::Extension("SMTPUTF8".to_owned()))),
        failed(Phase::Dot, TransportError::Closed),
    ] {
        assert_eq!(diagnose(&outcome, &implicit()), None, "{outcome:?}");
    }
}
