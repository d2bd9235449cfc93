#!/usr/bin/env python3
"""Checks that the three formats of a feed have the same ids, addresses, titles, dates and content.

    tests/feeds/same.py FOLDER     every folder below it that contains rss.xml, atom.xml and feed.json
"""

import datetime
import email.utils
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
FIELDS = ("id", "address", "title", "date", "content")


def second(text):
    """The time in seconds; RFC 822 dates have no fractions."""
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def rss(path):
    for item in ElementTree.parse(path).getroot().iterfind("channel/item"):
        date = int(email.utils.parsedate_to_datetime(item.findtext("pubDate")).timestamp())
        yield item.findtext("guid"), item.findtext("link"), item.findtext("title"), date, item.findtext(CONTENT)


def atom(path):
    for entry in ElementTree.parse(path).getroot().iterfind(f"{ATOM}entry"):
        links = {link.get("rel", "alternate"): link.get("href") for link in entry.iterfind(f"{ATOM}link")}
        yield (entry.findtext(f"{ATOM}id"), links.get("alternate"), entry.findtext(f"{ATOM}title"),
               second(entry.findtext(f"{ATOM}published")), entry.findtext(f"{ATOM}content"))


def json_feed(path):
    for item in json.loads(path.read_text("utf-8"))["items"]:
        yield item["id"], item["url"], item["title"], second(item["date_published"]), item["content_html"]


def differences(folder):
    """The number of entries, and every difference between the formats."""
    read = {"rss.xml": list(rss(folder / "rss.xml")), "atom.xml": list(atom(folder / "atom.xml")),
            "feed.json": list(json_feed(folder / "feed.json"))}
    first, *others = read
    wrong = [] if read[first] else [f"{folder}: there are no entries"]
    for entry in read[first]:
        wrong += [f"{folder}: {entry[0]} has no {field}" for field, value in zip(FIELDS, entry) if not value]
    for other in others:
        if len(read[first]) != len(read[other]):
            wrong.append(f"{folder}: {first} has {len(read[first])} entries and {other} has {len(read[other])}")
        for left, right in zip(read[first], read[other]):
            wrong += [f"{folder}: {left[0]}: the {field} in {first} and in {other} differ:\n  {a!r}\n  {b!r}"
                      for field, a, b in zip(FIELDS, left, right) if a != b]
    return len(read[first]), wrong


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).rglob("rss.xml"))
    wrong = [] if folders else [f"{sys.argv[1]}: there is no rss.xml"]
    for folder in folders:
        entries, found = differences(folder)
        wrong += found
        print(f"{folder}: {'the same' if not found else 'not the same'} in three formats; entries: {entries}")
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
