//! `[output]`: where files are written, and how they get to where the site is served.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{BucketUrl, Span};

/// The `[output]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Where the feeds are written.
    pub directory: Utf8PathBuf,
    /// Whether to build a page for each post; `None` means only if no other program does.
    #[serde(default)]
    pub pages: Option<bool>,
    /// Whether to build a page for each issue that was mailed, and a list of them.
    #[serde(default)]
    pub issues: bool,
    /// Which compressed copies to write beside each file.
    pub compress: Vec<Compression>,
    /// Where emails are written as `.eml` files while there is no `[smtp]`.
    pub outbox: Utf8PathBuf,
    /// The bucket that what changed is uploaded to: `s3://`, `gs://` or `az://`.
    #[serde(default)]
    pub url: Option<String>,
    /// The address of the service, if it is not that of Amazon, Google or Microsoft.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The region of the bucket.
    #[serde(default)]
    pub region: Option<String>,
    /// A file with lines such as `AWS_ACCESS_KEY_ID=…`, over the environment.
    #[serde(default)]
    pub credentials_file: Option<Utf8PathBuf>,
    /// A program and its arguments, run after a build that changed something.
    #[serde(default)]
    pub command: Vec<String>,
    /// How long it may take.
    pub command_timeout: Span,
}

impl Output {
    /// The bucket, if there is one. Errors were reported when the configuration was read.
    pub fn bucket(&self) -> Option<BucketUrl> {
        BucketUrl::parse(self.url.as_deref()?).ok()
    }
}

/// A compression format, for web servers that serve precompressed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Compression {
    /// `.gz`
    #[serde(rename = "gzip")]
    Gzip,
    /// `.br`
    #[serde(rename = "br")]
    Brotli,
}
