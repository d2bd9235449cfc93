//! The standards' own examples, over-signing field by field, unsupported and broken keys, and random messages.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, ParsedPublicKey, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaKeyPair,
};
use proptest::prelude::*;

use super::super::fixtures::{english_message, korean_message, recipient};
use super::key::PublicKey;
use super::*;

/// The example of RFC 8463, appendix A.3.
const RFC_8463: &str = "\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";
const RFC_8463_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const RFC_8463_ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RFC_8463_RSA: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\
    Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G\
    +2kryOTIKT+l/K4w3QIDAQAB";
/// The RSA key of RFC 8463, appendix A.2: of 1,024 bits.
const RFC_8463_SHORT: &str = "-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
";

fn rfc_8463() -> String {
    RFC_8463.replace('\n', "\r\n")
}

fn rfc_ed25519() -> PublicKey {
    let raw = STANDARD.decode(RFC_8463_ED25519).unwrap();
    PublicKey { algorithm: Algorithm::Ed25519, parsed: ParsedPublicKey::new(&ED25519, raw).unwrap() }
}

fn rfc_rsa() -> PublicKey {
    let der = STANDARD.decode(RFC_8463_RSA).unwrap();
    let parsed = ParsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, der).unwrap();
    PublicKey { algorithm: Algorithm::Rsa, parsed }
}

fn ed25519_pem() -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(RFC_8463_SEED).unwrap()).unwrap();
    to_pem(pair.to_pkcs8v1().unwrap().as_ref()).to_string()
}

fn rsa_der() -> Vec<u8> {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap().as_ref().to_vec()
}

fn identity(selector: &str, pem: &str) -> Identity {
    Identity {
        domain: "post.example.com".to_owned(),
        selector: selector.to_owned(),
        key: Key::from_pem(pem).unwrap(),
    }
}

/// Both kinds of key at once.
fn signer() -> Signer {
    Signer::new(vec![identity("e", &ed25519_pem()), identity("r", &to_pem(&rsa_der()))])
}

/// A small one, for tests that sign often.
fn ed25519_signer() -> Signer {
    Signer::new(vec![identity("e", &ed25519_pem())])
}

fn message() -> Vec<u8> {
    korean_message().render_for(&recipient(Some("김민준")))
}

fn at() -> DateTime<Utc> {
    recipient(None).date.to_utc()
}

fn flaw(signer: &Signer, message: &[u8]) -> Option<Why> {
    signer.verify(message).err().map(|error| error.why)
}

#[test]
fn both_signatures_of_the_example_of_rfc_8463_verify() {
    let message = rfc_8463();
    let examined = ParsedSignature::new(message.as_bytes());
    assert_eq!(examined.body_hash, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    assert_eq!(examined.verify("football.example.com", "brisbane", &rfc_ed25519()), Ok(()));
    assert_eq!(examined.verify("football.example.com", "test", &rfc_rsa()), Ok(()));
    assert_eq!(examined.verify("football.example.com", "test", &rfc_ed25519()), Err(DkimError::Tags));
    assert_eq!(examined.verify("football.example.com", "elsewhere", &rfc_rsa()), Err(DkimError::Absent));
}

#[test]
fn the_example_of_rfc_8463_does_not_verify_after_a_change() {
    let judge = |message: String| {
        ParsedSignature::new(message.as_bytes()).verify("football.example.com", "brisbane", &rfc_ed25519())
    };
    assert_eq!(judge(rfc_8463().replace("lost the game", "won the game")), Err(DkimError::Body));
    assert_eq!(judge(rfc_8463().replace("dinner ready", "supper ready")), Err(DkimError::Header));
    assert_eq!(judge(format!("Subject: another\r\n{}", rfc_8463())), Err(DkimError::Header));
    assert_eq!(judge(rfc_8463().replace("c=relaxed/relaxed", "c=simple/simple")), Err(DkimError::Tags));
    assert_eq!(judge(rfc_8463().replacen("q=dns/txt", "l=20", 1)), Err(DkimError::Tags));
    // White space is what a relay may change.
    assert_eq!(judge(rfc_8463().replace("game.  Are", "game. \t Are").replace("Q <", "Q\r\n\t<")), Ok(()));
}

#[test]
fn the_key_of_rfc_8463_has_the_record_given_there() {
    let key = Key::from_pem(&ed25519_pem()).unwrap();
    assert_eq!(key.record(), format!("v=DKIM1; k=ed25519; p={RFC_8463_ED25519}"));
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
}

#[test]
fn a_message_has_one_signature_for_each_key_and_is_otherwise_unchanged() {
    let (signer, message) = (signer(), message());
    let signed = signer.sign(&message, at()).unwrap();
    assert!(signed.ends_with(&message));
    let head = String::from_utf8(signed[..signed.len() - message.len()].to_vec()).unwrap();
    assert_eq!(head.matches("DKIM-Signature: v=1;").count(), 2);
    assert!(head.contains("a=ed25519-sha256;") && head.contains("a=rsa-sha256;"), "{head}");
    assert!(head.contains(&format!("t={};", at().timestamp())), "{head}");
    for line in head.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(line.len() <= LINE && !line.trim().is_empty(), "{line}");
    }
}

#[test]
fn signing_the_same_message_twice_gives_the_same_bytes() {
    let (signer, message) = (signer(), message());
    assert_eq!(signer.sign(&message, at()).unwrap(), signer.sign(&message, at()).unwrap());
}

#[test]
fn no_covered_field_can_be_added_changed_or_taken_away() {
    let (signer, message) = (signer(), message());
    let signed = signer.sign(&message, at()).unwrap();
    let text = String::from_utf8(signed.clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    for name in COVERED {
        let added = [format!("{name}: x\r\n").as_bytes(), &signed].concat();
        assert_eq!(flaw(&signer, &added), Some(Why::Flaw(DkimError::Header)), "{name} before the others");
        let added = format!("{head}\r\n{name}: x\r\n\r\n{body}");
        assert_eq!(
            flaw(&signer, added.as_bytes()),
            Some(Why::Flaw(DkimError::Header)),
            "{name} behind the others"
        );
        if head.contains(&format!("\r\n{name}: ")) {
            let changed = text.replacen(&format!("\r\n{name}: "), &format!("\r\n{name}: x"), 1);
            assert_eq!(
                flaw(&signer, changed.as_bytes()),
                Some(Why::Flaw(DkimError::Header)),
                "{name} changed"
            );
            let renamed = text.replacen(&format!("\r\n{name}: "), &format!("\r\nX-{name}: "), 1);
            assert_eq!(flaw(&signer, renamed.as_bytes()), Some(Why::Flaw(DkimError::Header)), "{name} gone");
        }
    }
    assert_eq!(flaw(&signer, format!("{text}x").as_bytes()), Some(Why::Flaw(DkimError::Body)));
}

#[test]
fn every_relevant_field_of_a_message_is_covered() {
    let message = english_message().render_for(&recipient(None));
    let examined = ParsedSignature::new(&message);
    let open: Vec<_> = examined
        .fields
        .iter()
        .map(|field| String::from_utf8_lossy(field.name).into_owned())
        .filter(|name| !COVERED.iter().any(|covered| covered.eq_ignore_ascii_case(name)))
        .collect();
    assert_eq!(open, ["Precedence", "Content-Language"]);
}

#[test]
fn fields_that_relays_add_or_refold_do_not_break_the_signature() {
    let (signer, message) = (signer(), message());
    let signed = String::from_utf8(signer.sign(&message, at()).unwrap()).unwrap();
    let relayed = format!(
        "Return-Path: <a@example.net>\r\nReceived: from a by b;\r\n today\r\n{}",
        signed.replacen("List-Unsubscribe: ", "list-unsubscribe:\r\n\t", 1).replacen(
            " <mailto:",
            "\t  <mailto:",
            1
        )
    );
    signer.verify(relayed.as_bytes()).unwrap();
}

#[test]
fn a_signature_by_another_key_does_not_verify() {
    let signed = ed25519_signer().sign(&message(), at()).unwrap();
    let pem = to_pem(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref());
    let other = Signer::new(vec![identity("e", &pem)]);
    assert_eq!(flaw(&other, &signed), Some(Why::Flaw(DkimError::Header)));
    let message = other.verify(&signed).unwrap_err().to_string();
    assert!(message.contains("e._domainkey.post.example.com"), "{message}");
}

#[test]
fn keys_written_by_openssl_are_read() {
    let pkcs8 = rsa_der();
    let from_pkcs8 = Key::from_pem(&to_pem(&pkcs8)).unwrap();
    // The PKCS#1 key is the octet string at the end of the PKCS#8 one (RFC 5208, 5).
    let pkcs1 = to_pem(&pkcs8[26..]).replace("PRIVATE KEY", "RSA PRIVATE KEY");
    assert_eq!(Key::from_pem(&pkcs1).unwrap().record(), from_pkcs8.record());
    assert_eq!(from_pkcs8.algorithm(), Algorithm::Rsa);
    let windows = format!("Bag Attributes\r\n{}", to_pem(&pkcs8).replace('\n', "\r\n"));
    assert_eq!(Key::from_pem(&windows).unwrap().record(), from_pkcs8.record());
}

#[test]
fn a_key_that_cannot_sign_is_rejected_with_the_reason() {
    let refused = |text: &str| Key::from_pem(text).unwrap_err();
    let pem = ed25519_pem();
    assert_eq!(refused(""), KeyError::NoPem);
    assert_eq!(refused(&"x".repeat(LINE * 1_000)), KeyError::NoPem);
    assert_eq!(refused(&pem.replace("PRIVATE", "PUBLIC")), KeyError::Public);
    assert_eq!(refused(&pem.replace("PRIVATE", "ENCRYPTED PRIVATE")), KeyError::Encrypted);
    assert_eq!(refused(pem.split("-----END").next().unwrap()), KeyError::Damaged);
    assert_eq!(refused(&pem.replace("\nMC", "\nM!")), KeyError::Damaged);
    assert!(matches!(refused(&to_pem(b"\x30\x03\x02\x01\x00")), KeyError::Kind(_)));
    assert_eq!(refused(RFC_8463_SHORT), KeyError::Short);
}

#[test]
fn a_key_does_not_show_its_private_half() {
    let key = Key::from_pem(&ed25519_pem()).unwrap();
    let shown = format!("{key:?} {:?}", ed25519_signer());
    assert!(!shown.contains(&RFC_8463_SEED[..20]) && shown.contains(RFC_8463_ED25519), "{shown}");
}

#[test]
fn domains_are_aligned_if_one_contains_the_other() {
    for (signing, from, aligned) in [
        ("example.com", "example.com", true),
        ("Example.com", "news.example.COM", true),
        ("mail.example.com", "example.com", true),
        ("notexample.com", "example.com", false),
        ("example.net", "example.com", false),
    ] {
        assert_eq!(is_aligned(signing, from), aligned, "{signing} {from}");
    }
}

#[test]
fn a_record_in_a_zone_file_is_split_into_strings_that_join_to_the_record() {
    let record = Key::from_pem(&to_pem(&rsa_der())).unwrap().record();
    let line = zone_line("s._domainkey.example.com", &record);
    let strings: Vec<_> = line.split('"').skip(1).step_by(2).collect();
    assert_eq!(strings.concat(), record);
    assert!(strings.len() == 2 && strings.iter().all(|string| string.len() <= 255));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_signed_message_verifies_and_has_short_lines(
        fields in proptest::collection::vec(("(From|Subject|To|X-Note|List-Id|from)", "[ -~가-힣]{0,40}"), 0..12),
        body in "([ \ta-z.가-힣]{0,20}\r\n){0,12}[a-z ]{0,3}",
        domain in "[a-z]{1,20}(\\.[a-z]{1,20}){1,2}",
    ) {
        let mut signer = ed25519_signer();
        signer.0[0].domain = domain;
        let head: Vec<_> = fields.iter().flat_map(|(name, value)| [name, ":", value, "\r\n"]).collect();
        let message = format!("{}\r\n{body}", head.concat());
        let signed = signer.sign(message.as_bytes(), at()).unwrap();
        let own = &signed[..signed.len() - message.len()];
        prop_assert!(own.split(|&byte| byte == b'\n').all(|line| line.len() <= LINE + 1));
    }

    #[test]
    fn any_bytes_are_signed_or_rejected_without_a_panic(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ed25519_signer().sign(&message, at());
        let _ = ed25519_signer().verify(&message);
    }

    #[test]
    fn any_file_is_a_key_or_rejected_without_a_panic(inside in "\\PC{0,80}", der in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Key::from_pem(&format!("-----BEGIN PRIVATE KEY-----\n{inside}"));
        let _ = Key::from_pem(&to_pem(&der));
    }

    #[test]
    fn any_tags_are_read_without_a_panic(value in "[ a-z=;:\r\n]{0,60}") {
        let message = format!("DKIM-Signature:{value}d=post.example.com;s=e\r\nFrom: a\r\n\r\n");
        prop_assert!(ed25519_signer().verify(message.as_bytes()).is_err());
    }
}
