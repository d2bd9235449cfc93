//! Complaints (RFC 5965): without a genuine token a report is ignored; with one it is about the delivery that the
//! token names.

#![no_main]

use letterpress::internals::inbox::{Classified, classify};
use letterpress::internals::store::{DeliveryNumber, ReportSubject};
use letterpress::internals::subscribers::token::{Purpose, Subject, TokenKeys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let keys = TokenKeys::generate([7; 32]);
    let token = keys.sign(Purpose::Bounce, &Subject::from(1_u64), 0);
    for (path, genuine) in
        [(format!("bounces+{token}@example.com"), true), ("kim@example.com".to_owned(), false)]
    {
        let mut mail = b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
                         --b\r\nContent-Type: message/feedback-report\r\n\r\n"
            .to_vec();
        mail.extend_from_slice(data);
        let returned = format!(
            "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <{path}>\r\n\r\nx\r\n--b--\r\n"
        );
        mail.extend_from_slice(returned.as_bytes());
        if let Classified::Report(report) = classify(&mail, &keys) {
            assert!(genuine, "a complaint without a token was believed");
            assert_eq!(report.subject, ReportSubject::Delivery(DeliveryNumber(1)));
        }
    }
});
