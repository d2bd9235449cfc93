//! Finds out which content the files of the site have.

use std::fs::File;
use std::io::{self, Read as _};

use aws_lc_rs::digest::{Context, SHA256};
use camino::Utf8Path;
use rayon::prelude::*;

use super::UploadError;
use super::record::Record;
use super::site_file::{FileStamp, LocalFile, SiteFile};
use crate::text::hex;

/// A file with the size and time in the record is not read again.
pub(crate) fn scan<'f>(
    directory: &Utf8Path,
    files: &'f [SiteFile],
    known: &Record,
) -> Result<Vec<LocalFile<'f>>, UploadError> {
    let one = |file: &'f SiteFile| -> io::Result<LocalFile<'f>> {
        let path = directory.join(&file.path);
        let stamp = stamp(&path)?;
        let known = known.files.get(&file.path).filter(|known| known.stamp == stamp);
        let sha256 = known.map_or_else(|| sha256(&path), |known| Ok(known.sha256.clone()))?;
        Ok(LocalFile { file, sha256, stamp })
    };
    files
        .par_iter()
        .map(|file| {
            one(file).map_err(|error| {
                let path = directory.join(&file.path);
                UploadError::lasting(
                    format!("cannot read {path}: {error}"),
                    "let the user that runs Letterpress read it, and run the command again",
                )
            })
        })
        .collect()
}

fn stamp(path: &Utf8Path) -> io::Result<FileStamp> {
    let meta = path.metadata()?;
    let modified = meta.modified()?.duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other)?;
    Ok((meta.len(), modified.as_nanos()))
}

fn sha256(path: &Utf8Path) -> io::Result<String> {
    let (mut file, mut context, mut buffer) = (File::open(path)?, Context::new(&SHA256), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(context.finish().as_ref())),
            length => context.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::record::FileRecord;
    use super::super::site_file::Role;
    use super::*;

    #[test]
    fn a_file_with_the_recorded_size_and_time_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(folder.path()).unwrap();
        fs::write(directory.join("글.html"), "a").unwrap();
        let media_type = "text/html; charset=utf-8".to_owned();
        let file =
            SiteFile { path: "글.html".into(), role: Role::Page, media_type, max_age: 300, encoding: None };
        let files = [file];
        let mut record = Record::default();
        let found = scan(directory, &files, &record).unwrap();
        assert!(found[0].sha256.starts_with("ca978112ca1bbdca"), "{}", found[0].sha256);
        let known = FileRecord { sha256: "known".to_owned(), stamp: found[0].stamp, version: None };
        record.files.insert("글.html".into(), known);
        assert_eq!(scan(directory, &files, &record).unwrap()[0].sha256, "known");
        fs::write(directory.join("글.html"), "ab").unwrap();
        assert_ne!(scan(directory, &files, &record).unwrap()[0].sha256, "known");
        fs::remove_file(directory.join("글.html")).unwrap();
        let error = scan(directory, &files, &record).unwrap_err();
        assert!(error.what.contains("글.html") && error.is_lasting, "{error:?}");
    }
}
