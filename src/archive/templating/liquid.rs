//! The few Liquid expressions for a URL or a title: `{{ "/a" | relative_url }}`, `{{ site.baseurl }}`. There are no
//! variables, loops or functions; any other expression has no value.

use super::site_context::SiteContext;

/// The value of `{{ expression }}`.
pub(super) fn value(expression: &str, around: SiteContext<'_>) -> Option<String> {
    let mut filters = expression.split('|');
    let mut value = operand(filters.next()?, around)?;
    for filter in filters {
        let (name, argument) =
            filter.split_once(':').map_or((filter, ""), |(name, argument)| (name, argument));
        value = match name.trim() {
            "relative_url" => format!("{}{}", base(around), rooted(&value)),
            "absolute_url" => format!("{}{}{}", origin(around), base(around), rooted(&value)),
            "prepend" => format!("{}{value}", operand(argument, around)?),
            "append" => format!("{value}{}", operand(argument, around)?),
            "escape" | "uri_escape" | "xml_escape" | "strip" | "escape_once" => value,
            _ => return None,
        };
    }
    // `site.baseurl` may be empty, and a URL with two leading slashes would name another host.
    Some(value.strip_prefix("//").map_or(value.clone(), |rest| format!("/{rest}")))
}

fn operand(text: &str, around: SiteContext<'_>) -> Option<String> {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(literal) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return (!literal.contains(quote)).then(|| literal.to_owned());
        }
    }
    match text {
        "site.baseurl" | "site.base_url" | "baseurl" => Some(base(around)),
        "site.url" => Some(origin(around)),
        "site.github.url" => Some(format!("{}{}", origin(around), base(around))),
        "page.url" => Some(around.page.path().to_owned()),
        "page.title" => Some(around.title.to_owned()),
        _ => None,
    }
}

/// `/blog` for a site at `https://example.com/blog/`.
fn base(around: SiteContext<'_>) -> String {
    around.site.as_url().path().trim_end_matches('/').to_owned()
}

fn origin(around: SiteContext<'_>) -> String {
    around.site.as_url().origin().ascii_serialization()
}

fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
