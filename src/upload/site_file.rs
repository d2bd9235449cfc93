//! The files of the site in the public folder.

use camino::Utf8PathBuf;

/// Size and modification time of a file.
pub(crate) type FileStamp = (u64, u128);

/// What a file is for. What is linked to comes before what links to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// An image, a style sheet, an enclosure.
    Asset,
    /// A web page.
    Page,
    /// A page of a feed's archive.
    Archive,
    /// What feed readers ask for.
    Feed,
}

/// A file of the site, and the headers that it is served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteFile {
    /// Relative to the public folder.
    pub(crate) path: Utf8PathBuf,
    pub(crate) role: Role,
    pub(crate) media_type: String,
    /// Seconds.
    pub(crate) max_age: u64,
    /// Of a compressed copy.
    pub(crate) encoding: Option<&'static str>,
}

/// A file and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile<'f> {
    pub(crate) file: &'f SiteFile,
    pub(crate) sha256: String,
    pub(crate) stamp: FileStamp,
}
