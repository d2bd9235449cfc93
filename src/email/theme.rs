//! The look of an email: the theme, the accent color in the light and the dark design, and the logo.

use minijinja::{Value, context};
use url::Url;

use crate::config::{Color, Config, Newsletter};
use crate::finding::Finding;

/// The backgrounds of callouts in the built-in templates, which are nearer to the text than those of the page.
const LIGHT_BOX: Color = Color([0xf0, 0xed, 0xe7]);
const DARK_BOX: Color = Color([0x29, 0x27, 0x24]);
/// The accent color if none is configured.
const ACCENT: Color = Color([0x0b, 0x57, 0xa4]);
const WHITE: Color = Color([0xff; 3]);
const BLACK: Color = Color([0x11; 3]);

/// The fields of a template about the look, and what else it knows of the newsletter.
pub(super) fn fields(newsletter: &Newsletter) -> Value {
    let accent = newsletter.accent.unwrap_or(ACCENT);
    let (light, dark) = (accent.readable_on(LIGHT_BOX), accent.readable_on(DARK_BOX));
    context! {
        theme => newsletter.theme.as_str(),
        accent => context! {
            light => light.to_string(),
            dark => dark.to_string(),
            on_light => on(light).to_string(),
            on_dark => on(dark).to_string(),
        },
        newsletter => context! {
            address => newsletter.address.as_deref(),
            greeting => newsletter.greeting,
            logo => newsletter.logo.as_ref().map(Url::as_str),
            logo_dark => newsletter.logo_dark.as_ref().map(Url::as_str),
        },
    }
}

/// The text color on a button.
fn on(background: Color) -> Color {
    if background.contrast(WHITE) >= background.contrast(BLACK) { WHITE } else { BLACK }
}

/// Says that links cannot have the accent color as it is configured.
pub fn accent_finding(config: &Config) -> Option<Finding> {
    let accent = config.newsletter.accent?;
    let used = [("light", LIGHT_BOX), ("dark", DARK_BOX)].map(|(name, background)| {
        let readable = accent.readable_on(background);
        (readable != accent).then(|| format!("{readable} on the {name} background"))
    });
    let used: Vec<String> = used.into_iter().flatten().collect();
    if used.is_empty() {
        return None;
    }
    let message = format!(
        "newsletter.accent {accent} is too close to a background to be read; emails use {}",
        used.join(" and ")
    );
    Some(Finding::note("accent", "config.toml", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(accent: &str) -> Option<String> {
        let text = format!(
            "[site]\ntitle = \"a\"\nurl = \"https://letters.example/\"\n[newsletter]\naccent = \"{accent}\"\n"
        );
        let config = crate::config::parse(&text, "config.toml", ".".into()).unwrap();
        accent_finding(&config).map(|finding| finding.message)
    }

    #[test]
    fn an_accent_that_cannot_be_read_is_changed_and_said() {
        let said = finding("#ffee00").unwrap();
        assert!(said.contains("on the light background") && !said.contains("dark"), "{said}");
        let said = finding("#0b57a4").unwrap();
        assert!(said.contains("on the dark background") && !said.contains("light"), "{said}");
    }
}
