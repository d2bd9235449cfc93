//! Classes of elements that several modules need. Names are in lower case.

/// Elements that begin and end a line.
const BLOCKS: &str = "address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt \
    fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre \
    section summary table tbody td tfoot th thead tr ul";

/// Elements whose content a browser with scripts does not show, or does not read as HTML.
const HIDING: &str = "iframe math noembed noframes noscript script style svg template textarea title xmp";

/// Void elements have neither content nor an end tag (HTML Standard, 13.1.2).
const VOID: &str = "area base br col embed hr img input link meta source track wbr";

/// Whether the element begins and ends a line, as a block or a part of a table.
pub(crate) fn is_block(name: &str) -> bool {
    is_listed(name, BLOCKS)
}

/// Whether the content of the element is not shown as HTML.
pub(crate) fn hides_content(name: &str) -> bool {
    is_listed(name, HIDING)
}

/// Whether the element has no content.
pub(crate) fn is_void(name: &str) -> bool {
    is_listed(name, VOID)
}

fn is_listed(name: &str, list: &str) -> bool {
    list.split(' ').any(|listed| listed == name)
}
