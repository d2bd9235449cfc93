//! What an error of a service means, and what to do. The library's own text has addresses that may contain signatures, and is
//! never printed.

use std::error::Error as _;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::UploadError;
use crate::config::{BucketKind, BucketUrl};
use crate::text::clipped;

const AGAIN: &str = "the next run tries again";

/// What a service replied.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reply {
    status: Option<u16>,
    /// The name of the error, such as `NoSuchBucket`.
    code: String,
    message: String,
}

impl Reply {
    /// Reads it from the text of the library: the status, and then the body of the response.
    fn read(text: &str) -> Self {
        let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
        let element = |name: &str| {
            let (inside, _) = after(&format!("<{name}>"))?.split_once(&format!("</{name}>"))?;
            Some(clipped(inside))
        };
        Self {
            status: after("status code: ").and_then(|rest| rest.get(..3)?.parse().ok()),
            code: element("Code").unwrap_or_default(),
            message: element("Message").unwrap_or_default(),
        }
    }
}

/// Explains an error. `action` is what was tried: to open, list, read, write or delete; `object` is on what, if not on the bucket.
pub(super) fn explain(error: &Error, bucket: &BucketUrl, action: &str, object: Option<&str>) -> UploadError {
    let text = error.to_string();
    let bucket_name = bucket.to_string();
    let place = object.unwrap_or(&bucket_name);
    let what = |why: &str| format!("cannot {action} {place}: {why}");
    // The machines of the three services ask these addresses for their keys.
    if ["169.254.", "metadata.google.internal", "168.63.129.16"].iter().any(|host| text.contains(host)) {
        return UploadError::lasting(
            what(
                "there are no keys in the environment or in output.credentials_file, and this machine has no role",
            ),
            "set the keys; docs/hosting.md lists their names",
        );
    }
    if let Some(found) = chain(error).find_map(|cause| cause.downcast_ref::<HttpError>()) {
        return unreachable(error, found.kind(), &what);
    }
    let reply = Reply::read(&text);
    let told = match (reply.code.as_str(), reply.status) {
        ("", Some(status)) => format!("status {status}"),
        (code, _) => code.to_owned(),
    };
    let told = if reply.message.is_empty() { told } else { format!("{told}: {}", reply.message) };
    match (reply.code.as_str(), reply.status) {
        ("RequestTimeTooSkewed", _) => UploadError::lasting(
            what("the clock of this machine is wrong"),
            "set the clock of this machine (`timedatectl set-ntp true`), and run the command again",
        ),
        ("NoSuchBucket" | "ContainerNotFound", _) => no_bucket(bucket),
        (_, Some(404)) if action == "list" => no_bucket(bucket),
        ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException", _) => {
            UploadError::lasting(what(&told), "set output.region to the region of the bucket")
        }
        _ if text.contains("incorrectly configured region") || matches!(reply.status, Some(301 | 307)) => {
            let why = "the bucket is in another region";
            UploadError::lasting(what(why), "set output.region to the region of the bucket")
        }
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthenticationFailed" | "ExpiredToken", _)
        | (_, Some(401)) => UploadError::lasting(what(&told), keys_help(bucket.kind)),
        (_, Some(403)) => UploadError::lasting(what(&told), permissions_help(bucket.kind)),
        (_, Some(501)) | ("NotImplemented", _) if action == "write" => UploadError::lasting(
            what(&told),
            "this service cannot write conditionally (If-Match), so two machines could overwrite each other; use output.command \
             with its own program",
        ),
        (_, Some(429 | 500..)) => UploadError::passing(what(&told), AGAIN),
        (_, Some(_)) => UploadError::lasting(what(&told), "correct output.url or output.endpoint"),
        (_, None) => without_reply(error, &text, bucket, &what),
    }
}

/// An error before any request, or of the search for credentials.
fn without_reply(
    error: &Error,
    text: &str,
    bucket: &BucketUrl,
    what: &dyn Fn(&str) -> String,
) -> UploadError {
    if matches!(error, Error::NotImplemented { .. }) {
        return UploadError::lasting(
            what("conditional writes are switched off in the environment"),
            "unset AWS_CONDITIONAL_PUT",
        );
    }
    if text.contains("invalid path") {
        let why = "there is an object whose name is not a plain path";
        return UploadError::lasting(what(why), "let output.url name a folder of its own for the site");
    }
    UploadError::lasting(what(&deepest(error)), keys_help(bucket.kind))
}

fn no_bucket(bucket: &BucketUrl) -> UploadError {
    let help = "create it, or correct output.url, output.endpoint or output.region";
    UploadError::lasting(format!("there is no bucket {}", bucket.name), help)
}

/// No response, or only a part of one.
fn unreachable(error: &Error, kind: HttpErrorKind, what: &dyn Fn(&str) -> String) -> UploadError {
    let why = deepest(error);
    let help = match kind {
        _ if why.contains("lookup") || why.contains("resolve") => {
            "check output.endpoint and output.region, and whether this machine has a network; the next run tries again"
        }
        _ if why.contains("certificate") => {
            "the certificate of output.endpoint must be valid for its name and from a known authority"
        }
        HttpErrorKind::Timeout => {
            "the service or the network is slow; the next run goes on where this one stopped"
        }
        _ => "check output.endpoint; the next run tries again",
    };
    UploadError::passing(what(&why), help)
}

/// The first cause, which contains no address.
fn deepest(error: &Error) -> String {
    let last = chain(error).last().map(ToString::to_string).unwrap_or_default();
    let is_private = last.contains("://") || last.contains("signature=") || last.contains("sig=");
    if is_private || last.is_empty() { "the request failed".to_owned() } else { clipped(&last) }
}

fn chain(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

fn keys_help(kind: BucketKind) -> &'static str {
    match kind {
        BucketKind::S3 => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment or in output.credentials_file"
        }
        BucketKind::Google => {
            "check GOOGLE_SERVICE_ACCOUNT, in the environment or in output.credentials_file"
        }
        BucketKind::Azure => {
            "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, in the environment or in output.credentials_file"
        }
    }
}

fn permissions_help(kind: BucketKind) -> &'static str {
    match kind {
        BucketKind::S3 => {
            "give the keys s3:ListBucket for the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject in its folder"
        }
        BucketKind::Google => "give the account the role Storage Object User for the bucket",
        BucketKind::Azure => "give the account the role Storage Blob Data Contributor for the container",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(reply: &str) -> UploadError {
        let bucket = BucketUrl { kind: BucketKind::S3, name: "my-site".to_owned(), prefix: String::new() };
        let source =
            format!("Error performing PUT https://s3.example/my-site/rss.xml?sig=LEAK in 1ms - {reply}")
                .into();
        explain(&Error::Generic { store: "S3", source }, &bucket, "write", Some("s3://my-site/rss.xml"))
    }

    fn replied(status: &str, code: &str) -> UploadError {
        let body = format!("<Error><Code>{code}</Code><Message>why</Message><Key>LEAK</Key></Error>");
        explained(&format!("Server returned non-2xx status code: {status}: {body}"))
    }

    #[test]
    fn every_error_names_the_object_and_the_next_step_and_no_address() {
        for (error, words, help, is_lasting) in [
            (replied("403 Forbidden", "AccessDenied"), "AccessDenied: why", "s3:PutObject", true),
            (replied("403 Forbidden", "RequestTimeTooSkewed"), "the clock", "timedatectl", true),
            (
                replied("403 Forbidden", "SignatureDoesNotMatch"),
                "SignatureDoesNotMatch",
                "AWS_SECRET_ACCESS_KEY",
                true,
            ),
            (replied("400 Bad Request", "AuthorizationHeaderMalformed"), "why", "output.region", true),
            (replied("501 Not Implemented", "NotImplemented"), "why", "output.command", true),
            (replied("503 Slow Down", "SlowDown"), "SlowDown", "next run", false),
            (
                explained("Server returned non-2xx status code: 500 Internal Server Error: "),
                "status 500",
                "next run",
                false,
            ),
            (
                explained(
                    "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
                ),
                "another region",
                "output.region",
                true,
            ),
        ] {
            assert!(error.what.starts_with("cannot write s3://my-site/rss.xml: "), "{error:?}");
            assert!(error.what.contains(words) && error.help.contains(help), "{error:?}");
            assert_eq!(error.is_lasting, is_lasting, "{error:?}");
            assert!(!error.what.contains("LEAK") && !error.help.contains("LEAK"), "{error:?}");
        }
        let source = "Error performing GET http://169.254.169.254/latest/ in 1s - Server returned non-2xx status code: 403 Forbidden: ";
        let bucket = BucketUrl { kind: BucketKind::S3, name: "my-site".to_owned(), prefix: String::new() };
        let error = explain(&Error::Generic { store: "S3", source: source.into() }, &bucket, "list", None);
        assert!(error.what.contains("there are no keys") && error.help.contains("hosting.md"), "{error:?}");
        let error = replied("404 Not Found", "NoSuchBucket");
        assert!(
            error.what.contains("there is no bucket my-site") && error.help.contains("create it"),
            "{error:?}"
        );
    }

    #[test]
    fn a_cause_that_contains_an_address_is_not_repeated() {
        let error = explained("connection to https://s3.example/?X-Amz-Signature=LEAK failed");
        assert!(!format!("{error:?}").contains("LEAK"), "{error:?}");
    }
}
