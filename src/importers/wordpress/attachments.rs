//! The attachments of an export: pictures of galleries, files of playlists, featured images.

use std::collections::HashMap;

use super::shortcodes::Shortcode;
use crate::html::{push_attribute, push_escaped};
use crate::xml::Node;

/// The most pictures of a gallery.
const MAX_PICTURES: usize = 500;
/// The ends of addresses of pictures.
const PICTURES: [&str; 9] = ["jpg", "jpeg", "png", "gif", "webp", "avif", "svg", "bmp", "heic"];

/// One attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attachment {
    address: String,
    /// What the picture shows, plain text.
    alt: String,
    /// HTML.
    caption: String,
}

/// All attachments of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attachments {
    by_id: HashMap<String, Attachment>,
    /// Ids by the post to which they were uploaded, in the order of the gallery.
    by_post: HashMap<String, Vec<(i64, String)>>,
}

impl Attachments {
    /// Adds the attachment that an item describes.
    pub(super) fn add(&mut self, item: &Node, alt: Option<String>) {
        let (Some(id), Some(address)) =
            (item.first_text(&["wp:post_id"]), item.first_text(&["wp:attachment_url", "guid"]))
        else {
            return;
        };
        if let Some(post) = item.first_text(&["wp:post_parent"]).filter(|post| post != "0") {
            let place = item.first_text(&["wp:menu_order"]).and_then(|order| order.parse().ok());
            self.by_post.entry(post).or_default().push((place.unwrap_or(0), id.clone()));
        }
        let caption = item.first_text(&["excerpt:encoded"]).unwrap_or_default();
        self.by_id.insert(id, Attachment { address, alt: alt.unwrap_or_default(), caption });
    }

    /// The address of the attachment with this id.
    pub(super) fn address(&self, id: &str) -> Option<&str> {
        self.by_id.get(id).map(|attachment| attachment.address.as_str())
    }
}

/// The attachments, as one post refers to them.
pub(super) struct Library<'e> {
    pub(super) attachments: &'e Attachments,
    /// The id of the post.
    pub(super) post: &'e str,
}

impl Library<'_> {
    /// Writes the pictures of a gallery; `false` if none is known.
    pub(super) fn push_gallery(&self, shortcode: &Shortcode<'_>, out: &mut String) -> bool {
        let mut is_any = false;
        let excluded: Vec<&str> = split(shortcode.attribute(&["exclude"])).collect();
        for attachment in
            self.found(shortcode).filter(|(id, _)| !excluded.contains(id)).map(|(_, found)| found)
        {
            out.push_str("<figure><img src=\"");
            push_attribute(out, &attachment.address);
            out.push_str("\" alt=\"");
            push_attribute(out, &attachment.alt);
            out.push_str("\">");
            if !attachment.caption.trim().is_empty() {
                out.extend(["<figcaption>", &attachment.caption, "</figcaption>"]);
            }
            out.push_str("</figure>");
            is_any = true;
        }
        is_any
    }

    /// Writes links to the files of a playlist; `false` if none is known.
    pub(super) fn push_playlist(&self, shortcode: &Shortcode<'_>, out: &mut String) -> bool {
        let mut is_any = false;
        for id in split(shortcode.attribute(&["ids", "include"])).take(MAX_PICTURES) {
            if let Some(address) = self.attachments.address(id) {
                out.push_str("<audio src=\"");
                push_escaped(out, address);
                out.push_str("\"></audio>");
                is_any = true;
            }
        }
        is_any
    }

    /// The named pictures; without names, those that were uploaded to the post.
    fn found<'s>(&'s self, shortcode: &'s Shortcode<'_>) -> impl Iterator<Item = (&'s str, &'s Attachment)> {
        let named = shortcode.attribute(&["ids", "include"]);
        let post = shortcode.attribute(&["id"]).unwrap_or(self.post);
        let mut uploaded: Vec<&(i64, String)> = match named {
            Some(_) => Vec::new(),
            None => self.attachments.by_post.get(post).into_iter().flatten().collect(),
        };
        uploaded.sort_by_key(|(place, _)| *place);
        let uploaded = uploaded.into_iter().map(|(_, id)| id.as_str());
        let attachment = |id: &'s str| Some((id, self.attachments.by_id.get(id)?));
        let ids = split(named).chain(uploaded).take(MAX_PICTURES);
        ids.filter_map(attachment).filter(|(_, attachment)| is_picture(&attachment.address))
    }
}

fn split(ids: Option<&str>) -> impl Iterator<Item = &str> {
    ids.unwrap_or_default().split(',').map(str::trim).filter(|id| !id.is_empty())
}

fn is_picture(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.rsplit_once('.').is_some_and(|(_, end)| PICTURES.contains(&end.to_ascii_lowercase().as_str()))
}
