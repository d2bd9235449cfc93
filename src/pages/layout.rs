//! Decides which pages exist and what each is made from. Pages are rendered on demand.
//!
//! A long list is split into pages counted from the oldest post, so that a new post changes only the list's first page.

use std::collections::HashMap;
use std::ops::Range;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::Datelike as _;
use rayon::prelude::*;

use super::fields::{self, Fields};
use super::templates::{PageRenderer, PageTemplates};
use super::{MARK, Page, STYLE_MARK, STYLE_SHEET, body, local};
use crate::archive::{Archive, Post, markdown};
use crate::config::Config;
use crate::feeds::{self, Document, Group};
use crate::finding::Finding;
use crate::platform::slashed;
use crate::text::hex;

/// The number of posts on a page of a list. The first page has up to twice as many.
const EACH: usize = 25;

/// The number of posts on the index.
pub(super) const NEWEST: usize = 30;

/// All pages of a site.
pub(crate) struct Layout<'a> {
    pub(super) archive: &'a Archive,
    pub(super) config: &'a Config,
    pub(super) lists: Vec<List>,
    /// Posts with a page, newest first.
    pub(super) posts: Vec<usize>,
    /// The position of each in `posts`.
    places: HashMap<usize, usize>,
    /// The folders of the categories, by name.
    pub(super) categories: HashMap<String, Utf8PathBuf>,
    renderer: PageRenderer<'a>,
    /// A hash of the data that all pages share.
    shared: Digest,
}

/// A list of posts of a year or a category.
pub(super) struct List {
    pub(super) is_year: bool,
    pub(super) name: String,
    pub(super) folder: Utf8PathBuf,
    /// Newest first.
    pub(super) posts: Vec<usize>,
}

impl List {
    /// The number of pages besides the first.
    fn pages(&self) -> usize {
        (self.posts.len() / EACH).saturating_sub(1)
    }

    /// The posts of a page, as positions in the list. The first page has no number.
    fn range(&self, number: Option<usize>) -> Range<usize> {
        let end = |page: usize| self.posts.len() - page * EACH;
        match number {
            None => 0..end(self.pages()),
            Some(number) => end(number)..end(number - 1),
        }
    }

    pub(super) fn path(&self, number: Option<usize>) -> Utf8PathBuf {
        let folder =
            number.map_or_else(|| self.folder.clone(), |number| self.folder.join(number.to_string()));
        slashed(folder.join("index.html"))
    }
}

/// A page that is not yet rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedPage {
    /// Below the public folder.
    pub path: Utf8PathBuf,
    /// A hash of everything that the page is made from.
    pub key: String,
    pub(super) kind: Kind,
}

/// The kind of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A post, by its position in the archive.
    Post(usize),
    /// The newest posts, the years and the categories.
    Index,
    /// A page of a list: the position of the list and the number of the page.
    List(usize, Option<usize>),
    /// The style sheet.
    Style,
    /// The list of issues.
    Issues,
    /// An issue, by its position among them.
    Issue(usize),
}

/// Lays out all pages; there are none if no post has a page. Returns findings if the user's templates are invalid.
pub(crate) fn lay_out<'a>(
    archive: &'a Archive,
    config: &'a Config,
    templates: &'a PageTemplates,
) -> Result<Layout<'a>, Vec<Finding>> {
    let renderer = templates.renderer(config.newsletter.templates.as_str())?;
    let posts: Vec<usize> =
        (0..archive.posts.len()).filter(|at| archive.posts[*at].page.file.is_some()).collect();
    let places = posts.iter().enumerate().map(|(place, at)| (*at, place)).collect();
    let groups = feeds::categories(&archive.posts, config);
    let categories = groups.iter().map(|group| (group.name.clone(), group.folder.clone())).collect();
    let mut lists = years(&archive.posts, &posts);
    lists.extend(groups.into_iter().filter_map(|group| category(group, &archive.posts)));
    let shared = shared(config, templates);
    Ok(Layout { archive, config, lists, posts, places, categories, renderer, shared })
}

/// A digest of what every page is made from.
pub(super) fn shared(config: &Config, templates: &PageTemplates) -> Digest {
    let inputs = [env!("CARGO_PKG_VERSION"), &config.text, config.words.text(), &templates.text()];
    digest(&SHA256, inputs.concat().as_bytes())
}

fn years(posts: &[Post], shown: &[usize]) -> Vec<List> {
    let mut years: Vec<List> = Vec::new();
    for at in shown {
        let year = posts[*at].published.year();
        let folder = Utf8PathBuf::from(format!("years/{year}"));
        match years.iter_mut().find(|list| list.folder == folder) {
            Some(list) => list.posts.push(*at),
            None => years.push(List { is_year: true, name: year.to_string(), folder, posts: vec![*at] }),
        }
    }
    years.sort_by(|a, b| b.name.cmp(&a.name));
    years
}

fn category(group: Group, posts: &[Post]) -> Option<List> {
    let shown: Vec<usize> = group.posts.into_iter().filter(|at| posts[*at].page.file.is_some()).collect();
    let list = List { is_year: false, name: group.name, folder: group.folder, posts: shown };
    (!list.posts.is_empty()).then_some(list)
}

impl<'a> Layout<'a> {
    /// All pages. If two have the same path, the first wins; pages of posts come before lists.
    pub(crate) fn planned_pages(&self) -> Vec<PlannedPage> {
        if self.posts.is_empty() {
            return Vec::new();
        }
        let posts = self.posts.iter().map(|at| Kind::Post(*at));
        let lists = self.lists.iter().enumerate().flat_map(|(at, list)| {
            let numbers = (1..=list.pages()).map(Some);
            std::iter::once(None).chain(numbers).map(move |number| Kind::List(at, number))
        });
        let kinds: Vec<Kind> = posts.chain([Kind::Index]).chain(lists).chain([Kind::Style]).collect();
        kinds
            .into_par_iter()
            .filter_map(|kind| Some(PlannedPage { path: self.path(&kind)?, key: self.key(&kind), kind }))
            .collect()
    }

    fn path(&self, kind: &Kind) -> Option<Utf8PathBuf> {
        match kind {
            Kind::Post(at) => self.archive.posts.get(*at)?.page.file.clone(),
            Kind::Index => Some("index.html".into()),
            Kind::List(at, number) => Some(self.lists.get(*at)?.path(*number)),
            Kind::Style => Some(STYLE_SHEET.into()),
            Kind::Issues | Kind::Issue(_) => None,
        }
    }

    /// The file of the post that a sheet shows.
    pub(crate) fn source(&self, sheet: &PlannedPage) -> Option<&Utf8Path> {
        self.post(&sheet.kind).map(|post| post.source.as_path())
    }

    fn post(&self, kind: &Kind) -> Option<&'a Post> {
        if let Kind::Post(at) = kind { self.archive.posts.get(*at) } else { None }
    }

    /// The previous and the next post.
    pub(super) fn beside(&self, at: usize) -> [Option<&'a Post>; 2] {
        let place = self.places.get(&at).copied().unwrap_or_default();
        let post = |place: Option<usize>| self.archive.posts.get(*self.posts.get(place?)?);
        [post(place.checked_add(1)), post(place.checked_sub(1))]
    }

    fn key(&self, kind: &Kind) -> String {
        let mut digest = Context::new(&SHA256);
        let mut add = |text: &str| {
            digest.update(text.as_bytes());
            // A post's text contains no zero byte, so the separator is unambiguous.
            digest.update(&[0]);
        };
        match kind {
            Kind::Post(at) => {
                if let Some(post) = self.archive.posts.get(*at) {
                    whole(post, &mut add);
                    post.categories
                        .iter()
                        .filter_map(|name| self.categories.get(name.as_str()))
                        .for_each(|folder| add(folder.as_str()));
                }
                self.beside(*at).iter().for_each(|post| post.iter().for_each(|post| line(post, &mut add)));
            }
            Kind::Index => {
                self.newest().for_each(|post| line(post, &mut add));
                for list in &self.lists {
                    add(&format!("{} {} {}", list.name, list.folder, list.posts.len()));
                }
            }
            Kind::List(at, number) => {
                add(&format!("{number:?} {}", self.lists[*at].pages()));
                add(&self.lists[*at].name);
                self.listed(*at, *number).for_each(|post| line(post, &mut add));
            }
            Kind::Style | Kind::Issues | Kind::Issue(_) => {}
        }
        digest.update(self.shared.as_ref());
        hex(&digest.finish().as_ref()[..12])
    }

    pub(super) fn newest(&self) -> impl Iterator<Item = &'a Post> {
        self.posts.iter().take(NEWEST).filter_map(|at| self.archive.posts.get(*at))
    }

    pub(super) fn listed(&self, at: usize, number: Option<usize>) -> impl Iterator<Item = &'a Post> {
        let list = &self.lists[at];
        list.posts[list.range(number)].iter().filter_map(|at| self.archive.posts.get(*at))
    }

    /// The older and the newer page of a list.
    pub(super) fn pages_beside(&self, at: usize, number: Option<usize>) -> [Option<Utf8PathBuf>; 2] {
        let (list, pages) = (&self.lists[at], self.lists[at].pages());
        let older = match number {
            None => (pages > 0).then_some(pages),
            Some(number) => (number > 1).then(|| number - 1),
        };
        let newer = number.map(|number| (number < pages).then_some(number + 1));
        [older.map(|number| list.path(Some(number))), newer.map(|number| list.path(number))]
    }

    /// Renders one page. An error is one of a user's template.
    pub(crate) fn render(&self, sheet: &PlannedPage) -> Result<Page, Finding> {
        if sheet.kind == Kind::Style {
            let style = format!("{}\n{STYLE_MARK}", self.renderer.style().trim_end());
            return Ok(document(sheet, "text/css; charset=utf-8", style, Vec::new()));
        }
        let frame = Fields {
            config: self.config,
            path: &sheet.path,
            strings: self.config.words.of(&self.config.site.language),
        };
        let (mut text, mut wants) = (String::new(), Vec::new());
        match &sheet.kind {
            Kind::Post(at) => {
                if let Some(post) = self.archive.posts.get(*at) {
                    let (rendered, description) =
                        markdown::read(post, |body| (body.render(), fields::description(post, body)));
                    wants = local::local_links(post, &rendered.own, self.config);
                    let content =
                        body::for_page(&rendered.html, &post.url, &self.config.site.url, &frame.root());
                    text = self.renderer.render(
                        "post.html",
                        &fields::post((&frame, self), *at, post, (content, &description)),
                    )?;
                }
            }
            Kind::List(at, number) => {
                text = self.renderer.render("list.html", &fields::list(&frame, self, *at, *number))?;
            }
            Kind::Index | Kind::Style | Kind::Issues | Kind::Issue(_) => {
                text = self.renderer.render("index.html", &fields::index(&frame, self))?;
            }
        }
        Ok(document(sheet, "text/html; charset=utf-8", format!("{}\n{MARK}", text.trim_end()), wants))
    }
}

fn document(
    sheet: &PlannedPage,
    media_type: &'static str,
    text: String,
    wants: Vec<super::LocalLink>,
) -> Page {
    Page {
        document: Document { path: sheet.path.clone(), media_type, bytes: text.into_bytes() },
        links: wants,
    }
}

/// The data of a post that a list shows.
fn line(post: &Post, add: &mut impl FnMut(&str)) {
    add(post.url.as_str());
    add(post.shown_title());
    add(post.language.as_deref().unwrap_or_default());
    add(&post.published.to_rfc3339());
}

/// The data of a post that its own page shows.
fn whole(post: &Post, add: &mut impl FnMut(&str)) {
    line(post, add);
    add(&post.updated.to_rfc3339());
    add(&format!(
        "{:?}",
        (
            &post.source,
            post.body_line,
            &post.authors,
            &post.categories,
            &post.tags,
            &post.summary,
            &post.image,
            &post.image_info,
            &post.enclosures,
            &post.in_reply_to,
            &post.page
        )
    ));
    add(post.body.as_str());
}
