//! Reading the files of the folder of posts and of the site around it.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::picture_size::picture_size;
use crate::archive::enclosure::Measure;
use crate::archive::post_file::MAX_BODY;
use crate::archive::site::Site;
use crate::config::{Config, Generator};
use crate::platform::{FileIdentity, FileTime, times};

/// How much of a generator's configuration is read to identify it.
pub(super) const MAX_SITE: u64 = 256 * 1024;

/// Front matter and body, with some room for the fences.
const MAX_FILE: u64 = MAX_BODY as u64 + 128 * 1024;

/// The absolute path of the folder of posts.
pub(super) fn posts_folder(config: &Config) -> Utf8PathBuf {
    let posts = config.resolve(&config.archive.posts);
    posts.canonicalize_utf8().unwrap_or(posts)
}

/// The site that contains the folder of posts.
pub(super) fn site(config: &Config) -> Site {
    let posts = posts_folder(config);
    let text_of = |path: &Utf8Path| {
        let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
        let mut bytes = Vec::new();
        file.take(MAX_SITE).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    // Posts from a feed are written by Letterpress, whatever other files are beside them.
    let generator = config.archive.generator.or(config.archive.feed.as_ref().map(|_| Generator::Plain));
    Site::around(&posts, generator, &text_of)
}

/// The files below the folder of the configuration.
pub(super) struct FilesOf<'c>(pub(super) &'c Config);

impl Measure for FilesOf<'_> {
    fn length(&self, file: &Utf8Path) -> Option<u64> {
        self.0.resolve(file).metadata().ok().filter(Metadata::is_file).map(|stat| stat.len())
    }

    fn size(&self, file: &Utf8Path) -> Option<(u32, u32)> {
        picture_size(&self.0.resolve(file))
    }
}

pub(super) fn numbers(stat: &Metadata) -> [i128; 4] {
    let nanoseconds = |(seconds, rest): FileTime| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let (modified, changed) = times(stat);
    [
        i128::from(stat.len()),
        nanoseconds(modified),
        nanoseconds(changed),
        i128::from(FileIdentity::of(stat).inode),
    ]
}

/// The whole file; an error if it is too large or keeps changing.
pub(super) fn read_file(path: &Utf8Path) -> io::Result<Vec<u8>> {
    for _ in 0..3 {
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        if before.len() > MAX_FILE {
            return Err(io::Error::other(format!(
                "it is {} MB long; 10 MB is the limit",
                before.len() / 1_000_000
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
        (&mut file).take(MAX_FILE).read_to_end(&mut bytes)?;
        // An editor may be writing the file; half a post must not be published.
        if numbers(&before) == numbers(&file.metadata()?) && bytes.len() as u64 == before.len() {
            return Ok(bytes);
        }
    }
    Err(io::Error::other("it changes while it is being read"))
}
