//! Addresses: an accepted address contains nothing that could break a command or a header, and round-trips.

#![no_main]

use letterpress::internals::address::{EmailAddress, Mailbox};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = EmailAddress::parse(text) {
        let plain = address.as_str();
        assert!(plain.len() <= 254 && address.local_part().len() <= 64 && address.domain().is_ascii());
        assert!(
            !plain.contains(|c: char| c.is_control() || c.is_whitespace() || "<>,;:\"()[]\\".contains(c))
        );
        assert_eq!(EmailAddress::parse(plain).expect("its own text").normalised(), address.normalised());
        assert_eq!(plain.matches('@').count(), 1);
    }
    if let Ok(mailbox) = Mailbox::parse(text) {
        assert!(!mailbox.to_string().contains(['\r', '\n', '\0']));
    }
});
