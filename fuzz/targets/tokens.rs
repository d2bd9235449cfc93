//! Tokens: only tokens that these keys signed are accepted, and a key file is parsed or refused.

#![no_main]

use letterpress::internals::subscribers::token::{Purpose, Subject, TokenKeys};
use libfuzzer_sys::fuzz_target;

/// Edits of a token, as position and byte: the fuzzer cannot forge a MAC, but it can break one.
type Edits = Vec<(u8, u8)>;

fuzz_target!(|input: (u64, u32, Edits, String)| {
    let (number, generation, edits, text) = input;
    let keys = TokenKeys::generate([7; 32]);
    for purpose in [Purpose::Unsubscribe, Purpose::Bounce] {
        let token = keys.sign(purpose, &Subject::from(number), generation);
        let mut bytes = token.clone().into_bytes();
        for (at, byte) in &edits {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *byte;
        }
        for candidate in [String::from_utf8_lossy(&bytes).as_ref(), &format!("{text}{token}"), &text] {
            let Ok(claim) = keys.verify(purpose, candidate) else { continue };
            // It need not be the token above: the fuzzer observes comparisons and can reproduce tokens that it has
            // seen signed.
            let plain = keys.sign(purpose, &claim.subject, claim.generation);
            assert!(candidate.to_ascii_lowercase().contains(&plain), "{candidate:?} is not {plain}");
        }
        let other = if purpose == Purpose::Bounce { Purpose::Confirm } else { Purpose::Bounce };
        assert!(keys.verify(other, &token).is_err(), "a token for one purpose serves another");
    }
    if let Ok(keys) = TokenKeys::parse(&text) {
        assert_eq!(TokenKeys::parse(&keys.to_text()).expect("its own text").to_text(), keys.to_text());
    }
});
