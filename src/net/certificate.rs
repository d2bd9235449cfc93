//! The facts of an X.509 certificate that the TLS library keeps to itself (RFC 5280), read from its DER.
//!
//! Nothing is verified here.

use chrono::{DateTime, NaiveDateTime, Utc};

/// When a certificate expires.
pub(crate) fn not_after(certificate: &[u8]) -> Option<DateTime<Utc>> {
    let Fields { validity, .. } = fields(certificate)?;
    let (_, _not_before, rest) = element(validity)?;
    let (kind, time, _) = element(rest)?;
    let time = std::str::from_utf8(time).ok()?;
    let time = match kind {
        // UTCTime has two digits for the year: those from 50 on are of the last century (RFC 5280, 4.1.2.5.1).
        0x17 if time.get(..2)? < "50" => format!("20{time}"),
        0x17 => format!("19{time}"),
        0x18 => time.to_owned(),
        _ => return None,
    };
    NaiveDateTime::parse_from_str(&time, "%Y%m%d%H%M%SZ").ok().map(|time| time.and_utc())
}

/// Issuer and subject of a certificate (RFC 5280, 4.1), each as its DER.
pub(crate) fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let Fields { issuer, subject, .. } = fields(certificate)?;
    Some((issuer, subject))
}

/// Some fields of a certificate, each as its DER.
struct Fields<'c> {
    issuer: &'c [u8],
    validity: &'c [u8],
    subject: &'c [u8],
}

fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version has its own tag and may be missing; serial number and algorithm follow.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    rest = element(rest)?.2;
    rest = element(rest)?.2;
    let (_, issuer, rest) = element(rest)?;
    let (_, validity, rest) = element(rest)?;
    let (_, subject, _) = element(rest)?;
    Some(Fields { issuer, validity, subject })
}

/// The first element of DER (X.690): its tag, its content, and the rest.
pub(crate) fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inner, rest) = rest.split_at_checked(length)?;
    Some((tag, inner, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn until(year: i32) -> Option<DateTime<Utc>> {
        let mut params = CertificateParams::new(["mail.example.com".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 3, 9);
        not_after(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_notations() {
        for year in [1999, 2027, 2049, 2051] {
            let end = until(year).unwrap_or_else(|| panic!("{year}"));
            assert_eq!(end.to_rfc3339(), format!("{year}-03-09T00:00:00+00:00"));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_certificate(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(not_after(&bytes).is_some() && names(&bytes).is_none(), false);
        }
    }
}
