#!/usr/bin/env python3
"""Three independent parsers in three languages read the same feeds and must agree on ids, titles, links, dates and content:
feed-rs (Rust), feedparser (Python) and rss-parser (npm). The last two do not support JSON Feed; Python's json module
replaces them there.

    tests/feeds/readers.py FEED_RS NODE_FOLDER FOLDER

FEED_RS is the example read_feed; NODE_FOLDER has rss-parser in its node_modules; FOLDER contains feeds, at any depth.
"""

import calendar
import datetime
import json
import pathlib
import subprocess
import sys

import feedparser

FIELDS = ("id", "title", "link", "date", "content")
SCRIPT = pathlib.Path(__file__).with_name("read_feed.mjs").resolve()


def lines(command, folder=None):
    """The output of another parser, by file."""
    found = {}
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, timeout=300).stdout
    for line in output.split("\n"):
        if line:
            entry = json.loads(line)
            found.setdefault(entry.pop("file"), []).append(entry)
    return found


def python(path):
    feed = feedparser.parse(path.read_bytes(), sanitize_html=False, resolve_relative_uris=False)
    if feed.bozo:
        raise SystemExit(f"{path}: feedparser: {feed.bozo_exception}")
    return [{"id": entry.id, "title": entry.title, "link": entry.link,
             "date": calendar.timegm(entry.published_parsed),
             "content": entry.content[0].value if "content" in entry else None} for entry in feed.entries]


def json_feed(path):
    items = json.loads(path.read_text("utf-8"))["items"]
    moment = lambda text: int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    return [{"id": item["id"], "title": item["title"], "link": item["url"], "date": moment(item["date_published"]),
             "content": item.get("content_html")} for item in items]


def plain(entry):
    """Without white space at the ends, which some parsers trim."""
    return {field: value.strip() if isinstance(value, str) else value for field, value in entry.items()}


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    feed_rs, node, folder = sys.argv[1:]
    xml = sorted(path.resolve() for path in pathlib.Path(folder).rglob("*.xml"))
    jsons = sorted(path.resolve() for path in pathlib.Path(folder).rglob("feed.json"))
    if not xml or not jsons:
        raise SystemExit(f"{folder}: there are no feeds")
    rust = lines([feed_rs, *map(str, xml + jsons)])
    npm = lines(["node", str(SCRIPT), *map(str, xml)], node)
    wrong, entries = [], 0
    for path in xml + jsons:
        is_json = path.suffix == ".json"
        read = {"feed-rs": rust.get(str(path), []), "Python": json_feed(path) if is_json else python(path)}
        if not is_json:
            read["rss-parser"] = npm.get(str(path), [])
        (first, reference), *others = read.items()
        entries += len(reference)
        for name, found in others:
            if len(found) != len(reference):
                wrong.append(f"{path}: {first} reads {len(reference)} entries, {name} {len(found)}")
            for one, other in zip(map(plain, reference), map(plain, found)):
                wrong += [f"{path}: {one['id']}: {field}: {first} {one[field]!r}, {name} {other[field]!r}"
                          for field in FIELDS if one[field] != other[field]]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    print(f"{len(xml) + len(jsons)} feeds, {entries} entries: feed-rs, feedparser and rss-parser agree"
          if not wrong else f"{len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
