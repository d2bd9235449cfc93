//! Every diagnosis once: the outcome, the settings, and the explanation.

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
        login: Some(LoginSource::PasswordFile(Utf8Path::new("smtp-password"))),
        blemish: None,
        ca_file: None,
    }
}

fn implicit() -> Settings<'static> {
    smtp(465, Tls::Implicit)
}

fn inbox(port: u16, tls: Tls) -> Settings<'static> {
    Settings { section: "inbox", ..smtp(port, tls) }
}

fn failed(phase: Phase, error: TransportError) -> SmtpOutcome {
    SmtpOutcome { phase, result: Err(error) }
}

fn replied(phase: Phase, reply: &str) -> SmtpOutcome {
    let (code, text) = reply.split_once(' ').unwrap();
    SmtpOutcome { phase, result: Ok(Reply { code: code.parse().unwrap(), text: text.to_owned() }) }
}

fn answers_with(phase: Phase, first: &str) -> SmtpOutcome {
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
    let reason = "no route to host".to_owned();
    failed(Phase::Connect, TransportError::Unreachable(Unreachable { address, is_refused, reason }))
}

/// Checks the rule, the key, and phrases of the title and of the hint.
fn assert_diagnosis(
    outcome: &SmtpOutcome,
    settings: Settings<'_>,
    (rule, key): (&str, &str),
    phrases: &[&str],
) {
    let found = diagnose(outcome, &settings).unwrap_or_else(|| panic!("{outcome:?} has no diagnosis"));
    assert_eq!((found.rule, found.key.as_str()), (rule, key), "{found:?}");
    let all = format!("{}\n{}", found.title, found.hint);
    for phrase in phrases {
        assert!(all.contains(phrase), "{phrase:?} is not in {all}");
    }
    assert!(!found.title.ends_with('.') && !all.contains("  "), "{all}");
}

#[test]
fn a_tls_mode_that_does_not_fit_the_port_is_recognised_by_the_first_bytes() {
    let plain = answers_with(Phase::Tls, "220 mail.letters.kr ESMTP Postfix\r\n");
    assert_diagnosis(
        &plain,
        smtp(587, Tls::Implicit),
        ("tls-mode", "smtp.tls"),
        &["begins in plain text", "\"starttls\""],
    );
    assert_diagnosis(
        &plain,
        implicit(),
        ("tls-mode", "smtp.tls"),
        &["220 mail.letters.kr ESMTP Postfix", "port = 465"],
    );
    let tls = failed(Phase::Greeting, TransportError::WrongProtocol(WrongProtocol::Tls));
    for mode in [Tls::Starttls, Tls::None] {
        assert_diagnosis(
            &tls,
            smtp(465, mode),
            ("tls-mode", "smtp.tls"),
            &["TLS from the first byte", "tls = \"implicit\""],
        );
    }
    assert_diagnosis(
        &answers_with(Phase::Tls, "* OK ready"),
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
        assert_diagnosis(
            &answers_with(Phase::Greeting, first),
            settings,
            ("not-a-mail-server", &key),
            &[word, "tls = \"starttls\""],
        );
    }
    let broken = failed(Phase::Greeting, TransportError::Protocol("\"hi\" is no reply".to_owned()));
    assert_diagnosis(&broken, implicit(), ("not-a-mail-server", "smtp.port"), &["not an SMTP server"]);
}

#[test]
fn an_unknown_host_name_is_distinguished_from_a_machine_without_a_network() {
    let unknown = failed(Phase::Connect, TransportError::NoSuchHost("not known".to_owned()));
    let called = |host| Settings { host, ..implicit() };
    assert_diagnosis(
        &unknown,
        called("smtp.gmial.com"),
        ("host-unknown", "smtp.host"),
        &["did you mean \"smtp.gmail.com\"?"],
    );
    assert_diagnosis(
        &unknown,
        called("mail.letters.kr"),
        ("host-unknown", "smtp.host"),
        &["check the spelling"],
    );
    assert_diagnosis(
        &unknown,
        called("smtp.example.com"),
        ("host-placeholder", "smtp.host"),
        &["reserved for examples"],
    );
    let silent = failed(Phase::Connect, TransportError::Dns("temporary failure".to_owned()));
    assert_diagnosis(&silent, implicit(), ("no-network", "smtp.host"), &["offline"]);
    assert_diagnosis(
        &silent,
        called("relay.invalid"),
        ("host-placeholder", "smtp.host"),
        &["reserved for examples"],
    );
    assert_eq!(diagnose(&silent, &implicit()).unwrap().blame, Blame::Surroundings);
    assert_eq!(diagnose(&unknown, &implicit()).unwrap().blame, Blame::Settings);
}

#[test]
fn a_closed_silent_or_blocked_port_is_explained() {
    assert_diagnosis(
        &unreachable(true),
        implicit(),
        ("port-closed", "smtp.port"),
        &["nothing listens", "587"],
    );
    let local = Settings { host: "127.0.0.1", ..smtp(25, Tls::None) };
    assert_diagnosis(
        &unreachable(true),
        local,
        ("port-closed", "smtp.port"),
        &["is the mail server of this machine running"],
    );
    assert_diagnosis(
        &unreachable(false),
        implicit(),
        ("no-route", "smtp.host"),
        &["cannot reach", "firewalls"],
    );
    let silent = failed(Phase::Connect, TransportError::Deadline);
    assert_diagnosis(&silent, implicit(), ("port-silent", "smtp.port"), &["firewall"]);
    assert_diagnosis(
        &silent,
        smtp(25, Tls::Starttls),
        ("port-25-blocked", "smtp.port"),
        &["587", "tls = \"starttls\""],
    );
    assert_diagnosis(&silent, inbox(25, Tls::None), ("port-silent", "inbox.port"), &["993"]);
    for error in [TransportError::Deadline, TransportError::Closed, TransportError::Io("reset".to_owned())] {
        assert_diagnosis(
            &failed(Phase::Greeting, error),
            implicit(),
            ("no-greeting", "smtp.port"),
            &["overloaded"],
        );
    }
    assert_diagnosis(
        &failed(Phase::Tls, TransportError::Closed),
        implicit(),
        ("tls-hung-up", "smtp.tls"),
        &["handshake"],
    );
}

#[test]
fn a_rejected_certificate_is_explained_with_its_problem() {
    let own = |ca_file| Settings { ca_file, ..implicit() };
    let file = Some(Utf8Path::new("own-ca.pem"));
    let (past, now, future) = (day("2026-01-31"), day("2026-11-29"), day("2027-02-01"));
    let expired = certificate(CertificateProblem::Expired { not_after: past, now });
    assert_diagnosis(
        &expired,
        implicit(),
        ("certificate-expired", "smtp.host"),
        &["2026-01-31", "2026-11-29 12:00", "clock"],
    );
    let early = certificate(CertificateProblem::NotYet { not_before: future, now });
    assert_diagnosis(
        &early,
        implicit(),
        ("certificate-not-yet", "smtp.host"),
        &["2027-02-01", "clock is behind"],
    );
    let other = certificate(CertificateProblem::OtherName(vec![
        "*.letters.kr".to_owned(),
        "mx.letters.kr".to_owned(),
    ]));
    let phrases = ["*.letters.kr, mx.letters.kr", "host = \"mx.letters.kr\""];
    assert_diagnosis(&other, implicit(), ("certificate-name", "smtp.host"), &phrases);
    let chain = |sent, is_self_signed, is_public| {
        let issuer = "Letters CA".to_owned();
        certificate(CertificateProblem::UnknownIssuer(Chain { sent, is_self_signed, issuer, is_public }))
    };
    let rule = |name| (name, "smtp.ca_file");
    assert_diagnosis(
        &chain(1, false, true),
        own(None),
        rule("certificate-chain"),
        &["Letters CA", "fullchain.pem"],
    );
    assert_diagnosis(
        &chain(1, false, false),
        own(file),
        rule("certificate-chain"),
        &["fullchain.pem", "own-ca.pem"],
    );
    assert_diagnosis(
        &chain(1, false, false),
        own(None),
        rule("certificate-authority"),
        &["smtp.ca_file", "fullchain.pem"],
    );
    assert_diagnosis(
        &chain(2, false, false),
        own(file),
        rule("certificate-authority"),
        &["to own-ca.pem (smtp.ca_file)"],
    );
    assert_diagnosis(
        &chain(1, true, false),
        own(None),
        rule("certificate-self-signed"),
        &["is self-signed", "smtp.ca_file"],
    );
    let authority = certificate(CertificateProblem::AuthorityAsServer);
    assert_diagnosis(&authority, own(None), ("certificate-of-authority", "smtp.host"), &["CA:FALSE"]);
    assert_diagnosis(
        &certificate(CertificateProblem::Other),
        own(None),
        ("certificate", "smtp.host"),
        &["invalid peer certificate"],
    );
    let old = failed(Phase::Tls, TransportError::Tls(TlsError::NoCommonParameters("TLS 1.0".to_owned())));
    assert_diagnosis(&old, implicit(), ("tls-version", "smtp.host"), &["1.2"]);
    let odd = failed(Phase::Tls, TransportError::Tls(TlsError::Other("bad record".to_owned())));
    assert_diagnosis(&odd, implicit(), ("tls-failed", "smtp.tls"), &["bad record"]);
}

#[test]
fn a_rejected_login_names_the_key_the_file_and_a_suspect_character() {
    let refused = replied(Phase::Auth, "535 5.7.8 authentication failed");
    let rule = ("login-wrong", "smtp.password_file");
    assert_diagnosis(
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
        let blemish = Some(blemish);
        assert_diagnosis(&refused, Settings { blemish, ..implicit() }, rule, &[word, "fix that first"]);
    }
    let login = Some(LoginSource::PasswordEnv("SMTP_PASSWORD"));
    let by_variable = Settings { login, ..implicit() };
    assert_diagnosis(
        &refused,
        by_variable,
        ("login-wrong", "smtp.password_env"),
        &["the variable SMTP_PASSWORD"],
    );
    let mailbox = login_refused("[AUTHENTICATIONFAILED] no", &inbox(993, Tls::Implicit));
    assert_eq!((mailbox.rule, mailbox.key.as_str()), ("login-wrong", "inbox.password_file"));
}

#[test]
fn a_provider_that_requires_an_app_password_or_disabled_passwords_is_recognised() {
    let app = ("login-app-password", "smtp.password_file");
    assert_diagnosis(
        &replied(Phase::Auth, "534 5.7.9 Application-specific password required."),
        implicit(),
        app,
        &["app password"],
    );
    let gmail = Settings { host: "smtp.gmail.com", ..implicit() };
    assert_diagnosis(
        &replied(Phase::Auth, "535 5.7.8 Username and Password not accepted."),
        gmail,
        app,
        &["app password"],
    );
    let off = replied(Phase::Auth, "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.");
    assert_diagnosis(&off, implicit(), ("login-switched-off", "smtp.user"), &["administrator"]);
    let later = replied(Phase::Auth, "454 4.7.0 Temporary authentication failure");
    assert_diagnosis(&later, implicit(), ("login-later", "smtp.user"), &["nothing needs to change"]);
    assert_eq!(diagnose(&later, &implicit()).unwrap().blame, Blame::Surroundings);
}

#[test]
fn a_login_that_is_not_offered_is_explained_with_what_is_missing() {
    let missing = |capability| failed(Phase::Auth, TransportError::Missing(capability));
    let auth = |offers_starttls, mechanisms: &[&str]| {
        let mechanisms = mechanisms.iter().map(|&name| name.to_owned()).collect();
        missing(MissingCapability::Auth { offers_starttls, mechanisms, with_token: false })
    };
    let clear = smtp(587, Tls::None);
    assert_diagnosis(
        &auth(true, &[]),
        clear,
        ("starttls-first", "smtp.tls"),
        &["only after STARTTLS", "tls = \"starttls\""],
    );
    assert_diagnosis(
        &auth(false, &[]),
        smtp(25, Tls::Starttls),
        ("login-not-offered", "smtp.user"),
        &["port 25", "587"],
    );
    assert_diagnosis(
        &auth(false, &["XOAUTH2"]),
        implicit(),
        ("login-other-kind", "smtp.user"),
        &["only XOAUTH2", "API key"],
    );
    assert_diagnosis(
        &missing(MissingCapability::TlsForPassword),
        clear,
        ("password-in-clear", "smtp.tls"),
        &["unencrypted"],
    );
    assert_diagnosis(
        &missing(MissingCapability::Starttls),
        smtp(25, Tls::Starttls),
        ("starttls-missing", "smtp.tls"),
        &["does not offer STARTTLS"],
    );
    for reply in ["530 5.7.0 Must issue a STARTTLS command first", "538 5.7.11 Encryption required"] {
        assert_diagnosis(
            &replied(Phase::Auth, reply),
            clear,
            ("starttls-first", "smtp.tls"),
            &["tls = \"starttls\""],
        );
    }
}

#[test]
fn a_relay_that_rejects_this_sender_is_explained() {
    let no_login = Settings { user: None, login: None, ..implicit() };
    let login = ("login-missing", "smtp.user");
    assert_diagnosis(
        &replied(Phase::Mail, "530 5.7.0 Authentication required"),
        no_login,
        login,
        &["password_file"],
    );
    assert_diagnosis(
        &replied(Phase::Rcpt, "554 5.7.1 <a@b>: Relay access denied"),
        no_login,
        login,
        &["requires a login"],
    );
    assert_diagnosis(
        &replied(Phase::Rcpt, "550 relaying denied"),
        implicit(),
        ("login-not-enough", "smtp.user"),
        &["\"kim\""],
    );
    let sender = replied(Phase::Mail, "553 5.7.1 Sender address rejected: not owned by user kim");
    assert_diagnosis(
        &sender,
        implicit(),
        ("sender-refused", "newsletter.from"),
        &["newsletter.from", "newsletter.bounces"],
    );
    let listed = replied(Phase::Greeting, "554 5.7.1 blocked, see zen.example");
    assert_diagnosis(
        &listed,
        implicit(),
        ("sender-shut-out", "smtp.host"),
        &["accepts no mail from this machine", "587"],
    );
}

#[test]
fn failures_of_one_subscriber_and_temporary_failures_have_no_diagnosis() {
    for outcome in [
        replied(Phase::Rcpt, "550 5.1.1 no such user"),
        replied(Phase::Greeting, "421 busy"),
        replied(Phase::Dot, "554 5.7.1 spam"),
        failed(Phase::Rcpt, TransportError::Missing(MissingCapability::Extension("SMTPUTF8".to_owned()))),
        failed(Phase::Dot, TransportError::Closed),
    ] {
        assert_eq!(diagnose(&outcome, &implicit()), None, "{outcome:?}");
    }
}

#[test]
fn a_token_that_is_missing_or_refused_is_explained_by_where_it_comes_from() {
    let stored = Settings { login: Some(LoginSource::Oauth("work")), ..implicit() };
    let command = ["/bin/token".to_owned()];
    let printed = Settings { login: Some(LoginSource::TokenCommand(&command)), ..implicit() };
    let refused = replied(Phase::Auth, "535 5.7.3 Authentication unsuccessful");
    let rule = "login-token-refused";
    assert_diagnosis(
        &refused,
        stored,
        (rule, "smtp.oauth"),
        &["account that approved", "letterpress login work"],
    );
    assert_diagnosis(&refused, printed, (rule, "smtp.token_command"), &["the program of smtp.token_command"]);
    let scope = replied(Phase::Auth, r#"535 5.7.8 no {"status":"400","schemes":"bearer","scope":"mail"}"#);
    assert_diagnosis(&scope, stored, ("login-scope", "smtp.oauth"), &["the scope \"mail\"", "[oauth.work]"]);
    let off = replied(Phase::Auth, "535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.");
    assert_diagnosis(&off, stored, ("login-switched-off", "smtp.user"), &["Authenticated SMTP"]);
    for (is_lasting, blame) in [(true, Blame::Settings), (false, Blame::Surroundings)] {
        let error =
            crate::oauth::TokenError { what: "no token".to_owned(), help: "do it".to_owned(), is_lasting };
        let none = failed(Phase::Auth, TransportError::Token(error));
        assert_diagnosis(&none, stored, ("login-token", "smtp.oauth"), &["no token", "do it"]);
        assert_eq!(diagnose(&none, &stored).unwrap().blame, blame);
    }
    let mechanisms = vec!["PLAIN".to_owned()];
    let missing = MissingCapability::Auth { offers_starttls: false, mechanisms, with_token: true };
    let missing = failed(Phase::Auth, TransportError::Missing(missing));
    assert_diagnosis(&missing, stored, ("login-other-kind", "smtp.user"), &["with a token, only PLAIN"]);
}

#[test]
fn a_password_that_the_provider_no_longer_takes_leads_to_the_log_in() {
    let microsoft = Settings { host: "smtp.office365.com", ..smtp(587, Tls::Starttls) };
    for (phase, reply) in [
        (Phase::Auth, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."),
        (Phase::Auth, "550 5.7.30 Basic authentication is not supported for Client Submission"),
        (Phase::Mail, "530 5.7.57 Client not authenticated to send mail"),
    ] {
        assert_diagnosis(
            &replied(phase, reply),
            microsoft,
            ("login-switched-off", "smtp.user"),
            &["oauth = \"microsoft\" instead of password_file", "letterpress login microsoft"],
        );
    }
    let wrong = "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.";
    assert_diagnosis(&replied(Phase::Auth, wrong), microsoft, ("login-wrong", "smtp.password_file"), &[]);
    let google = Settings { host: "smtp.gmail.com", ..implicit() };
    let reply = replied(Phase::Auth, "535 5.7.8 Username and Password not accepted.");
    let rule = ("login-app-password", "smtp.password_file");
    assert_diagnosis(&reply, google, rule, &["app password", "letterpress login gmail"]);
}
