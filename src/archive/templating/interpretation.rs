//! What a tag means in Markdown. Knows the common names; the thousands of others in themes and plugins are left out.

use camino::Utf8Path;

use super::arguments::Arguments;
use super::liquid;
use super::site_context::SiteContext;
use super::tag::{Kind, Tag};
use crate::archive::links;

/// How a tag is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interpretation {
    /// By this text.
    Text(String),
    /// Removed; nothing is lost.
    Nothing,
    /// Removed and reported.
    LeftOut,
    /// Removed with everything up to the closing tag.
    LeftOutWithContent {
        /// Not reported, because nothing is lost.
        quietly: bool,
    },
    /// The content up to the closing tag is code in this language.
    Code(String),
}

/// What `tag` means; `is_block` if it has a closing tag.
pub(super) fn of(tag: &Tag<'_>, is_block: bool, around: SiteContext<'_>) -> Interpretation {
    match tag.kind {
        Kind::HugoExample if tag.arguments == "%" => {
            Interpretation::Text(format!("{{{{% {} %}}}}", tag.name.trim()))
        }
        Kind::HugoExample => Interpretation::Text(format!("{{{{\\< {} >}}}}", tag.name.trim())),
        Kind::Attributes if tag.name == "comment" && is_block => {
            Interpretation::LeftOutWithContent { quietly: true }
        }
        Kind::Attributes => Interpretation::Nothing,
        Kind::Link => link(tag.name, around),
        Kind::Output => liquid::value(tag.name, around).map_or(Interpretation::LeftOut, Interpretation::Text),
        _ if tag.closing => Interpretation::Nothing,
        Kind::Liquid => liquid_tag(tag, is_block, around),
        Kind::Hugo | Kind::ZolaCall | Kind::ZolaBlock => shortcode(tag, is_block, around),
    }
}

fn shortcode(tag: &Tag<'_>, is_block: bool, around: SiteContext<'_>) -> Interpretation {
    let arguments = Arguments::of(tag.arguments);
    let name = tag.name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    match name.trim_end_matches(".html") {
        "highlight" | "code" | "codeblock" if is_block => {
            let language = arguments.named(&["lang", "language"]).or(arguments.at(0)).unwrap_or_default();
            Interpretation::Code(language_of(language))
        }
        "mermaid" | "katex" | "math" | "plantuml" if is_block => Interpretation::Code(name),
        "comment" if is_block => Interpretation::LeftOutWithContent { quietly: true },
        "ref" | "relref" => {
            let target = arguments.named(&["path"]).or(arguments.at(0)).unwrap_or_default();
            page(target, around).map_or(Interpretation::LeftOut, Interpretation::Text)
        }
        "param" | "toc" | "br" => Interpretation::Nothing,
        _ if is_block => embed(&name, &arguments).unwrap_or(Interpretation::Nothing),
        _ => embed(&name, &arguments).unwrap_or(Interpretation::LeftOut),
    }
}

fn liquid_tag(tag: &Tag<'_>, is_block: bool, around: SiteContext<'_>) -> Interpretation {
    match tag.name {
        "highlight" | "codeblock" | "code" if is_block => {
            Interpretation::Code(language_of(octopress_language(tag)))
        }
        "comment" | "capture" if is_block => Interpretation::LeftOutWithContent { quietly: true },
        "for" | "tablerow" if is_block => Interpretation::LeftOutWithContent { quietly: false },
        "post_url" | "link" => {
            let target = tag.arguments.trim_matches(['"', '\'']);
            page(target, around).map_or(Interpretation::LeftOut, Interpretation::Text)
        }
        "raw" | "assign" | "if" | "unless" | "elsif" | "else" | "case" | "when" | "break" | "continue"
        | "excerpt" => Interpretation::Nothing,
        "img" => octopress_picture(tag.arguments).unwrap_or(Interpretation::LeftOut),
        "include" | "include_relative" | "include_cached" => {
            let (name, rest) = tag.arguments.split_once(char::is_whitespace).unwrap_or((tag.arguments, ""));
            let name =
                name.rsplit('/').next().unwrap_or_default().trim_end_matches(".html").to_ascii_lowercase();
            embed(&name, &Arguments::of(rest)).unwrap_or(Interpretation::LeftOut)
        }
        _ if is_block => embed(tag.name, &Arguments::of(tag.arguments)).unwrap_or(Interpretation::Nothing),
        _ => embed(tag.name, &Arguments::of(tag.arguments)).unwrap_or(Interpretation::LeftOut),
    }
}

/// An image or a link in place of an embed, under the names of most themes.
fn embed(name: &str, arguments: &Arguments) -> Option<Interpretation> {
    let named = |names: &[&str]| arguments.named(names);
    let first = || arguments.at(0).filter(|first| !first.is_empty());
    let on = |address: String| Some(Interpretation::Text(format!("<{address}>")));
    let plain =
        |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let id = named(&["id", "video_id", "videoid", "vid", "v", "video"]).or_else(first).filter(|id| plain(id));
    match name {
        "figure" | "img" | "image" | "imgproc" | "picture" | "photo" | "responsive_image" | "lazyload"
        | "image_caption" | "img_caption" => {
            let source = named(&["src", "path", "url", "image_path", "image", "link", "file", "name"])
                .or_else(|| first().filter(|first| first.contains('.')))?;
            let text = named(&["alt", "caption", "title", "description"]).unwrap_or_default();
            Some(Interpretation::Text(picture(text, source, named(&["title"]))))
        }
        "youtube" | "yt" | "youtubelite" | "youtube-lite" | "youtubeplayer" | "lite-youtube" => {
            on(format!("https://www.youtube.com/watch?v={}", id?))
        }
        "vimeo" => on(format!("https://vimeo.com/{}", id?)),
        "gist" => {
            let second = arguments.at(1).filter(|second| plain(second));
            match (id, second) {
                (Some(user), Some(gist)) => on(format!("https://gist.github.com/{user}/{gist}")),
                (Some(gist), None) => on(format!("https://gist.github.com/{gist}")),
                _ => on(named(&["url"]).filter(|url| is_address(url))?.to_owned()),
            }
        }
        "tweet" | "twitter" | "x" | "x_simple" | "twitter_simple" => {
            let user = named(&["user"]).filter(|user| plain(user)).unwrap_or("i/web");
            match id.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())) {
                Some(id) => on(format!("https://twitter.com/{user}/status/{id}")),
                None => on(named(&["url"]).or_else(first).filter(|url| is_address(url))?.to_owned()),
            }
        }
        "instagram" => on(format!("https://www.instagram.com/p/{}/", id?)),
        "link" | "button" | "bookmark" | "linkcard" | "blogcard" | "card" => {
            let address = named(&["href", "url", "link"]).or_else(first).filter(|url| is_address(url))?;
            on(address.to_owned())
        }
        _ => None,
    }
}

fn is_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme))
        && !text.contains(|c: char| c.is_whitespace() || "<>\"".contains(c))
}

fn picture(text: &str, source: &str, title: Option<&str>) -> String {
    let text = text.replace(['[', ']', '\n'], " ");
    let source = source.replace(['<', '>', '\n'], "");
    let title = title.filter(|title| !title.contains(['"', '\n'])).map(|title| format!(" \"{title}\""));
    format!("![{text}](<{source}>{})", title.unwrap_or_default())
}

/// `{% img left /images/a.png 300 200 A title %}`.
fn octopress_picture(arguments: &str) -> Option<Interpretation> {
    let arguments = Arguments::of(arguments);
    let words = arguments.positional();
    let at = words.iter().position(|word| word.contains(['/', '.']))?;
    let is_size = |word: &&String| word.bytes().all(|byte| byte.is_ascii_digit());
    let text: Vec<&str> = words[at + 1..].iter().skip_while(is_size).map(String::as_str).collect();
    Some(Interpretation::Text(picture(&text.join(" "), &words[at], None)))
}

/// `{% highlight ruby linenos %}`, `{% codeblock A title lang:ruby %}`.
fn octopress_language<'t>(tag: &Tag<'t>) -> &'t str {
    let mut words = tag.arguments.split_whitespace();
    let named = tag.arguments.split_whitespace().find_map(|word| word.strip_prefix("lang:"));
    named.or_else(|| words.next().filter(|_| tag.name == "highlight")).unwrap_or_default()
}

/// A language name that is valid after a fence.
fn language_of(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || "+#-_.".contains(*c)).take(40).collect()
}

/// The URL of the page called `target`, with its fragment.
fn page(target: &str, around: SiteContext<'_>) -> Option<String> {
    let (path, fragment) = match target.find('#') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    if path.is_empty() {
        return (!fragment.is_empty()).then(|| fragment.to_owned());
    }
    Some(format!("{}{fragment}", (around.page_of)(path)?))
}

/// `{filename}a.md`, `{static}/images/a.png`, `@/blog/a.md`, `a.md`.
fn link(name: &str, around: SiteContext<'_>) -> Interpretation {
    let (mark, target) = match name.strip_prefix('{').and_then(|name| name.split_once('}')) {
        Some((mark, target)) => (mark, target),
        None => name.strip_prefix("@/").map_or(("", name), |target| ("@", target)),
    };
    let site = |path: &str| around.site.join(path);
    match (mark, page(target, around)) {
        ("index", _) => Interpretation::Text(format!("{}{target}", around.site.as_str())),
        ("category" | "tag" | "author", _) => {
            let path = around.pelican.page_of_term(mark, &links::readable(target));
            Interpretation::Text(path.map_or_else(|| around.site.as_str().to_owned(), |path| site(&path)))
        }
        (_, Some(address)) => Interpretation::Text(address),
        // An attached file is beside the page.
        ("attach", None) if !target.starts_with('/') => Interpretation::Text(target.to_owned()),
        // A static file keeps its path in the site.
        ("static" | "attach" | "filename", None) => {
            Interpretation::Text(site(&beside(around.folder, target)))
        }
        ("photo", None) if target.starts_with('/') => Interpretation::Text(site(target)),
        ("photo" | "", None) => {
            // A link to a file that is not a post does not change.
            Interpretation::Text(if mark.is_empty() { name } else { target }.to_owned())
        }
        ("@", None) => Interpretation::Text(
            site(target).trim_end_matches("_index.md").trim_end_matches(".md").to_owned(),
        ),
        _ => Interpretation::Text(around.site.as_str().to_owned()),
    }
}

/// The path of `target`, which is relative to `folder` unless it begins with a slash.
fn beside(folder: &Utf8Path, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let folders = folder.components().map(|part| part.as_str()).filter(|_| !target.starts_with('/'));
    for part in folders.chain(target.split('/')) {
        match part {
            ".." => {
                parts.pop();
            }
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
