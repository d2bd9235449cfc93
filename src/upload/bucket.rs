//! A bucket of Amazon S3, Google Cloud Storage, Azure, or a service with one of their interfaces.
//!
//! Every write is conditional, so that an object of another program is never replaced by accident. Large files are read and sent
//! in parts; the service joins them at the end, and a reader sees the old object until then.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, GetOptions, HeaderValue, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutResult, RetryConfig, UpdateVersion,
};

use super::UploadError;
use super::explain::explain;
use super::plan::{Inspected, Mark, Objects, Put, Remote, bare};
use super::record::ObjectVersion;
use crate::config::{BucketKind, BucketUrl};
use crate::text::hex;

/// Larger files are sent in parts of this size.
const PART: usize = 8 * 1024 * 1024;
/// The metadata of an object that holds its mark. Azure allows letters only.
const MARK: &str = "letterpress";
/// A bucket with more objects is not the place for a site.
const MOST: usize = 1_000_000;

const CONNECT: Duration = Duration::from_secs(10);
/// For one request: a part takes 45 kB/s at least.
const REQUEST: Duration = Duration::from_secs(180);
/// After this time a failed request is not repeated.
const RETRY: Duration = Duration::from_secs(60);
const RETRIES: usize = 4;

/// The service of a bucket, as configured.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) url: BucketUrl,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    /// Names and values over those of the environment, each with its line in the file of credentials.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) variables_file: String,
}

/// An open bucket.
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    url: BucketUrl,
}

impl Service {
    /// Nothing is connected to yet.
    pub(crate) fn open(&self) -> Result<Bucket, UploadError> {
        let store = match self.url.kind {
            BucketKind::S3 => self.s3()?,
            BucketKind::Google => self.google()?,
            BucketKind::Azure => self.azure()?,
        };
        Ok(Bucket { store, url: self.url.clone() })
    }

    fn s3(&self) -> Result<Arc<dyn ObjectStore>, UploadError> {
        let mut builder = AmazonS3Builder::from_env();
        for (name, value) in &self.variables {
            builder = builder.with_config(self.key::<AmazonS3ConfigKey>(name)?, value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        let built = builder
            .with_bucket_name(&self.url.name)
            .with_disable_bulk_delete(true)
            .with_client_options(self.client())
            .with_retry(retries())
            .build();
        Ok(Arc::new(built.map_err(|error| explain(&error, &self.url, "open", None))?))
    }

    fn google(&self) -> Result<Arc<dyn ObjectStore>, UploadError> {
        let mut builder = GoogleCloudStorageBuilder::from_env();
        for (name, value) in &self.variables {
            builder = builder.with_config(self.key::<GoogleConfigKey>(name)?, value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        let built = builder
            .with_bucket_name(&self.url.name)
            .with_client_options(self.client())
            .with_retry(retries())
            .build();
        Ok(Arc::new(built.map_err(|error| explain(&error, &self.url, "open", None))?))
    }

    fn azure(&self) -> Result<Arc<dyn ObjectStore>, UploadError> {
        let mut builder = MicrosoftAzureBuilder::from_env();
        for (name, value) in &self.variables {
            builder = builder.with_config(self.key::<AzureConfigKey>(name)?, value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        let built = builder
            .with_container_name(&self.url.name)
            .with_client_options(self.client())
            .with_retry(retries())
            .build();
        Ok(Arc::new(built.map_err(|error| explain(&error, &self.url, "open", None))?))
    }

    fn client(&self) -> ClientOptions {
        let is_plain = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        ClientOptions::new()
            .with_allow_http(is_plain)
            .with_connect_timeout(CONNECT)
            .with_timeout(REQUEST)
            .with_user_agent(HeaderValue::from_static(concat!("letterpress/", env!("CARGO_PKG_VERSION"))))
    }

    fn key<K: std::str::FromStr>(&self, name: &str) -> Result<K, UploadError> {
        K::from_str(&name.to_ascii_lowercase()).map_err(|_| {
            UploadError::lasting(
                format!("{}: {name} is not known for {}", self.variables_file, self.url),
                "use the names of the documentation, such as AWS_ACCESS_KEY_ID",
            )
        })
    }
}

fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY }
}

impl Bucket {
    /// The name of an object in messages.
    pub(super) fn name_of(&self, path: &Utf8Path) -> String {
        let slash = if self.url.prefix.is_empty() { "" } else { "/" };
        format!("{}{slash}{path}", self.url)
    }

    fn location(&self, path: &Utf8Path) -> Result<Path, UploadError> {
        Path::parse(self.url.key(path.as_str())).map_err(|_| {
            UploadError::lasting(
                format!("{} cannot be the name of an object", self.name_of(path)),
                "rename the file, or give the post another `slug`",
            )
        })
    }

    fn explain(&self, error: &Error, action: &str, path: &Utf8Path) -> UploadError {
        explain(error, &self.url, action, Some(&self.name_of(path)))
    }

    /// The objects that matter, with their tags.
    pub(super) async fn list(&self, matters: impl Fn(&Utf8Path) -> bool) -> Result<Objects, UploadError> {
        let wrong = |error: &Error| explain(error, &self.url, "list", None);
        let prefix = Path::parse(&self.url.prefix).map_err(|error| wrong(&error.into()))?;
        let mut listing = self.store.list(Some(&prefix).filter(|prefix| !prefix.as_ref().is_empty()));
        let (mut objects, mut number) = (Objects::new(), 0);
        while let Some(found) = listing.next().await {
            let found = found.map_err(|error| wrong(&error))?;
            number += 1;
            if number > MOST {
                return Err(UploadError::lasting(
                    format!("there are more than {MOST} objects in {}", self.url),
                    "let output.url name a folder of its own for the site",
                ));
            }
            let key = found.location.as_ref();
            let Some(path) = key.strip_prefix(&self.url.prefix).map(|path| path.trim_start_matches('/'))
            else {
                continue;
            };
            let path = Utf8PathBuf::from(path);
            if matters(&path) {
                let tag = found.e_tag.as_deref().map(|tag| bare(tag).to_owned());
                objects.insert(path, Remote { tag, inspected: None });
            }
        }
        Ok(objects)
    }

    /// The version and the mark of an object; `None` if there is none.
    pub(super) async fn inspect(&self, path: &Utf8Path) -> Result<Option<Inspected>, UploadError> {
        match self.store.get_opts(&self.location(path)?, GetOptions::new().with_head(true)).await {
            Ok(found) => {
                let mark = found.attributes.get(&Attribute::Metadata(MARK.into()));
                let version = ObjectVersion { etag: found.meta.e_tag, version: found.meta.version };
                Ok(Some(Inspected { version, mark: mark.and_then(|mark| Mark::read(mark.as_ref())) }))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.explain(&error, "read", path)),
        }
    }

    /// Writes an object; `None` if another version is there than the one to be replaced.
    pub(super) async fn put(
        &self,
        directory: &Utf8Path,
        put: &Put<'_>,
        mark: &Mark,
    ) -> Result<Option<ObjectVersion>, UploadError> {
        let path = &put.local.file.path;
        let written = if put.local.stamp.0 <= PART as u64 {
            self.put_whole(directory, put, mark).await?
        } else {
            // Parts cannot be joined conditionally everywhere, so the version is compared before.
            let there = self.inspect(path).await?.map(|there| there.version);
            if there != put.replaces {
                return Ok(None);
            }
            self.put_in_parts(directory, put, mark).await?
        };
        match written {
            Ok(result) => Ok(Some(ObjectVersion { etag: result.e_tag, version: result.version })),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.explain(&error, "write", path)),
        }
    }

    async fn put_whole(
        &self,
        directory: &Utf8Path,
        put: &Put<'_>,
        mark: &Mark,
    ) -> Result<Result<PutResult, Error>, UploadError> {
        let file = directory.join(&put.local.file.path);
        let bytes = std::fs::read(&file).map_err(|error| unreadable(&file, &error.to_string()))?;
        if hex(digest(&SHA256, &bytes).as_ref()) != put.local.sha256 {
            return Err(changed(&file));
        }
        let mode = match put.replaces.clone() {
            None => PutMode::Create,
            Some(ObjectVersion { etag, version }) => PutMode::Update(UpdateVersion { e_tag: etag, version }),
        };
        let options = PutOptions { mode, attributes: attributes(put, mark), ..PutOptions::default() };
        let location = self.location(&put.local.file.path)?;
        Ok(self.store.put_opts(&location, Bytes::from(bytes).into(), options).await)
    }

    async fn put_in_parts(
        &self,
        directory: &Utf8Path,
        put: &Put<'_>,
        mark: &Mark,
    ) -> Result<Result<PutResult, Error>, UploadError> {
        let file = directory.join(&put.local.file.path);
        let mut source = File::open(&file).map_err(|error| unreadable(&file, &error.to_string()))?;
        let options =
            PutMultipartOptions { attributes: attributes(put, mark), ..PutMultipartOptions::default() };
        let location = self.location(&put.local.file.path)?;
        let mut upload = match self.store.put_multipart_opts(&location, options).await {
            Ok(upload) => upload,
            Err(error) => return Ok(Err(error)),
        };
        let mut context = Context::new(&SHA256);
        loop {
            let mut part = Vec::with_capacity(PART);
            let read = (&mut source).take(PART as u64).read_to_end(&mut part);
            let sent = match read {
                Ok(0) if hex(context.clone().finish().as_ref()) == put.local.sha256 => {
                    return Ok(upload.complete().await);
                }
                Ok(0) => Err(changed(&file)),
                Err(error) => Err(unreadable(&file, &error.to_string())),
                Ok(_) => {
                    context.update(&part);
                    let sent = upload.put_part(Bytes::from(part).into()).await;
                    sent.map_err(|error| self.explain(&error, "write", &put.local.file.path))
                }
            };
            if let Err(error) = sent {
                // Otherwise the service keeps the parts, and they cost money.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
    }

    /// Deletes an object, if there is one.
    pub(super) async fn delete(&self, path: &Utf8Path) -> Result<(), UploadError> {
        match self.store.delete(&self.location(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain(&error, "delete", path)),
        }
    }
}

fn attributes(put: &Put<'_>, mark: &Mark) -> Attributes {
    let file = put.local.file;
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, file.media_type.clone().into());
    attributes.insert(Attribute::CacheControl, format!("public, max-age={}", file.max_age).into());
    if let Some(encoding) = file.encoding {
        attributes.insert(Attribute::ContentEncoding, encoding.into());
    }
    attributes.insert(Attribute::Metadata(MARK.into()), mark.to_text().into());
    attributes
}

fn unreadable(file: &Utf8Path, error: &str) -> UploadError {
    UploadError::lasting(
        format!("cannot read {file}: {error}"),
        "let the user that runs Letterpress read it, and run the command again",
    )
}

fn changed(file: &Utf8Path) -> UploadError {
    UploadError::passing(format!("{file} changed during the upload"), "the next run uploads it")
}
