//! Which tags a generator reads.

use crate::config::Generator;

/// Which tags are looked for.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each kind of tag is looked for or not, whatever the others"
)]
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
    /// Those that say `site.`, `page.` or the like.
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
            Generator::Hugo => Self { hugo: true, ..none },
            Generator::Zola => Self { zola: true, ..none },
            Generator::Jekyll => Self { liquid: true, outputs: Outputs::All, attributes: true, ..none },
            // The plugin liquid_tags.
            Generator::Pelican => Self { liquid: true, attributes: true, pelican: true, ..none },
            // A copy of somebody's posts without the configuration: what cannot be meant otherwise.
            Generator::Plain => Self {
                hugo: true,
                zola: true,
                liquid: true,
                outputs: Outputs::Known,
                attributes: true,
                pelican: true,
            },
        }
    }
}
