//! The cards of both editors, as the HTML that Ghost makes of them.

use serde_json::Value;
use url::Url;

use crate::archive::markdown;
use crate::html::escape;

/// The fields of a card.
struct Fields<'v>(&'v Value);

impl<'v> Fields<'v> {
    /// The first of these fields that is not empty.
    fn text(&self, keys: &[&str]) -> Option<&'v str> {
        let text = |key: &&str| self.0.get(*key)?.as_str().filter(|text| !text.trim().is_empty());
        keys.iter().find_map(text)
    }

    fn is_off(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool) == Some(false)
    }

    fn caption(&self) -> String {
        self.text(&["caption"]).map(|html| format!("<figcaption>{html}</figcaption>")).unwrap_or_default()
    }

    /// A button, if the card shows one.
    fn button(&self, flag: &str, label: &str, address: &str) -> String {
        match (self.text(&[address]), self.text(&[label, address])) {
            (Some(address), Some(label)) if !self.is_off(flag) => {
                format!("<a class=\"kg-btn\" href=\"{}\">{}</a>", escape(address), escape(label))
            }
            _ => String::new(),
        }
    }

    fn element(&self, name: &str, class: &str, key: &str) -> String {
        self.text(&[key]).map(|html| format!("<{name} class=\"{class}\">{html}</{name}>")).unwrap_or_default()
    }
}

/// A card of either editor as HTML; `None` for one that cannot be part of a post.
pub(super) fn card(kind: &str, payload: &Value, page: &Url) -> Option<String> {
    let card = Fields(payload);
    Some(match kind {
        "html" | "card-html" => card.text(&["html"])?.to_owned(),
        "markdown" | "card-markdown" => markdown::preview(card.text(&["markdown"])?, page),
        "image" => format!("<figure>{}{}</figure>", image(payload)?, card.caption()),
        "gallery" => {
            let images = payload.get("images").and_then(Value::as_array)?;
            let images: Vec<String> = images.iter().filter_map(image).collect();
            format!("<figure>{}{}</figure>", images.join("<br>"), card.caption())
        }
        "code" | "codeblock" => {
            let language = escape(card.text(&["language"]).unwrap_or_default());
            let code = escape(card.text(&["code"])?);
            format!("<pre class=\"language-{language}\">\n{code}</pre>{}", card.caption())
        }
        "hr" | "horizontalrule" => "<hr>".to_owned(),
        "embed" | "video" => {
            let address = escape(card.text(&["url", "src"])?);
            format!("<iframe src=\"{address}\"></iframe>{}", card.caption())
        }
        "audio" => format!(
            "<div class=\"kg-audio-card\"><audio src=\"{}\"></audio>{}</div>{}",
            escape(card.text(&["src"])?),
            card.element("div", "kg-audio-title", "title"),
            card.caption()
        ),
        "file" => format!(
            "<p><a href=\"{}\">{}</a></p><p>{}</p>",
            escape(card.text(&["src", "url"])?),
            escape(card.text(&["fileTitle", "title", "fileName", "src", "url"])?),
            card.text(&["fileCaption", "caption"]).unwrap_or_default()
        ),
        "bookmark" => bookmark(&card)?,
        "button" | "email-cta" | "call-to-action" | "cta" => call(&card),
        "header" => format!(
            "{}{}{}",
            card.element("h2", "kg-header-card-header", "header"),
            card.element("h3", "kg-header-card-subheader", "subheader"),
            card.button("buttonEnabled", "buttonText", "buttonUrl")
        ),
        "product" => product(&card),
        "callout" => format!(
            "<div class=\"kg-callout-card\">{}<div>{}</div></div>",
            card.element("div", "kg-callout-emoji", "calloutEmoji"),
            card.text(&["calloutText"])?
        ),
        "toggle" => format!(
            "{}<div>{}</div>",
            card.element("h4", "kg-toggle-heading-text", "heading"),
            card.text(&["content"]).unwrap_or_default()
        ),
        _ => return None,
    })
}

fn image(value: &Value) -> Option<String> {
    let fields = Fields(value);
    let alt = escape(fields.text(&["alt"]).unwrap_or_default());
    Some(format!("<img src=\"{}\" alt=\"{alt}\">", escape(fields.text(&["src"])?)))
}

fn bookmark(card: &Fields<'_>) -> Option<String> {
    let nothing = Value::Null;
    let data = Fields(card.0.get("metadata").unwrap_or(&nothing));
    let address = card.text(&["url"]).or_else(|| data.text(&["url"]))?;
    Some(format!(
        "<p><a href=\"{}\">{}</a></p><p>{}</p>{}",
        escape(address),
        escape(data.text(&["title"]).unwrap_or(address)),
        escape(data.text(&["description"]).unwrap_or_default()),
        card.caption()
    ))
}

/// A button, maybe below a text.
fn call(card: &Fields<'_>) -> String {
    let text = card.text(&["html", "textValue"]).unwrap_or_default();
    format!("<div>{text}</div>{}", card.button("showButton", "buttonText", "buttonUrl"))
}

fn product(card: &Fields<'_>) -> String {
    let picture =
        card.text(&["productImageSrc"]).map(|src| format!("<img src=\"{}\" alt=\"\">", escape(src)));
    let stars = card.0.get("productStarRating").and_then(Value::as_u64).unwrap_or(0).min(5);
    let rating = match card.0.get("productRatingEnabled").and_then(Value::as_bool) {
        Some(true) => {
            let star = "<span class=\"kg-product-card-rating-active\"></span>"
                .repeat(usize::try_from(stars).unwrap_or(0));
            format!("<div class=\"kg-product-card-rating\">{star}</div>")
        }
        _ => String::new(),
    };
    format!(
        "{}{}{rating}<div>{}</div>{}",
        picture.unwrap_or_default(),
        card.element("h4", "kg-product-card-title", "productTitle"),
        card.text(&["productDescription"]).unwrap_or_default(),
        card.button("productButtonEnabled", "productButton", "productUrl")
    )
}
