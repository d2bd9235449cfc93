//! Which tags a generator reads.

use crate::archive::generators;
use crate::config::Generator;

/// The kinds of tags to look for.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each kind of tag is independent of the others")]
pub(super) struct Dialect {
    pub(super) hugo: bool,
    pub(super) zola: bool,
    pub(super) liquid: bool,
    pub(super) outputs: Outputs,
    pub(super) attributes: bool,
    pub(super) pelican: bool,
}

/// Which `{{ … }}` are Liquid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outputs {
    None,
    /// Those that contain `site.`, `page.` or similar names.
    Known,
    All,
}

impl Dialect {
    pub(super) fn of(generator: Generator) -> Self {
        let none = Self {
            hugo: false,
            zola: false,
            liquid: false,
            outputs: Outputs::None,
            attributes: false,
            pelican: false,
        };
        match generator {
            // The shortcodes of Nikola and Quarto look the same.
            Generator::Hugo | Generator::Nikola | Generator::Quarto => Self { hugo: true, ..none },
            Generator::Zola => Self { zola: true, ..none },
            Generator::Jekyll => Self { liquid: true, outputs: Outputs::All, attributes: true, ..none },
            // The plugin liquid_tags.
            Generator::Pelican => Self { liquid: true, attributes: true, pelican: true, ..none },
            // Possibly a copy of a site's posts without its configuration: only unambiguous tags.
            Generator::Plain => Self {
                hugo: true,
                zola: true,
                liquid: true,
                outputs: Outputs::Known,
                attributes: true,
                pelican: true,
            },
            _ if generators::rules(generator).is_some_and(|rules| rules.has_tags) => {
                Self { liquid: true, outputs: Outputs::All, ..none }
            }
            _ => none,
        }
    }
}
