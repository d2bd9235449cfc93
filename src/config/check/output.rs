//! `[output]`: where the site is uploaded to.

use url::Url;

use super::super::loopback::is_this_machine;
use super::super::{BucketKind, BucketUrl, Output};

pub(super) fn check_output(output: &Output, wrong: &mut impl FnMut(&str, &str, &str)) {
    let bucket = output.url.as_deref().map(BucketUrl::parse);
    match &bucket {
        Some(Err((what, help))) => wrong("output.url", what, help),
        Some(Ok(_)) if cfg!(not(feature = "object-store")) => wrong(
            "output.url",
            "this program was built without uploads to buckets",
            "install one that was built with the feature `object-store`, or use output.command",
        ),
        Some(Ok(_)) => {}
        None => {
            let keys = [
                ("output.endpoint", output.endpoint.is_some()),
                ("output.region", output.region.is_some()),
                ("output.credentials_file", output.credentials_file.is_some()),
            ];
            for (key, _) in keys.into_iter().filter(|(_, is_set)| *is_set) {
                wrong(key, "there is no output.url", "add url = \"s3://bucket\", or remove the line");
            }
        }
    }
    if let (Some(endpoint), Some(Ok(bucket))) = (&output.endpoint, &bucket) {
        check_endpoint(endpoint, bucket.kind, wrong);
    }
    if output.command.first().is_some_and(|program| program.trim().is_empty()) {
        wrong("output.command", "it names no program", "write it like [\"git\", \"push\"]");
    }
    if output.command_timeout.duration().is_zero() {
        wrong("output.command_timeout", "it is 0", "write 10m, which suits most programs");
    }
}

/// Requests of the S3 interface are signed, also their content, so it may be unencrypted. The others send a password.
fn check_endpoint(endpoint: &str, kind: BucketKind, wrong: &mut impl FnMut(&str, &str, &str)) {
    const FORM: &str = "write only the address, such as \"https://s3.example.com\"";
    let Ok(url) = Url::parse(endpoint) else {
        return wrong("output.endpoint", "it is not a web address", FORM);
    };
    let host = url.host_str().unwrap_or_default();
    if !matches!(url.scheme(), "https" | "http") || host.is_empty() {
        wrong("output.endpoint", "it is not a web address", FORM);
    } else if !url.username().is_empty() || url.password().is_some() {
        let help = "remove it; set the keys in the environment or in output.credentials_file";
        wrong("output.endpoint", "it contains a name or a password", help);
    } else if url.query().is_some() || url.fragment().is_some() {
        wrong("output.endpoint", "it has a query", FORM);
    } else if url.scheme() == "http" && kind != BucketKind::S3 && !is_this_machine(host) {
        wrong("output.endpoint", "without TLS, the credentials can be intercepted", "write https://");
    }
}
