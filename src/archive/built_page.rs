//! Finds the text of a post in the page that a generator made of it (`archive.html`): the `e-content` of an h-entry, else the
//! article, else `main`, else what looks most like a text. Pure: a page in, HTML out.

use crate::html::{At, Data, Tree, is_void, parse, push_attribute, push_text};

/// Elements around or inside an article that are no part of its text.
const APPARATUS: [&str; 10] =
    ["script", "style", "template", "nav", "footer", "form", "dialog", "button", "head", "title"];

/// Classes of what generators add to code and headings: the numbers of lines (Hexo, Pygments), and links to the headings
/// themselves (`MkDocs`, Docusaurus, `VuePress`).
const ADDED: [&str; 6] = ["gutter", "linenos", "linenodiv", "headerlink", "hash-link", "header-anchor"];

/// Fewer characters are no text of a post.
const LEAST: usize = 25;

/// The text of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Article {
    pub(super) html: String,
    /// Nothing on the page says where the text is.
    pub(super) is_guessed: bool,
}

/// The text of the post with this title, or why the page has none.
pub(super) fn article(page: &str, title: &str) -> Result<Article, String> {
    let tree = parse(page);
    if tree.cut {
        return Err("the page is too long".to_owned());
    }
    let title = words(title);
    let all: Vec<At> = tree.below(Tree::ROOT).collect();
    let marked: [&dyn Fn(At) -> bool; 3] = [
        &|at| tree.has_class(at, "e-content") || tree.attribute(at, "itemprop") == Some("articleBody"),
        &|at| tree.name(at) == "article" || tree.has_class(at, "h-entry"),
        &|at| tree.name(at) == "main" || tree.attribute(at, "role") == Some("main"),
    ];
    let (place, is_guessed) = match marked.iter().find_map(|is_marked| chosen(&tree, &all, is_marked, &title))
    {
        Some(found) => (found?, false),
        None if has_password(&tree, Tree::ROOT) => return Err("the page is a log-in form".to_owned()),
        None => (densest(&tree, &all).ok_or("the page has no article")?, true),
    };
    if has_password(&tree, place) {
        return Err("the page is a log-in form".to_owned());
    }
    let mut html = String::new();
    write(&tree, place, &heading_of(&tree, place, &title), &mut html);
    if words(&tree.text(place)).is_empty() && !html.contains("<img") {
        return Err("the article of the page is empty".to_owned());
    }
    Ok(Article { html, is_guessed })
}

/// The outermost marked element. Of several, that whose heading is the title; related posts are often articles too.
fn chosen(
    tree: &Tree,
    all: &[At],
    is_marked: &dyn Fn(At) -> bool,
    title: &str,
) -> Option<Result<At, String>> {
    let found: Vec<At> =
        all.iter().copied().filter(|at| is_marked(*at) && !above(tree, *at).any(is_marked)).collect();
    let named: Vec<At> =
        found.iter().copied().filter(|at| !heading_of(tree, *at, title).is_empty()).collect();
    match (found.as_slice(), named.as_slice()) {
        ([], _) => None,
        ([only], _) | (_, [only]) => Some(Ok(*only)),
        _ => Some(Err(format!("the page has {} articles, and not one of them has the title", found.len()))),
    }
}

fn above(tree: &Tree, at: At) -> impl Iterator<Item = At> {
    std::iter::successors(tree.parent(at), |at| tree.parent(*at))
}

/// The headings below `place` that are the title, which a feed shows already.
fn heading_of(tree: &Tree, place: At, title: &str) -> Vec<At> {
    let is_heading = |at: &At| matches!(tree.name(*at), "h1" | "h2");
    tree.below(place).filter(is_heading).filter(|at| words(&tree.text(*at)) == title).collect()
}

fn has_password(tree: &Tree, place: At) -> bool {
    tree.below(place).any(|at| {
        tree.name(at) == "input"
            && tree.attribute(at, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("password"))
    })
}

/// The element with the most text in its own paragraphs, as Readability finds it.
fn densest(tree: &Tree, all: &[At]) -> Option<At> {
    let is_paragraph = |at: &At| matches!(tree.name(*at), "p" | "pre" | "blockquote" | "ul" | "ol");
    let score = |at: At| -> usize {
        let own = tree.children(at).iter().filter(|child| is_paragraph(child));
        let length = |text: &str| words(text).chars().count();
        let links =
            |at: At| tree.below(at).filter(|at| tree.name(*at) == "a").map(|at| length(&tree.text(at)));
        own.map(|child| length(&tree.text(*child)).saturating_sub(2 * links(*child).sum::<usize>())).sum()
    };
    let is_part =
        |at: At| std::iter::once(at).chain(above(tree, at)).any(|at| APPARATUS.contains(&tree.name(at)));
    let candidates = all.iter().copied().filter(|at| matches!(tree.name(*at), "div" | "section" | "td"));
    let scored = candidates.filter(|at| !is_part(*at)).map(|at| (score(at), at));
    // Of two equal ones, the first.
    scored
        .filter(|(score, _)| *score >= LEAST)
        .max_by_key(|(score, at)| (*score, std::cmp::Reverse(*at)))
        .map(|(_, at)| at)
}

/// A text with single spaces and without the marks that themes put behind headings.
fn words(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_end_matches(['#', '¶', ' ']).to_owned()
}

/// Whether an element is no part of the text: navigation, hidden, or the head of the article.
fn is_left_out(tree: &Tree, at: At, headings: &[At]) -> bool {
    let name = tree.name(at);
    APPARATUS.contains(&name)
        || headings.contains(&at)
        || is_added(tree, at)
        || tree.attribute(at, "hidden").is_some()
        || name == "header" && tree.below(at).any(|at| headings.contains(&at))
}

/// In `VuePress`, the text of a heading is in such a link; then the link stays.
fn is_added(tree: &Tree, at: At) -> bool {
    let has_text = || tree.text(at).chars().any(char::is_alphabetic);
    ADDED.iter().any(|class| tree.has_class(at, class)) && !(tree.name(at) == "a" && has_text())
}

/// Writes everything below `place`. The renderer of posts takes out what is not safe.
fn write(tree: &Tree, place: At, headings: &[At], out: &mut String) {
    enum Step {
        Open(At),
        Close(At),
    }
    let children = |at: At| tree.children(at).iter().rev().map(|child| Step::Open(*child));
    let mut steps: Vec<Step> = children(place).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::Close(at) => {
                out.extend(["</", tree.name(at).trim_start_matches(':'), ">"]);
            }
            Step::Open(at) => match tree.data(at) {
                Data::Text(text) => push_text(out, text),
                Data::Element(element) if !is_left_out(tree, at, headings) => {
                    let name = element.name.trim_start_matches(':');
                    out.extend(["<", name]);
                    for (name, value) in element.attributes() {
                        out.extend([" ", name, "=\""]);
                        push_attribute(out, value);
                        out.push('"');
                    }
                    out.push('>');
                    if !is_void(name) {
                        steps.push(Step::Close(at));
                        steps.extend(children(at));
                    }
                }
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Result<(String, bool), String> {
        article(page, "My post").map(|article| (article.html.trim().to_owned(), article.is_guessed))
    }

    #[test]
    fn the_text_is_in_the_content_the_article_or_main() {
        let text = "<p>One &amp; <em>two</em></p>";
        for page in [
            format!("<nav>a</nav><article><h1>My post</h1>{text}<footer>x</footer></article>"),
            format!(
                "<main><header><h1>My  post #</h1><time>2024</time></header>{text}<script>1</script></main>"
            ),
            format!(
                "<article class=h-entry><h1>My post</h1><p>By Kim</p><div class=\"e-content\">{text}</div></article>"
            ),
            format!("<html><head><title>x</title></head><body><div role=main>{text}</div></body>"),
            format!("<article><h2>Other</h2></article><article><h2>My post</h2>{text}</article>"),
        ] {
            assert_eq!(found(&page), Ok((text.to_owned(), false)), "{page}");
        }
    }

    #[test]
    fn numbers_of_lines_and_links_to_headings_are_no_text() {
        let page = "<article><h2>A<a class=headerlink href=#a>¶</a></h2>\
                    <h2><a class=header-anchor href=#b><span>B</span></a></h2>\
                    <table><tbody><tr><td class=gutter><pre>1</pre></td><td class=code><pre>let a;</pre></td></tr></tbody></table></article>";
        let html = "<h2>A</h2><h2><a class=\"header-anchor\" href=\"#b\"><span>B</span></a></h2>\
                    <table><tbody><tr><td class=\"code\"><pre>let a;</pre></td></tr></tbody></table>";
        assert_eq!(found(page), Ok((html.to_owned(), false)));
    }

    #[test]
    fn without_marks_the_densest_element_is_the_text() {
        let page = "<div><ul><li><a href=/>A menu with a long text that is only links</a></ul></div>\
                    <div id=x><p>A paragraph that is long enough to be a text.</p></div>";
        let text = "<p>A paragraph that is long enough to be a text.</p>";
        assert_eq!(found(page), Ok((text.to_owned(), true)));
    }

    #[test]
    fn a_page_without_an_article_with_several_or_with_a_log_in_form_is_refused() {
        for (page, why) in [
            ("", "the page has no article"),
            ("<div>404</div>", "the page has no article"),
            ("<article></article>", "the article of the page is empty"),
            (
                "<article><h2>A</h2></article><article><h2>B</h2></article>",
                "the page has 2 articles, and not one of them has the title",
            ),
            (
                "<article><h2>My post</h2></article><article><h2>My post</h2></article>",
                "the page has 2 articles, and not one of them has the title",
            ),
            ("<div><form><input type=Password></form></div>", "the page is a log-in form"),
            ("<main><form><input type=password></form></main>", "the page is a log-in form"),
        ] {
            assert_eq!(found(page), Err(why.to_owned()), "{page}");
        }
    }

    #[test]
    fn code_keeps_its_blank_lines_and_signs() {
        let code = "<pre><code>a &lt; b\n\n  \"c\" &amp;&amp; d\n</code></pre>";
        assert_eq!(found(&format!("<main>{code}</main>")), Ok((code.to_owned(), false)));
    }

    proptest::proptest! {
        #[test]
        fn no_page_panics(page in "(<article>|</article>|<h1>|My post|<main>|<div>|</div>|<p>|<svg>|<template>|[ -~]|글){0,40}") {
            let _ = article(&page, "My post");
        }
    }
}
