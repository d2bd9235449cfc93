#!/usr/bin/env python3
"""Writes src/email/lint/clients/support.tsv from the data of https://www.caniemail.com (MIT).

    npm pack caniemail@latest && tar xzf caniemail-*.tgz
    tests/caniemail/table.py package > src/email/lint/clients/support.tsv

One line for each feature that some client does not know: its name in the address of its page; for each client `y`, `a`
(in part), `n`, or `u` (nobody tested it); and its marks, which stand in an email that uses it. The order of the clients is
that of `CLIENTS` below and in src/email/lint/clients/families.rs.
"""

import json
import pathlib
import re
import sys

# A client is as good as the worst of the programs that it stands for.
CLIENTS = [
    ["outlook.windows"],
    ["outlook.outlook-com"],
    ["outlook.macos", "outlook.ios", "outlook.android"],
    ["gmail.desktop-webmail"],
    ["gmail.ios", "gmail.android"],
    ["gmail.ios+foreign", "gmail.android+foreign"],
    ["gmail.mobile-webmail"],
    ["apple-mail.macos", "apple-mail.ios"],
    ["yahoo.desktop-webmail", "yahoo.ios", "yahoo.android"],
    ["aol.desktop-webmail", "aol.ios", "aol.android"],
    ["samsung-email.android"],
]

# `float`: a property; `display:flex`: a property with a value (`-` is a negative one); `=initial`: a value of any property;
# `calc()`: a function, `rgb(_)`: one without commas; `1rem`: a unit; `@import`, `::after`; `<ruby>`, `[srcset]`, `.webp`: an
# element, an attribute, an image format.
SIDES = ["top", "right", "bottom", "left"]
LOGICAL = ["inline", "block"]
MARKS = {
    "css-background-image": ["background-image", "background:url()"],
    "css-block-inline-size": ["block-size", "inline-size"],
    "css-border-inline-block": ["border-inline", "border-block"],
    "css-border-inline-block-individual": [f"border-{a}-{e}" for a in LOGICAL for e in ("start", "end")],
    "css-border-inline-block-longhand": [
        f"border-{a}-{p}" for a in LOGICAL for p in ("width", "style", "color")
    ],
    "css-border-radius-logical": [f"border-{a}-{b}-radius" for a in ("start", "end") for b in ("start", "end")],
    "css-color-scheme": ["color-scheme"],
    "css-column-layout-properties": ["columns", "column-width", "column-rule", "column-span", "column-fill"],
    "css-display-flex": ["display:flex", "display:inline-flex"],
    "css-display-grid": ["display:grid", "display:inline-grid"],
    "css-flex-direction": ["flex-direction"],
    "css-flex-wrap": ["flex-wrap", "flex-flow"],
    "css-grid-template": ["grid-template", "grid-template-columns", "grid-template-rows", "grid-template-areas"],
    "css-intrinsic-size": ["=fit-content", "=min-content", "=max-content"],
    "css-inert-attribute": ["[inert]"],
    "css-left-right-top-bottom": SIDES,
    "css-linear-gradient": ["linear-gradient()", "repeating-linear-gradient()"],
    "css-radial-gradient": ["radial-gradient()", "repeating-radial-gradient()"],
    "css-list-style": ["list-style:url()"],
    "css-margin": ["margin:-", *(f"margin-{side}:-" for side in SIDES)],
    "css-margin-block-start-end": ["margin-block-start", "margin-block-end"],
    "css-margin-inline-block": ["margin-inline", "margin-block"],
    "css-margin-inline-start-end": ["margin-inline-start", "margin-inline-end"],
    "css-padding-block-start-end": ["padding-block-start", "padding-block-end"],
    "css-padding-inline-block": ["padding-inline", "padding-block"],
    "css-padding-inline-start-end": ["padding-inline-start", "padding-inline-end"],
    "css-position": [f"position:{value}" for value in ("absolute", "fixed", "sticky")],
    "css-rgb": ["rgb(_)", "rgba(_)", "hsl(_)", "hsla(_)"],
    "css-scroll-snap": ["scroll-snap-type", "scroll-snap-align"],
    "css-sytem-ui": ["=system-ui", "=ui-serif", "=ui-sans-serif", "=ui-rounded", "=ui-monospace"],
    "css-text-align": ["text-align:start", "text-align:end"],
    "css-text-indent": ["text-indent:-"],
    "css-unit-calc": ["calc()"],
    "css-unit-initial": ["=initial"],
    "css-variables": ["var()"],
    "css-white-space": [f"white-space:{value}" for value in ("pre", "pre-wrap", "pre-line", "break-spaces")],
    "html-button-submit": ["<button>"],
    "html-doctype": [],
    "html-body": [],
    "html-h1-h6": [],
    "html-input-text": ["<input>"],
    "html-lists": ["[reversed]"],
    "html-anchor-links": [],
    "html-meta-color-scheme": [],
    "html-semantics": [
        f"<{name}>"
        for name in "article aside details figcaption figure footer header main mark nav section summary time".split()
    ],
    "html-srcset": ["[srcset]"],
    "html-svg": ["<svg>"],
    "image-avif": [".avif"],
    "image-bmp": [".bmp"],
    "image-heif": [".heif", ".heic"],
    "image-ico": [".ico"],
    "image-mp4": [],
    "image-svg": [".svg"],
    "image-tiff": [".tif", ".tiff"],
    "image-webp": [".webp"],
}
# The notes of a client that knows the feature in part, if the marks are of the other part.
MISSING = {
    "css-list-style": "entire `list-style` property is removed",
    "css-margin": "Negative values",
    "css-rgb": "Whitespace syntax",
    "css-text-align": "`start` and `end` are not supported\\.",
    "css-text-indent": "[Nn]egative values are not supported",
    "html-lists": "`reversed`",
}
# Selectors and pseudo-classes are gone or matched when the rules are in the elements; media queries are enhancements.
LEFT_OUT = ("css-selector-", "css-pseudo-", "css-at-media", "css-comments", "css-important", "css-nesting", "image-", "amp", "bimi")
KEPT = {"css-pseudo-element-after": ["::after"], "css-pseudo-element-before": ["::before"]}


def marks(feature):
    """What stands in an email that uses the feature."""
    slug, title = feature["slug"], feature["title"].strip().replace(" property", "").replace(" CSS", "")
    if slug in MARKS or slug in KEPT:
        return MARKS.get(slug, KEPT.get(slug))
    if slug.startswith(LEFT_OUT):
        return []
    if unit := re.fullmatch(r"css-unit-(\w+)", slug):
        return ["1" + unit[1]] if unit[1] != "percent" else []
    if element := re.search(r"<(\w+)>", title):
        return [f"<{element[1]}>"]
    if attribute := re.fullmatch(r"([\w-]+) attribute", title):
        return [f"[{attribute[1]}]"]
    if re.fullmatch(r"[@\w-]+(\(\))?(, [\w-]+(\(\))?)*", title):
        return title.split(", ")
    return []


def level(feature, client):
    """`y`, `a` (in part), `n`, or `u` if nobody tested it."""
    name, _, foreign = client.partition("+")
    family, platform = name.split(".")
    tested = feature["stats"].get(family, {}).get(platform)
    if not tested:
        return "u"
    latest = list(tested.values())[-1]
    numbers = re.findall(r"#(\d+)", latest)
    notes = [(feature.get("notes_by_num") or {}).get(number, "") for number in numbers]
    if missing := MISSING.get(feature["slug"]):
        return "n" if latest[0] == "n" or any(re.search(missing, note) for note in notes) else "y"
    if family != "gmail" or platform == "mobile-webmail":
        return latest[0]
    about_accounts = [note for note in notes if re.search(r"non[- ](Google|Gmail) account", note, re.IGNORECASE)]
    if not about_accounts or latest[0] != "a":
        return latest[0]
    is_only_foreign = any(re.search(r"only (supported|works)|accounts only", note, re.IGNORECASE) for note in about_accounts)
    if bool(foreign) != is_only_foreign:
        return "n"
    return "y" if len(about_accounts) == len(notes) else "a"


def main():
    package = pathlib.Path(sys.argv[1])
    data = json.loads((package / "data" / "caniemail.json").read_text())
    version = json.loads((package / "package.json").read_text())["version"]
    print(f"# Written by tests/caniemail/table.py from caniemail {version}, data of {data['last_update_date'][:10]}.")
    print("# https://www.npmjs.com/package/caniemail: MIT License (the file LICENSE). The tests are those of")
    print("# https://www.caniemail.com: MIT License, (c) HTeuMeuLeu.")
    for feature in sorted(data["data"], key=lambda feature: feature["slug"]):
        levels = [min((level(feature, client) for client in clients), key="nayu".index) for clients in CLIENTS]
        if marks(feature) and "n" in levels:
            print(feature["slug"], "".join(levels), " ".join(marks(feature)), sep="\t")


if __name__ == "__main__":
    main()
