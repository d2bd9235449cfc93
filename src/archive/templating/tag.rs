//! A body in pieces: text, code, and tags of the generator.

/// A piece of the body, by byte positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BodyPiece<'t> {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is.
    pub what: PieceKind<'t>,
}

/// The kind of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PieceKind<'t> {
    /// Text.
    Text,
    /// A fenced block or a span of code.
    Code,
    /// The text between `{% raw %}` and `{% endraw %}`.
    Raw,
    /// A tag.
    Tag(Tag<'t>),
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    /// Its kind.
    pub kind: Kind,
    /// Its name; for an output or a link, its whole content.
    pub name: &'t str,
    /// The text after the name.
    pub arguments: &'t str,
    /// `{{< /name >}}`, `{% endname %}`, `{% end %}`.
    pub closing: bool,
}

/// The kinds of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{< name >}}` and `{{% name %}}`.
    Hugo,
    /// `{{</* name */>}}`: an example, not a tag.
    HugoExample,
    /// `{{ name() }}`.
    ZolaCall,
    /// `{% name() %}` up to `{% end %}`.
    ZolaBlock,
    /// `{{ page.title }}`.
    Output,
    /// `{% name %}`.
    Liquid,
    /// `{: .class}`, `{::options /}`, `{#id}` after a heading.
    Attributes,
    /// `{filename}a.md`, `@/a.md`, and `a.md` in a link.
    Link,
}
