//! Tags of each generator in posts, and texts that could make the search slow.

use std::fmt::Write as _;

use proptest::prelude::*;
use url::Url;

use super::*;
use crate::config::SiteUrl;

fn read(generator: Generator, body: &str) -> Expanded {
    let site = SiteUrl::parse("https://example.com/blog").unwrap();
    let page = Url::parse("https://example.com/blog/2024/post/").unwrap();
    let other = Url::parse("https://example.com/blog/2013/other/").unwrap();
    let page_of = |target: &str| target.trim_start_matches('/').contains("other").then(|| other.clone());
    let around = SiteContext {
        generator,
        site: &site,
        page: &page,
        title: "글",
        folder: camino::Utf8Path::new("tech"),
        pelican: &crate::archive::inherited::PelicanRules::default(),
        page_of: &page_of,
    };
    expand_shortcodes(body, around)
        .unwrap_or_else(|| Expanded { text: body.to_owned(), left_out: Vec::new() })
}

#[track_caller]
fn becomes(generator: Generator, body: &str, text: &str) {
    let read = read(generator, body);
    assert_eq!(read.text, text, "{body}");
    assert!(read.left_out.is_empty(), "{:?}", read.left_out);
}

#[track_caller]
fn is_left_out(generator: Generator, body: &str, text: &str, left_out: &[(usize, &str)]) {
    let read = read(generator, body);
    assert_eq!(read.text, text, "{body}");
    let found: Vec<_> = read.left_out.iter().map(|(line, tag)| (*line, tag.as_str())).collect();
    assert_eq!(found, left_out, "{body}");
}

#[test]
fn hugo_figures_code_links_and_videos_become_markdown() {
    for (body, text) in [
        ("{{< figure src=\"a.png\" alt=\"글\" >}}", "![글](<a.png>)"),
        ("{{<figure src=a.png caption='b'/>}}", "![b](<a.png>)"),
        ("{{< highlight go \"linenos=table\" >}}\nx := `a`\n{{< /highlight >}}", "```go\nx := `a`\n```"),
        ("[a]({{< ref \"other.md#절\" >}})", "[a](https://example.com/blog/2013/other/#절)"),
        ("{{< youtube w7Ft2ymGmfc >}}", "<https://www.youtube.com/watch?v=w7Ft2ymGmfc>"),
        ("{{% notice tip %}}\n글\n{{% /notice %}}", "\n글\n"),
        ("`{{</* figure */>}}` {{</* x */>}}", "`{{< figure >}}` {{\\< x >}}"),
        ("```\n{{< youtube a >}}\n```\n", "```\n{{< youtube a >}}\n```\n"),
        ("a {{ .Title }} {% if %} {: .b}", "a {{ .Title }} {% if %} {: .b}"),
        ("## 제목 {#title}\n", "## 제목 \n"),
        ("[b](../other.md)", "[b](https://example.com/blog/2013/other/)"),
        ("[b](unknown.md)", "[b](unknown.md)"),
    ] {
        becomes(Generator::Hugo, body, text);
    }
    is_left_out(
        Generator::Hugo,
        "one\n\n{{< chart\n  kind=\"bar\"\n>}}\nlast",
        "one\n\n\n\n\nlast",
        &[(3, "{{< chart…")],
    );
    is_left_out(Generator::Hugo, "[a]({{< relref \"gone\" >}})", "[a]()", &[(1, "{{< relref \"gone\" >}}")]);
}

#[test]
fn zola_calls_are_removed_and_the_content_of_blocks_stays() {
    becomes(
        Generator::Zola,
        "{{ youtube(id=\"abc\", autoplay=true) }}",
        "<https://www.youtube.com/watch?v=abc>",
    );
    becomes(Generator::Zola, "{% quote(author=\"Kim\") %}\n글\n{% end %}\n", "\n글\n\n");
    becomes(Generator::Zola, "[a](@/blog/other.md#b)", "[a](https://example.com/blog/2013/other/#b)");
    becomes(Generator::Zola, "[a](@/unknown/_index.md)", "[a](https://example.com/blog/unknown/)");
    becomes(
        Generator::Zola,
        "`{{/* x() */}}` {{ page.title }} kim@/x",
        "`{{ x() }}` {{ page.title }} kim@/x",
    );
    is_left_out(Generator::Zola, "a {{ map(at=[1, 2]) }}", "a ", &[(1, "{{ map(at=[1, 2]) }}")]);
}

#[test]
fn liquid_code_links_and_urls_become_markdown() {
    for (body, text) in [
        ("{% highlight ruby linenos %}\nputs 1\n{% endhighlight %}\n", "```ruby\nputs 1\n```\n"),
        ("{% highlight text %}\n```\n{% endhighlight %}", "````text\n```\n````"),
        ("{%- highlight c -%} a {%- endhighlight -%}", "` a `"),
        ("{% codeblock A title lang:js %}\n1\n{% endcodeblock %}", "```js\n1\n```"),
        ("[a]({% post_url 2013-01-01-other %})", "[a](https://example.com/blog/2013/other/)"),
        ("{% raw %}{{ a }} {% b %}{% endraw %}", "{{ a }} {% b %}"),
        ("```\n{% raw %}\n{{ a }}\n{% endraw %}\n```", "```\n\n{{ a }}\n\n```"),
        ("![]({{ site.baseurl }}/a.png)", "![](/blog/a.png)"),
        ("![]({{site.url}}{{ '/a.png' | relative_url }})", "![](https://example.com/blog/a.png)"),
        ("{{ \"a.png\" | prepend: \"/img/\" | absolute_url }}", "https://example.com/blog/img/a.png"),
        ("{{ page.title }}", "글"),
        ("{% comment %}\na\n{% endcomment %}b", "\n\nb"),
        ("{% if a %}b{% endif %}", "b"),
        ("{% img left /a/b.png 300 200 A title %}", "![A title](</a/b.png>)"),
        ("{% include video/youtube.html id=\"abc\" %}", "<https://www.youtube.com/watch?v=abc>"),
        ("{% gist kim/123 %}", "<https://gist.github.com/kim/123>"),
        ("`{{ a }}` and ``{% b %}``", "`{{ a }}` and ``{% b %}``"),
    ] {
        becomes(Generator::Jekyll, body, text);
    }
    is_left_out(
        Generator::Jekyll,
        "a\n{% include ad.html %}\n{% for x in y %}\n{{ x }}\n{% endfor %}\n{{ x | date: \"%Y\" }}\n",
        "a\n\n\n\n\n\n",
        &[(2, "{% include ad.html %}"), (3, "{% for x in y %}"), (6, "{{ x | date: \"%Y\" }}")],
    );
}

#[test]
fn attribute_lists_and_the_table_of_contents_of_kramdown_are_removed() {
    for (body, text) in [
        ("* TOC\n{:toc}\n\n글", "\n\n\n글"),
        ("[a](b){:target=\"_blank\"} c", "[a](b) c"),
        ("[a](b){:\ntarget=\"_blank\"} c", "[a](b)\n c"),
        ("para\n{: .class #id}\n", "para\n\n"),
        ("## 제목 {#id}\n", "## 제목 \n"),
        ("{::comment}\na\n{:/comment}\nb", "\n\n\nb"),
        ("{::options toc_levels=\"2\" /}\na", "\na"),
        ("a {b: 1} {:} {: not a list", "a {b: 1}  {: not a list"),
    ] {
        becomes(Generator::Jekyll, body, text);
    }
}

#[test]
fn names_in_braces_resolve_to_posts_and_files_in_pelican() {
    for (body, text) in [
        ("[a]({filename}../other.md)", "[a](https://example.com/blog/2013/other/)"),
        ("![a]({static}/images/a.png)", "![a](https://example.com/blog/images/a.png)"),
        ("<img src=\"{attach}a.png\">", "<img src=\"a.png\">"),
        ("![a]({static}b/../a.png)", "![a](https://example.com/blog/tech/a.png)"),
        (
            "[a]({category}C++ & Co) [b]({tag}Ä)",
            "[a](https://example.com/blog/category/c.html & Co) [b](https://example.com/blog/tag/a.html)",
        ),
        (
            "[a]({index}) [b]({author}Kim%20Min)",
            "[a](https://example.com/blog/) [b](https://example.com/blog/author/kim-min.html)",
        ),
        ("[TOC]\n\n    :::python\n    a\n", "\n\n\n    a\n"),
        ("{{ a }} {filename} b", "{{ a }} {filename} b"),
    ] {
        becomes(Generator::Pelican, body, text);
    }
}

#[test]
fn without_a_generator_only_unambiguous_tags_count() {
    for body in [
        "{{ name }} and {{ a.b }}",
        "{ a } {b} {{c}",
        "{{ }} {% %} {{< >}}",
        "100{% of it",
        "a\n```\n{% x %}\n```\n",
    ] {
        becomes(Generator::Plain, body, body);
    }
    becomes(Generator::Plain, "![]({{ site.baseurl }}/a.png){: .b}", "![](/blog/a.png)");
    is_left_out(
        Generator::Plain,
        "{% include a.html %} {{< b >}} {{ c(d=1) }}",
        "  ",
        &[(1, "{% include a.html %}"), (1, "{{< b >}}"), (1, "{{ c(d=1) }}")],
    );
}

#[test]
fn hostile_texts_are_read_quickly() {
    let started = std::time::Instant::now();
    for part in [
        "{{<",
        "{{< a",
        "{% raw %}",
        "{%",
        "{{",
        "`",
        "``a`",
        "](a.md",
        "{% a %}",
        "{{< /a >}}",
        "{::a}",
        "# {#",
        "{filename}",
        "@/",
        "{% highlight %}",
        "~~~\n",
    ] {
        for generator in
            [Generator::Plain, Generator::Hugo, Generator::Zola, Generator::Jekyll, Generator::Pelican]
        {
            let _ = read(generator, &part.repeat(100_000 / part.len()));
        }
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

fn any_generator() -> impl Strategy<Value = Generator> {
    prop::sample::select(vec![
        Generator::Plain,
        Generator::Hugo,
        Generator::Zola,
        Generator::Jekyll,
        Generator::Pelican,
    ])
}

#[test]
fn a_tag_alone_on_a_line_does_not_end_a_block_of_html() {
    is_left_out(
        Generator::Hugo,
        "<div>\n    <p>a</p>\n    {{< ad\n  x=1 >}}\n    <p>b</p>\n</div>\n\na\n{{< ad >}}\nb\n",
        "<div>\n    <p>a</p>\n    <!-- -->\n<!-- -->\n    <p>b</p>\n</div>\n\na\n\nb\n",
        &[(3, "{{< ad…"), (9, "{{< ad >}}")],
    );
    becomes(Generator::Jekyll, "<p>a\n{% if x %}{% endif %}\n    b", "<p>a\n<!-- -->\n    b");
}

fn any_body() -> impl Strategy<Value = String> {
    let parts = vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{{<",
        ">}}",
        "{{%",
        "{:",
        "}",
        "`",
        "```",
        "\n",
        "\n\n",
        " ",
        "a",
        "글",
        "raw",
        "endraw",
        "highlight",
        "endhighlight",
        "end",
        "(",
        ")",
        "\"",
        "/",
        "](",
        ".md",
        "@/",
        "{filename}",
        "#",
        "\\",
        "toc",
        "* ",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_panics_and_no_line_is_lost(generator in any_generator(), body in any_body()) {
        let read = read(generator, &body);
        let lines = |text: &str| text.matches('\n').count();
        prop_assert!(lines(&read.text) >= lines(&body), "{:?}", read.text);
        prop_assert!(read.left_out.iter().all(|(line, _)| (1..=lines(&body) + 1).contains(line)));
    }

    #[test]
    fn text_without_tags_does_not_change(generator in any_generator(), body in "[^{@\\]\\[:#\\x00]{0,80}") {
        prop_assert_eq!(read(generator, &body).text, body);
    }

    #[test]
    fn only_the_marks_that_hide_a_tag_are_removed_from_code(generator in any_generator(), tag in "\\{[{%<] ?[a-z]{1,6} ?[}%>]\\}") {
        let mut body = String::new();
        let _ = write!(body, "`{tag}`\n\n```\n{tag}\n```\n");
        prop_assert_eq!(read(generator, &body).text, body);
    }
}
