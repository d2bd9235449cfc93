//! The address of a bucket: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.

use std::fmt;

/// Whose interface a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketKind {
    /// Amazon S3, and the many services with its interface.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl BucketKind {
    const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

/// A place in a bucket. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    /// Whose interface it has.
    pub kind: BucketKind,
    /// The name of the bucket, or of the container.
    pub name: String,
    /// The folder in it, without slashes around it; empty for the whole bucket.
    pub prefix: String,
}

const FORM: &str =
    "write it like \"s3://bucket/folder\", \"gs://bucket/folder\" or \"az://container/folder\"";

impl BucketUrl {
    /// Reads an address; an error is what is wrong, and what to write.
    pub(super) fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        let (scheme, rest) = text.split_once("://").ok_or(("it is not the address of a bucket", FORM))?;
        let kind = BucketKind::ALL
            .into_iter()
            .find(|kind| scheme == kind.scheme())
            .ok_or(("it is not the address of a bucket", FORM))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.contains('@') {
            return Err((
                "it contains a name or a password",
                "remove it; set the keys in the environment or in output.credentials_file",
            ));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        // Azure serves one container as a web site.
        let is_web = kind == BucketKind::Azure && name == "$web";
        if !is_web && (!(3..=222).contains(&name.len()) || !name.chars().all(is_name)) {
            return Err(("it has no valid name of a bucket", FORM));
        }
        let prefix = prefix.trim_end_matches('/');
        let is_folder = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['?', '#', '\\']);
        if !prefix.is_empty() && (!prefix.split('/').all(is_folder) || prefix.chars().any(char::is_control)) {
            return Err(("its folder is not valid", "write a plain path, without //, .., ? and #"));
        }
        Ok(Self { kind, name: name.to_owned(), prefix: prefix.to_owned() })
    }

    /// The key of an object: its path below the folder.
    pub fn key(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.kind.scheme(), self.name, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_provider_a_name_and_a_folder() {
        let url = BucketUrl::parse("s3://my-site/글/blog/").unwrap();
        assert_eq!((url.kind, url.key("rss.xml").as_str()), (BucketKind::S3, "글/blog/rss.xml"));
        assert_eq!(url.to_string(), "s3://my-site/글/blog");
        let url = BucketUrl::parse("gs://my_site.example").unwrap();
        assert_eq!((url.kind, url.key("a/b").as_str()), (BucketKind::Google, "a/b"));
        assert_eq!(BucketUrl::parse("az://$web").unwrap().name, "$web");
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for text in [
            "",
            "my-site",
            "https://my-site.s3.amazonaws.com/",
            "s3:/my-site",
            "s3://",
            "s3://a",
            "s3://key:secret@my-site",
            "s3://my site",
            "s3://my-site//a",
            "s3://my-site/../a",
            "s3://my-site/a?b",
            "S3://my-site",
            "s3://$web",
            "s3://my-site/a\nb",
        ] {
            let (_, help) = BucketUrl::parse(text).unwrap_err();
            assert!(help.starts_with("write") || help.starts_with("remove"), "{text}");
        }
    }
}
