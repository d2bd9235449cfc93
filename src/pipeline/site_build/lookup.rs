//! Finds the post that an argument names by a path, a file name, a slug or an id.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use unicode_normalization::UnicodeNormalization as _;

use crate::archive::folder::SeriesStep;
use crate::archive::{Archive, Post, SkipReason, SkippedFile, folder};
use crate::config::Config;
use crate::dates;
use crate::pipeline::session::run_error::RunError;
use crate::platform::slashed;
use crate::text::shell_quoted;

/// How many posts an error message lists.
const NAMED: usize = 3;

/// A post, published or not.
#[derive(Debug)]
pub enum FoundPost<'a> {
    /// A published post.
    Published(&'a Post),
    /// An unpublished post with a provisional id, and why it is not published.
    Unpublished(Box<Post>, SkipReason),
    /// An email of a series.
    Step(Box<Post>, SeriesStep),
}

impl FoundPost<'_> {
    /// The post itself.
    pub fn post(&self) -> &Post {
        match self {
            Self::Published(post) => post,
            Self::Unpublished(post, _) | Self::Step(post, _) => post,
        }
    }

    /// Why it is not published, if it is not.
    pub fn skip_reason(&self) -> Option<String> {
        match self {
            Self::Published(_) | Self::Step(..) => None,
            Self::Unpublished(post, why) => Some(format!("{} {}", post.source, why.describe()?)),
        }
    }
}

/// The published post that `wanted` names.
pub(crate) fn find<'a>(config: &Config, archive: &'a Archive, wanted: &str) -> Result<&'a Post, RunError> {
    let wanted = PostQuery::new(config, wanted);
    let exact = |post: &&Post| wanted.is_exactly(&post.source, Some(post));
    let loose = |post: &&Post| wanted.is_named(&post.source, Some(post));
    if let Some(post) = wanted.only(archive.posts.iter().filter(exact), |post| &post.source)? {
        return Ok(post);
    }
    let skipped = archive.skipped.iter().find(|left| wanted.is_exactly(&left.source, None));
    if skipped.is_none()
        && let Some(post) = wanted.only(archive.posts.iter().filter(loose), |post| &post.source)?
    {
        return Ok(post);
    }
    let skipped = skipped.or_else(|| archive.skipped.iter().find(|left| wanted.is_named(&left.source, None)));
    Err(match skipped.and_then(|left| Some((left, left.reason.describe()?))) {
        Some((left, why)) => RunError::user(
            format!("{} {why}", left.source),
            format!(
                "`letterpress send --to you@example.com --post {}` sends a test email of it",
                shell_quoted(left.source.as_str())
            ),
        ),
        None => wanted.nothing(archive),
    })
}

/// The post that `wanted` names, published or not.
pub(crate) fn find_with_skipped<'a>(
    config: &Config,
    archive: &'a Archive,
    wanted: &str,
    now: DateTime<Utc>,
) -> Result<FoundPost<'a>, RunError> {
    let query = PostQuery::new(config, wanted);
    let by_file = |left: &&SkippedFile| query.is_exactly(&left.source, None);
    let by_name = |left: &&SkippedFile| query.is_named(&left.source, None);
    let preview = |left: &SkippedFile| match folder::preview(config, archive, &left.source, now) {
        _ if !left.reason.is_of_a_post() => Err(RunError::user(
            format!("{} {}", left.source, left.reason.describe().unwrap_or_default()),
            "name a post",
        )),
        Ok(post) => Ok(FoundPost::Unpublished(Box::new(post), left.reason.clone())),
        Err(findings) => Err(RunError::Findings(findings)),
    };
    let published = find(config, archive, wanted);
    // An exact path takes precedence over a slug that another post has too.
    if let Some(left) = archive.skipped.iter().find(by_file) {
        return preview(left);
    }
    let missing = match published {
        Ok(post) => return Ok(FoundPost::Published(post)),
        Err(missing) => missing,
    };
    if let Some(left) = query.only(archive.skipped.iter().filter(by_name), |left| &left.source)? {
        return preview(left);
    }
    if let Some(step) = step_named(config, wanted, now)? {
        let post = folder::read_step(config, archive, &step, now).map_err(RunError::Findings)?;
        return Ok(FoundPost::Step(Box::new(post), step));
    }
    // The slugs and ids of unpublished posts are only in their files. Files with errors are ignored here.
    let skipped = archive.skipped.iter().filter(|left| left.reason.is_of_a_post());
    let read: Vec<(Post, &SkippedFile)> = skipped
        .filter_map(|left| Some((folder::preview(config, archive, &left.source, now).ok()?, left)))
        .filter(|(post, left)| {
            query.is_exactly(&left.source, Some(post)) || query.is_named(&left.source, Some(post))
        })
        .collect();
    match query.only(read.into_iter(), |(post, _)| &post.source)? {
        Some((post, left)) => Ok(FoundPost::Unpublished(Box::new(post), left.reason.clone())),
        None => Err(missing),
    }
}

/// The email of a series with this name or in this file.
fn step_named(config: &Config, wanted: &str, now: DateTime<Utc>) -> Result<Option<SeriesStep>, RunError> {
    let wanted = wanted.trim_start_matches("./");
    let series = folder::read_series(config, now).map_err(RunError::Findings)?;
    let mut steps = series.into_iter().flat_map(|series| series.steps);
    Ok(steps.find(|step| same(step.source.as_str(), wanted) || same(&step.name, wanted)))
}

/// The argument.
struct PostQuery {
    text: String,
    /// The post files that it may be the path of.
    paths: Vec<Utf8PathBuf>,
}

impl PostQuery {
    fn new(config: &Config, typed: &str) -> Self {
        let text: String = slashed(typed.trim().into()).as_str().nfc().collect();
        let path = Utf8Path::new(text.trim_end_matches('/'));
        let path = path.strip_prefix("./").unwrap_or(path);
        let posts = &config.archive.posts;
        let mut paths = vec![path.to_owned(), posts.join(path)];
        // The path relative to the current folder.
        let root = config.resolve(posts).canonicalize_utf8();
        if let (Ok(root), Ok(real)) = (root, Utf8Path::new(typed.trim()).canonicalize_utf8())
            && let Ok(relative) = real.strip_prefix(&root)
        {
            paths.push(posts.join(relative));
        }
        Self { text, paths }
    }

    fn is_exactly(&self, source: &Utf8Path, post: Option<&Post>) -> bool {
        let bundle = source.parent().filter(|_| source.file_stem() == Some("index"));
        let is = |path: &Utf8Path| {
            self.paths
                .iter()
                .any(|wanted| same(slashed(wanted.clone()).as_str(), slashed(path.to_owned()).as_str()))
        };
        is(source) || bundle.is_some_and(is) || post.is_some_and(|post| post.id == self.text)
    }

    fn is_named(&self, source: &Utf8Path, post: Option<&Post>) -> bool {
        let bundle = source.parent().filter(|_| source.file_stem() == Some("index"));
        let names = [source.file_name(), source.file_stem(), bundle.and_then(Utf8Path::file_name)];
        // The date at the beginning of a file name may be omitted.
        let is_it = |name: &str| {
            same(name, &self.text) || dates::in_name(name).is_some_and(|(_, rest)| same(rest, &self.text))
        };
        let is_name = names.into_iter().flatten().any(is_it);
        is_name || post.is_some_and(|post| same(&post.slug, &self.text))
    }

    /// The only match; several matches are an error that lists them.
    fn only<T>(
        &self,
        found: impl Iterator<Item = T>,
        source: impl Fn(&T) -> &Utf8Path,
    ) -> Result<Option<T>, RunError> {
        let mut found: Vec<T> = found.collect();
        if found.len() < 2 {
            return Ok(found.pop());
        }
        let files: Vec<&str> = found.iter().take(NAMED).map(|found| source(found).as_str()).collect();
        let more = if found.len() > NAMED { ", …" } else { "" };
        Err(RunError::user(
            format!("{:?} matches several posts: {}{more}", self.text, files.join(", ")),
            "give the path of the file",
        ))
    }

    fn nothing(&self, archive: &Archive) -> RunError {
        let published = archive.posts.iter().map(|post| (post.slug.as_str(), &post.source));
        let skipped = archive.skipped.iter().filter(|left| left.reason.is_of_a_post());
        let skipped = skipped.map(|left| (left.source.file_stem().unwrap_or_default(), &left.source));
        let mut near: Vec<_> = published
            .chain(skipped)
            .filter_map(|(name, source)| Some((self.distance(name, source)?, source)))
            .collect();
        near.sort();
        let near: Vec<&str> = near.iter().take(NAMED).map(|(_, source)| source.as_str()).collect();
        let help = "give its file, its slug or its id";
        let help = match near.as_slice() {
            [] => help.to_owned(),
            near => format!("{help}; similar: {}", near.join(", ")),
        };
        RunError::user(format!("there is no post {:?}", self.text), help)
    }

    /// The edit distance between a post's name and the argument; `None` if they are not similar.
    fn distance(&self, name: &str, source: &Utf8Path) -> Option<usize> {
        let typed = Utf8Path::new(&self.text).file_stem().unwrap_or(&self.text).to_lowercase();
        let distance = [name, source.file_stem().unwrap_or_default()]
            .into_iter()
            .map(|name| name.nfc().collect::<String>().to_lowercase())
            .map(|name| if name.contains(&typed) { 0 } else { strsim::osa_distance(&name, &typed) })
            .min()?;
        (distance <= (typed.chars().count() / 3).max(1)).then_some(distance)
    }
}

/// Compares normalised: a file system may store Hangul in another Unicode form than a keyboard enters.
fn same(one: &str, other: &str) -> bool {
    one == other || one.nfc().eq(other.nfc())
}
