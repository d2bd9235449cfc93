//! Delivery reports (RFC 3464, RFC 6533): a report is about the delivery that the token names, or it is ignored.
//! The reply of the server stays one bounded, printable line.

#![no_main]

use letterpress::internals::inbox::{Classified, classify};
use letterpress::internals::store::{DeliveryNumber, ReportKind, ReportSubject};
use letterpress::internals::subscribers::token::{Purpose, Subject, TokenKeys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let keys = TokenKeys::generate([7; 32]);
    // As a whole message: it contains no token of these keys, so it is ignored.
    assert!(!matches!(classify(data, &keys), Classified::Report(_)));
    // As the report within a bounce of delivery number 1.
    let token = keys.sign(Purpose::Bounce, &Subject::from(1_u64), 0);
    let mut mail = format!(
        "Return-Path: <>\r\nTo: bounces+{token}@example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n"
    )
    .into_bytes();
    mail.extend_from_slice(data);
    mail.extend_from_slice(b"\r\n--b--\r\n");
    if let Classified::Report(report) = classify(&mail, &keys) {
        assert_eq!(report.subject, ReportSubject::Delivery(DeliveryNumber(1)));
        if let ReportKind::Delivery(report) = report.kind {
            assert!(report.diagnostic.len() <= 1024 && !report.diagnostic.chars().any(char::is_control));
        }
    }
});
