//! Signed, scoped tokens: links, bounce addresses and headers carry them instead of an address.
//!
//! Pure: the secret bytes come from the caller. A token is `v1.kid.purpose.subject.generation.mac` in lower-case
//! letters, digits and hyphens, so that a mail server may change its case. Each purpose has its own key
//! (HKDF-SHA256, RFC 5869), so a token for one purpose is invalid for all others.

use std::fmt;

use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use crate::address::EmailAddress;
use crate::text::hex;

const VERSION: &str = "v1";
/// Genuine tokens are shorter; longer input is rejected.
const MAX_TOKEN: usize = 200;
/// 128 bits in base32.
const MAC_CHARS: usize = 26;
/// 80 bits in base32: see [`Purpose::Bounce`].
const BOUNCE_MAC_CHARS: usize = 16;
const BASE32: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";

/// What a key is used for; a token for one purpose cannot be used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Unsubscribes. Never expires.
    Unsubscribe,
    /// Confirms a sign-up; the generation is that of the consent.
    Confirm,
    /// Opens a subscriber's preferences.
    Manage,
    /// Is part of the envelope sender. An address has at most 64 bytes before the `@`, so its MAC has 80 bits: the
    /// minimum of RFC 2104, less than the half hash that it recommends. But each guess costs an email.
    Bounce,
    /// Makes Message-IDs; never a token.
    MessageId,
    /// Makes address keys; never a token.
    Address,
    /// Resubscribes: undoes an unsubscribe, which has the same generation.
    Undo,
    /// Opens a person's data, to read or to erase; the generation is the minute of its creation, since 1970.
    Data,
    /// Is part of a form: the generation is the second in which the form was shown, since 1970.
    Form,
    /// Approves an email that waits for its writer; its subject is the digest of the email.
    Approve,
}

impl Purpose {
    const ALL: [Self; 10] = [
        Self::Unsubscribe,
        Self::Confirm,
        Self::Manage,
        Self::Bounce,
        Self::MessageId,
        Self::Address,
        Self::Undo,
        Self::Data,
        Self::Form,
        Self::Approve,
    ];

    fn letter(self) -> &'static str {
        match self {
            Self::Unsubscribe => "u",
            Self::Confirm => "c",
            Self::Manage => "m",
            Self::Bounce => "b",
            Self::MessageId => "i",
            Self::Address => "a",
            Self::Undo => "r",
            Self::Data => "d",
            Self::Form => "f",
            Self::Approve => "p",
        }
    }

    fn mac_chars(self) -> usize {
        if self == Self::Bounce { BOUNCE_MAC_CHARS } else { MAC_CHARS }
    }
}

/// The subject of a token: the key of an address, or a number. Never the address itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The form in the token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address key, if it is one.
    pub fn address_key(&self) -> Option<[u8; 16]> {
        unbase32(&self.0)
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok().filter(|number: &u64| number.to_string() == self.0)
    }

    fn parse(raw: &str) -> Option<Self> {
        let subject = Self(raw.to_owned());
        (subject.address_key().is_some() || subject.number().is_some()).then_some(subject)
    }
}

impl From<[u8; 16]> for Subject {
    fn from(key: [u8; 16]) -> Self {
        Self(base32(&key))
    }
}

impl From<u64> for Subject {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

/// The content of a genuine token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The subject.
    pub subject: Subject,
    /// Which consent, attempt or message; a newer one may make it stale.
    pub generation: u32,
}

/// Why a token is refused. Only for the log: the client must see the same answer in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of the form of a token.
    #[error("it is not a token")]
    Malformed,
    /// Signed with a key that is no longer in the key file, or never was.
    #[error("its key is not in the key file")]
    UnknownKey,
    /// The signature does not match the content and the purpose.
    #[error("its signature is wrong")]
    Forged,
}

/// Why a key file cannot be used. No message repeats the content of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is not TOML, or has other keys than `id` and `secret`.
    #[error(
        "line {0}: this is not a key file; a key file has [[key]] tables with id = \"k1\" and secret = \"…\", and \
         nothing else. Restore it from a backup: with other keys, unsubscribe links of old emails stop working"
    )]
    Malformed(usize),
    /// No `[[key]]` at all.
    #[error("there is no key in it; restore it from a backup, or remove the file if no email was ever sent")]
    None,
    /// An id that is not possible in a token, or that is used twice.
    #[error(
        "the key id {0:?} is not usable; ids are different from one another, of one to eight of a-z and 0-9"
    )]
    Id(String),
    /// Not 32 bytes of base64, or bytes that are not random.
    #[error("the secret of {0:?} is not 32 random bytes in base64; `openssl rand -base64 32` makes one")]
    Secret(String),
}

/// The keys of a site. The first one signs; all of them verify. The **last** one, the oldest, also makes the address
/// keys and Message-IDs, so that all subscribers are still recognised after a new signing key was added.
pub struct TokenKeys(Vec<Key>);

struct Key {
    id: String,
    secret: [u8; 32],
    scoped: [hmac::Key; 10],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    secret: String,
}

impl TokenKeys {
    /// The keys of a new site, from 32 random bytes.
    pub fn generate(random: [u8; 32]) -> Self {
        Self(vec![Key::new("k1".to_owned(), random)])
    }

    /// Reads a key file.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let file: KeyFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            KeysError::Malformed(1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count())
        })?;
        let mut keys: Vec<Key> = Vec::with_capacity(file.key.len());
        for KeyEntry { id, secret } in file.key {
            let usable = (1..=8).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            if !usable || keys.iter().any(|key| key.id == id) {
                return Err(KeysError::Id(id));
            }
            let bytes = BASE64.decode(secret.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            match bytes.filter(looks_drawn) {
                Some(bytes) => keys.push(Key::new(id, bytes)),
                None => return Err(KeysError::Secret(id)),
            }
        }
        if keys.is_empty() { Err(KeysError::None) } else { Ok(Self(keys)) }
    }

    /// The content of the key file. It is secret: mode 0600.
    pub fn to_text(&self) -> String {
        let head = "# Signs the unsubscribe links of every email that was ever sent: keep it secret, and back it up.\n\
             # The first key signs. The last one identifies the subscribers in the ledger: never remove it.\n";
        let tables = self.0.iter().map(|key| {
            format!("\n[[key]]\nid = \"{}\"\nsecret = \"{}\"\n", key.id, BASE64.encode(key.secret))
        });
        std::iter::once(head.to_owned()).chain(tables).collect()
    }

    /// Inserts a new signing key, made of 32 random bytes, before the others.
    #[must_use]
    pub fn rotated(mut self, random: [u8; 32]) -> Self {
        let taken = |id: &String| self.0.iter().any(|key| key.id == *id);
        let id = (2..=u32::MAX).map(|number| format!("k{number}")).find(|id| !taken(id)).unwrap_or_default();
        self.0.insert(0, Key::new(id, random));
        self
    }

    /// A token. For [`Purpose::Bounce`] with a [`Subject`] that is a number, it has at most 64 characters together
    /// with a `bounces+` before it.
    pub fn sign(&self, purpose: Purpose, subject: &Subject, generation: u32) -> String {
        self.sign_with(None, purpose, subject, generation)
    }

    /// The same with the key `id`, so that a message that is sent again has the same token after a rotation.
    pub fn sign_with(
        &self,
        id: Option<&str>,
        purpose: Purpose,
        subject: &Subject,
        generation: u32,
    ) -> String {
        let wanted = self.0.iter().find(|key| Some(key.id.as_str()) == id);
        let Some(key) = wanted.or(self.0.first()) else { return String::new() };
        let claim = format!("{VERSION}.{}.{}.{}.{generation}", key.id, purpose.letter(), subject.as_str());
        let mac = key.mac(purpose, &claim);
        format!("{claim}.{mac}")
    }

    /// The id of the key that signs.
    pub fn signing_key(&self) -> Option<&str> {
        self.0.first().map(|key| key.id.as_str())
    }

    /// The content of `token`, if it was signed here for `purpose`. Upper case, and punctuation that mail programs
    /// append to a link, are accepted.
    pub fn verify(&self, purpose: Purpose, token: &str) -> Result<Claim, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let token = token.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
        let (claim, mac) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let fields: Vec<&str> = claim.split('.').collect();
        let &[VERSION, id, _, subject, generation] = fields.as_slice() else {
            return Err(TokenError::Malformed);
        };
        let subject = Subject::parse(subject).ok_or(TokenError::Malformed)?;
        let generation: u32 = generation.parse().map_err(|_| TokenError::Malformed)?;
        let key = self.0.iter().find(|key| key.id == id).ok_or(TokenError::UnknownKey)?;
        // The MAC covers the purpose letter in the token; the key of `purpose` decides, not the letter.
        let expected = key.mac(purpose, claim);
        constant_time::verify_slices_are_equal(expected.as_bytes(), mac.as_bytes())
            .map_err(|_| TokenError::Forged)?;
        Ok(Claim { subject, generation })
    }

    /// Identifies an address without revealing it: always the same for every spelling of the address.
    pub fn address_key(&self, address: &EmailAddress) -> [u8; 16] {
        self.root(Purpose::Address, &[address.normalised()])
    }

    /// Identifies a mailbox without revealing it: the same for all spellings that its provider delivers to one
    /// mailbox. Only for limits; as subscribers these addresses are distinct.
    pub fn mailbox_key(&self, address: &EmailAddress) -> [u8; 16] {
        self.root(Purpose::Address, &["mailbox", &address.one_mailbox()])
    }

    /// The part of a Message-ID before the `@`: 32 hex digits, always the same for this issue and subscriber.
    pub fn message_id_local(&self, issue: &str, address: &EmailAddress) -> String {
        let mac = self.root(Purpose::MessageId, &[issue, address.normalised()]);
        format!("{:032x}", u128::from_be_bytes(mac))
    }

    /// The `Message-ID` of the issue to a stored address, without angle brackets; `None` if the address was erased.
    pub fn message_id(&self, issue: &str, address: &str, domain: &str) -> Option<String> {
        let address = EmailAddress::parse(address).ok()?;
        Some(format!("{}@{domain}", self.message_id_local(issue, &address)))
    }

    /// Identifies the oldest key without revealing it: the address keys of a ledger depend on it.
    pub fn fingerprint(&self) -> String {
        hex(&self.root(Purpose::Address, &["fingerprint"]))
    }

    /// 128 bits of HMAC over the parts, with the oldest key.
    fn root(&self, purpose: Purpose, parts: &[&str]) -> [u8; 16] {
        let mut mac = [0; 16];
        if let Some(key) = self.0.last() {
            // The lengths are included, so different lists of parts never give the same bytes.
            let framed: Vec<u8> = parts
                .iter()
                .flat_map(|part| [&part.len().to_be_bytes()[..], part.as_bytes()].concat())
                .collect();
            mac.copy_from_slice(&hmac::sign(key.scope(purpose), &framed).as_ref()[..16]);
        }
        mac
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl Key {
    fn new(id: String, secret: [u8; 32]) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"letterpress v1").extract(&secret);
        let scoped = Purpose::ALL.map(|purpose| scoped(&root, purpose));
        Self { id, secret, scoped }
    }

    fn scope(&self, purpose: Purpose) -> &hmac::Key {
        &self.scoped[purpose as usize]
    }

    fn mac(&self, purpose: Purpose, claim: &str) -> String {
        let mut mac = base32(&hmac::sign(self.scope(purpose), claim.as_bytes()).as_ref()[..16]);
        mac.truncate(purpose.mac_chars());
        mac
    }
}

/// HKDF-Expand with the purpose as its info.
#[expect(
    clippy::expect_used,
    reason = "HKDF fails only beyond 255 blocks, and no key at all must never sign"
)]
fn scoped(root: &hkdf::Prk, purpose: Purpose) -> hmac::Key {
    let info = [purpose.letter().as_bytes()];
    let mut key = [0; 32];
    root.expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("one block of HKDF output");
    hmac::Key::new(hmac::HMAC_SHA256, &key)
}

/// Refuses example values: 32 random bytes have fewer than 8 different values once in more than 2^100 draws.
fn looks_drawn(secret: &[u8; 32]) -> bool {
    let mut bytes = *secret;
    bytes.sort_unstable();
    bytes.chunk_by(|a, b| a == b).count() >= 8
}

/// RFC 4648, section 6, in lower case and without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0);
    for &byte in bytes {
        buffer = (buffer << 8 | u32::from(byte)) & 0xFFF;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(BASE32[(buffer << (5 - bits)) as usize & 31]));
    }
    text
}

/// Decodes 26 characters to 16 bytes; each value has exactly one spelling.
fn unbase32(text: &str) -> Option<[u8; 16]> {
    if text.len() != MAC_CHARS {
        return None;
    }
    let mut value = 0_u128;
    for byte in text.bytes().take(MAC_CHARS - 1) {
        value = value << 5 | digit(byte)?;
    }
    // 26 characters have 130 bits: the last two must be zero.
    let last = text.bytes().last().and_then(digit)?;
    (last.trailing_zeros() >= 2).then(|| (value << 3 | last >> 2).to_be_bytes())
}

fn digit(byte: u8) -> Option<u128> {
    BASE32.iter().position(|known| *known == byte).and_then(|at| u128::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: [Purpose; 4] = [Purpose::Unsubscribe, Purpose::Confirm, Purpose::Manage, Purpose::Bounce];

    fn drawn(seed: u8) -> [u8; 32] {
        std::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(37).wrapping_add(seed))
    }

    fn keys() -> TokenKeys {
        TokenKeys::generate(drawn(1))
    }

    fn subscriber() -> EmailAddress {
        EmailAddress::parse("kim@example.com").unwrap()
    }

    #[test]
    fn a_token_is_valid_only_for_its_own_purpose() {
        let keys = keys();
        let subject = Subject::from(keys.address_key(&subscriber()));
        for made in Purpose::ALL {
            let token = keys.sign(made, &subject, 3);
            for used in Purpose::ALL {
                let verdict = keys.verify(used, &token);
                let relabelled =
                    token.replacen(&format!(".{}.", made.letter()), &format!(".{}.", used.letter()), 1);
                if made == used {
                    assert_eq!(verdict, Ok(Claim { subject: subject.clone(), generation: 3 }));
                } else {
                    assert_eq!(verdict, Err(TokenError::Forged), "{made:?} as {used:?}");
                    assert_eq!(
                        keys.verify(used, &relabelled),
                        Err(TokenError::Forged),
                        "{made:?} relabelled {used:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused() {
        let keys = keys();
        for purpose in TOKENS {
            for subject in [Subject::from(keys.address_key(&subscriber())), Subject::from(48_u64)] {
                let token = keys.sign(purpose, &subject, 10);
                for at in 0..token.len() {
                    for other in "abcdefghijklmnopqrstuvwxyz0123456789.-".chars() {
                        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                        let refused = keys.verify(purpose, &changed).is_err();
                        assert!(refused || changed == token, "{changed}");
                    }
                    assert!(keys.verify(purpose, &format!("{}{}", &token[..at], &token[at + 1..])).is_err());
                }
            }
        }
    }

    #[test]
    fn changes_by_mail_programs_do_not_break_a_token() {
        let keys = keys();
        let token = keys.sign(Purpose::Unsubscribe, &Subject::from(keys.address_key(&subscriber())), 0);
        let upper = token.to_uppercase();
        for mangled in [
            upper.as_str(),
            &format!("{token}."),
            &format!("<{token}>"),
            &format!("({token}),"),
            &format!(" {token}&\r\n"),
        ] {
            assert!(keys.verify(Purpose::Unsubscribe, mangled).is_ok(), "{mangled}");
        }
    }

    #[test]
    fn a_bounce_token_and_the_longest_configured_mailbox_fit_before_the_at_sign() {
        let token = keys().sign(Purpose::Bounce, &Subject::from(9_999_999_999_u64), 99);
        let local = format!("{}+{token}", "b".repeat(24));
        assert!(local.len() <= 64, "{local}");
        assert!(EmailAddress::parse(&format!("{local}@example.com")).is_ok());
        assert!(keys().sign(Purpose::Bounce, &Subject::from([255; 16]), 99).len() <= 64);
    }

    #[test]
    fn after_a_new_key_old_tokens_and_address_keys_stay_valid() {
        let old = keys();
        let (subject, name, id) = (
            Subject::from(7_u64),
            old.address_key(&subscriber()),
            old.message_id_local("tag:x", &subscriber()),
        );
        let token = old.sign(Purpose::Confirm, &subject, 1);
        let new = TokenKeys::parse(&old.rotated(drawn(2)).to_text()).unwrap();
        assert!(new.verify(Purpose::Confirm, &token).is_ok());
        assert!(new.sign(Purpose::Confirm, &subject, 1).starts_with("v1.k2."));
        assert_eq!(
            (new.address_key(&subscriber()), new.message_id_local("tag:x", &subscriber())),
            (name, id)
        );
        let stranger = TokenKeys::generate(drawn(3));
        assert_eq!(stranger.verify(Purpose::Confirm, &token), Err(TokenError::Forged));
        assert_eq!(
            stranger.verify(Purpose::Confirm, &new.sign(Purpose::Confirm, &subject, 1)),
            Err(TokenError::UnknownKey)
        );
    }

    #[test]
    fn an_address_key_hides_the_address_and_ignores_its_spelling() {
        let keys = keys();
        let other = EmailAddress::parse("KIM@Example.COM").unwrap();
        assert_eq!(keys.address_key(&subscriber()), keys.address_key(&other));
        let token = keys.sign(Purpose::Unsubscribe, &Subject::from(keys.address_key(&other)), 0);
        assert!(!token.contains("kim") && !token.contains('@'));
        assert_ne!(keys.message_id_local("a", &other), keys.message_id_local("b", &other));
        assert_eq!(keys.message_id_local("a", &other).len(), 32);
    }

    #[test]
    fn a_wrong_key_file_is_refused_and_its_content_is_not_shown() {
        let good = BASE64.encode(drawn(9));
        let file = |id: &str, secret: &str| format!("[[key]]\nid = \"{id}\"\nsecret = \"{secret}\"\n");
        assert!(TokenKeys::parse(&file("k1", &good)).is_ok());
        for (text, expected) in [
            (String::new(), "no key"),
            (file("k1", &BASE64.encode([7; 32])), "32 random bytes"),
            (file("k1", &BASE64.encode([1, 2, 3])), "32 random bytes"),
            (file("K1", &good), "not usable"),
            (format!("{0}{0}", file("k1", &good)), "not usable"),
            (format!("{}secrt = \"{good}\"\n", file("k1", &good)), "line "),
            (format!("[[key]]\nid = 1\nsecret = \"{good}"), "line "),
        ] {
            let message = TokenKeys::parse(&text).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains(&good), "{message}");
        }
        assert!(!format!("{:?}", TokenKeys::parse(&file("k1", &good)).unwrap()).contains(&good[..8]));
    }

    #[test]
    fn base32_follows_rfc_4648() {
        assert_eq!(
            ["f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base32(text.as_bytes())),
            ["my", "mzxq", "mzxw6", "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"]
        );
    }

    proptest! {
        #[test]
        fn random_text_is_never_a_token_and_never_panics(text in "(v1\\.k1\\.u\\.)?[a-z0-9.]{0,70}|\\PC{0,40}") {
            prop_assert!(keys().verify(Purpose::Unsubscribe, &text).is_err());
        }

        #[test]
        fn subjects_round_trip(key in any::<[u8; 16]>(), number in any::<u64>(), generation in any::<u32>()) {
            for subject in [Subject::from(key), Subject::from(number)] {
                let token = keys().sign(Purpose::Manage, &subject, generation);
                let claim = keys().verify(Purpose::Manage, &token).unwrap();
                prop_assert_eq!((&claim.subject, claim.generation), (&subject, generation));
                prop_assert!(token.len() <= MAX_TOKEN);
            }
            prop_assert_eq!(Subject::from(key).address_key(), Some(key));
            prop_assert_eq!(Subject::from(number).number(), Some(number));
        }
    }
}
