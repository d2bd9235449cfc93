#!/usr/bin/env python3
"""The static pages in a real Chromium: Korean and English, on a phone and on a wide screen, light and dark. Follows every
link, clicks every "Read online" of the emails, and opens the feeds in the browser.

    browser.py LETTERPRESS AXE_JS HTML_VALIDATE [SCREENSHOTS]

Needs Debian's `chromium` and `chromium-driver`, PyPI's `selenium`, and npm's `axe-core` (its file `axe.min.js`) and
`html-validate` (its command).
"""
import email
import email.policy
import html.parser
import json
import pathlib
import shutil
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

from selenium import webdriver
from selenium.webdriver.common.by import By

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from chromium import LONGEST_SCRIPT, follow
from ports import free_port

LETTERPRESS, AXE = sys.argv[1], pathlib.Path(sys.argv[2]).read_text("utf-8")
VALIDATE = sys.argv[3]
SHOTS = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
SERIOUS = {"serious", "critical"}
LARGEST = 15_000

WORDS = {
    "ko": {
        "title": "느린 편지",
        "about": "천천히 읽는 글",
        "author": "김하늘",
        "category": ["생각", "기술 이야기"],
        "post": "느리게 도착하는 것들에 대하여",
        "text": (
            "알림은 우리를 부르고, 편지는 우리를 기다린다.[^1] **천천히** 온다는 것은 늦는다는 뜻이 아니다. "
            "[앞의 글](2026-01-05-first.md)에서 말했듯이, 기다림에는 제 몫의 즐거움이 있다.\n\n"
            "> 느림은 게으름이 아니라, 시간을 고르는 방식이다.\n\n## 우체통이 있던 자리\n\n"
            "골목 끝의 우체통이 없어졌다. 그 자리에는 `화분`이 하나 놓여 있다.\n\n![노을이 진 바다](<바다 노을.png>)\n\n"
            "- 봄에 쓰는 편지\n- 여름에 받는 편지\n\n| 계절 | 편지 | 걸린 날 |\n|---|---|--:|\n| 봄 | 열두 통 | 3 |\n| 여름 | 다섯 통 | 11 |\n\n"
            "```python\nprint('편지')\n```\n\n[^1]: 2025년 가을에 쓴 메모에서.\n"
        ),
    },
    "en": {
        "title": "Slow Letters",
        "about": "Essays that take their time",
        "author": "Alex O'Hara",
        "category": ["Essays", "How-to & why"],
        "post": "On things that arrive slowly",
        "text": (
            "A notification calls us; a letter waits for us.[^1] To arrive **slowly** is not to be late. As the "
            "[last post](2026-01-05-first.md) said, waiting has a pleasure of its own.\n\n"
            "> Slowness is not laziness. It is a way of choosing what to spend time on.\n\n## Where the postbox was\n\n"
            "The postbox at the end of the lane is gone. A `flower pot` stands in its place.\n\n![The sea after sunset](<sea sunset.png>)\n\n"
            "- letters written in spring\n- letters that came in summer\n\n| season | letters | days |\n|---|---|--:|\n| spring | twelve | 3 |\n| summer | five | 11 |\n\n"
            "```python\nprint('letter')\n```\n\n[^1]: From a note of last autumn.\n"
        ),
    },
}


def picture(width=960, height=420):
    """A PNG of a sunset, drawn here."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            sun = (x - 640) ** 2 + (y - 210) ** 2 < 70 ** 2 and y < 250
            sea = y >= 250
            part = y / height
            rows += bytes((255, 214, 150) if sun else (38, 70 + y // 8, 104) if sea else (int(70 + 170 * part), int(80 + 70 * part), int(130 - 20 * part)))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")


class Site:
    """A site in its own folder, and a running `letterpress serve`. `config` is appended to its configuration."""

    def __init__(self, folder, language, config="", web=True):
        self.folder, self.words, self.language = pathlib.Path(folder), WORDS[language], language
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        words = self.words
        (self.folder / "posts").mkdir(parents=True)
        self.write("config.toml", f"""[site]
title = "{words['title']}"
url = "{self.url if web else 'http://127.0.0.1:1/'}"
language = "{language}"
timezone = "Asia/Seoul"
description = "{words['about']}"
author = {{ name = "{words['author']}" }}
rights = "CC BY 4.0"
[newsletter]
from = "{words['title']} <news@letters.example>"
list = "subscribers.csv"
delay = "0s"
max_age = "520w"
first_run = "newest"
[web]
url = "{self.url}"
listen = "127.0.0.1:{self.port}"
{config}""")
        self.write("subscribers.csv", "email,consented\nreader@letters.test,2026-01-01\n")
        first, second = words["category"]
        for day in range(1, 40):
            number = f"{day}번째 글: 기다림의 모양" if language == "ko" else f"Note {day}: the shape of waiting"
            self.post(f"2025-{1 + day // 28:02}-{1 + day % 28:02}-note-{day}.md", number, first, "…\n")
        self.post("2026-01-05-first.md", "첫 글" if language == "ko" else "The first post", second, "…\n")
        self.post("2026-01-06-slow.md" if language == "en" else "2026-01-06-느린-것들.md", words["post"], first, words["text"], f'description = "{words["about"]}"\n')
        name = "바다 노을.png" if language == "ko" else "sea sunset.png"
        (self.folder / "posts" / name).write_bytes(picture())
        self.run("publish")
        self.server = subprocess.Popen([LETTERPRESS, "--config", str(self.folder / "config.toml"), "serve"])
        for _ in range(600):
            assert self.server.poll() is None, "the server has ended"
            try:
                if urllib.request.urlopen(self.url + "healthz", timeout=2).status == 200:
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def write(self, name, text):
        (self.folder / name).write_text(text, "utf-8")

    def post(self, name, title, category, body, more=""):
        self.write(f"posts/{name}", f'+++\ntitle = "{title}"\ncategories = ["{category}"]\ndate = {name[:10]}\n{more}+++\n\n{body}')

    def run(self, *words):
        command = [LETTERPRESS, "--config", str(self.folder / "config.toml"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def stop(self):
        self.server.terminate()
        assert self.server.wait(120) == 0, "the server did not stop with exit code 0"

    def read_online(self):
        """The first link of each email in the outbox: where it can be read online."""
        found = set()
        for path in self.folder.glob("outbox/**/*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            found.add(Links(message.get_body(("html",)).get_content()).found[0])
        assert found, "no email was written"
        return sorted(found)


class Links(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, _, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src") and value]


class Browser:
    def __init__(self, folder, dark=False, width=1000):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}",
            "--lang=ko", f"--window-size={width},1000",
        ):
            options.add_argument(argument)
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(LONGEST_SCRIPT)
        # The real width: a window cannot be narrower than 500 pixels.
        self.width = width
        self.size(1000)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.looked_at = 0

    def size(self, height):
        metrics = {"width": self.width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def look(self, url, name):
        self.driver.get(url)
        if SHOTS:
            SHOTS.mkdir(parents=True, exist_ok=True)
            self.size(min(2600, self.driver.execute_script("return document.documentElement.scrollHeight")))
            self.driver.save_screenshot(str(SHOTS / f"page-{name}.png"))
            self.size(1000)
        wide, window = self.driver.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= window, f"{name} is wider than the window: {wide} > {window}"
        missing = self.driver.execute_script("return [...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)")
        assert not missing, f"{name}: pictures that are not shown: {missing}"
        assert self.driver.execute_script("return document.scripts.length") == 0, f"{name} has a script"
        self.driver.execute_script(AXE)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations), e => done([{impact: 'critical', help: String(e)}]))"
        )
        bad = [row for row in found if row["impact"] in SERIOUS]
        assert not bad, f"{name}: {json.dumps(bad, ensure_ascii=False, indent=1)[:3000]}"
        self.looked_at += 1

    def follow(self, selector):
        follow(self.driver, self.driver.find_element(By.CSS_SELECTOR, selector))

    def close(self):
        self.driver.quit()


def crawl(site):
    """Every page and file that can be reached by links from the index."""
    seen, waiting = set(), [(site.url, "")]
    while waiting:
        url, page = waiting.pop()
        if url in seen or not url.startswith(site.url):
            continue
        seen.add(url)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/html"}), timeout=60) as answer:
                kind, body = answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{page} links to {url}, which returns {error.code}") from error
        if kind.startswith("text/html"):
            found = Links(body.decode("utf-8")).found
            found = [urllib.parse.quote(link, safe=":/?#%~,+*=&;@!$'()") for link in found]
            waiting += [(urllib.parse.urljoin(url, link).split("#")[0], url) for link in found]
    return seen


def sizes(site):
    pages = [path for path in (site.folder / "public").rglob("*.html") if b"made by Letterpress" in path.read_bytes()[-80:]]
    large = {str(path): path.stat().st_size for path in pages if path.stat().st_size >= LARGEST}
    assert not large, f"too large: {large}"
    return pages


def validate(pages, **more):
    rules = {"root": True, "extends": ["html-validate:standard"], "rules": {"no-trailing-whitespace": "off", "long-title": "off", "doctype-style": "off", "no-inline-style": "off", **more}}
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "rules.json"
        config.write_text(json.dumps(rules), "utf-8")
        done = subprocess.run([VALIDATE, "--config", str(config), "--max-warnings", "0", *map(str, pages)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


def feeds(site, browser):
    """A browser shows a feed as a page; a feed reader gets the registered media type."""
    shown = 0
    for name, kind in (("rss.xml", "application/rss+xml"), ("atom.xml", "application/atom+xml")):
        with urllib.request.urlopen(site.url + name, timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith(kind), answer.headers["Content-Type"]
            assert "accept" in answer.headers["Vary"].lower().split(", ")
        browser.driver.get(site.url + name)
        if SHOTS:
            browser.driver.save_screenshot(str(SHOTS / f"page-{site.language}-{name}.png"))
        title = browser.driver.find_element(By.CSS_SELECTOR, "rss > channel > title, feed > title")
        assert title.is_displayed() and title.text == site.words["title"], f"{name} is shown as source"
        assert title.value_of_css_property("font-weight") == "600", f"{name} has no style"
        shown += 1
    browser.driver.get(site.url + "feed.html")
    assert site.words["title"] in browser.driver.find_element(By.TAG_NAME, "h1").text
    return shown


def text_of(browser):
    return browser.driver.find_element(By.TAG_NAME, "body").text


def story(language):
    counts = {"looks": 0, "links": 0, "pages": 0, "online": 0, "feeds": 0}
    with tempfile.TemporaryDirectory() as folder:
        site = Site(f"{folder}/site", language)
        try:
            pages = sizes(site)
            validate(pages)
            counts["pages"] += len(pages)
            counts["links"] += len(crawl(site))
            post = next(url for url in site.read_online())
            second = urllib.parse.quote(site.words["category"][1].replace(" ", "_"))
            for dark in (False, True):
                for width in (360, 1000):
                    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
                        browser = Browser(profile, dark, width)
                        look = f"{language}-{width}-{'dark' if dark else 'light'}"
                        browser.look(site.url, f"index-{look}")
                        browser.look(post, f"post-{look}")
                        browser.look(site.url + "years/2025/", f"year-{look}")
                        browser.look(f"{site.url}categories/{second}/", f"category-{look}")
                        if (dark, width) == (False, 1000):
                            counts["feeds"] += feeds(site, browser)
                            counts["online"] += walk(site, browser, post)
                        counts["looks"] += browser.looked_at
                        browser.close()
        finally:
            site.stop()
    return counts


def walk(site, browser, post):
    """From the email to its post, to the previous one and back, to the index, and to the form."""
    for url in site.read_online():
        browser.driver.get(url)
        assert site.words["post"] in text_of(browser), url
        assert browser.driver.find_elements(By.CSS_SELECTOR, "article img"), "the picture is not on the page"
    browser.driver.get(post)
    browser.follow("a[rel=prev]")
    assert "first" in browser.driver.current_url, browser.driver.current_url
    browser.follow("a[rel=next]")
    assert browser.driver.current_url == post
    browser.follow("header a")
    assert browser.driver.current_url == site.url
    browser.driver.get(post)
    reference = browser.driver.find_element(By.CSS_SELECTOR, ".footnote-ref a")
    note = reference.get_attribute("href").split("#")[1]
    reference.click()
    assert browser.driver.find_element(By.ID, note).is_displayed()
    browser.follow("a.sign-up")
    assert browser.driver.find_element(By.CSS_SELECTOR, "input[type=email]").is_displayed()
    return len(site.read_online())


def without_pages():
    """If another program makes the pages, an email links to its issue on `serve`."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(f"{folder}/site", "ko", "[output]\npages = false\n", web=False)
        try:
            assert not list((site.folder / "public").rglob("index.html"))
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
                browser = Browser(profile)
                for url in site.read_online():
                    assert url.startswith(site.url + "issues/"), url
                    browser.driver.get(url)
                    assert site.words["post"] in text_of(browser), url
                browser.close()
            return len(site.read_online())
        finally:
            site.stop()


class Sink(socketserver.StreamRequestHandler):
    """A mail server on the loopback interface that takes everything and keeps nothing."""

    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def handle(self):
        self.say(b"220 sink")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                self.say(b"250 sink")
            elif word == b"DATA":
                self.say(b"354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.say(b"250 taken")
            elif word == b"QUIT":
                return self.say(b"221 bye")
            else:
                self.say(b"250 ok")


def mailed(language):
    """The issues that were mailed, as static pages."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as sink, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        relay = f'[smtp]\nhost = "127.0.0.1"\nport = {sink.server_address[1]}\ntls = "none"\n'
        site = Site(f"{folder}/site", language, f"[output]\nissues = true\n{relay}")
        try:
            pages = list((site.folder / "public" / "issues").rglob("*.html"))
            assert len(pages) == 2, pages
            # Mail programs need these attributes, and browsers know them.
            validate(pages, **{"no-deprecated-attr": "off"})
            # `serve` has pages of its own at /issues/, so these are opened as files.
            for dark in (False, True):
                for width in (360, 1000):
                    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
                        browser = Browser(profile, dark, width)
                        for page in pages:
                            look = f"{language}-{width}-{'dark' if dark else 'light'}-{page.parent.name == 'issues'}"
                            browser.look(page.as_uri(), f"mailed-{look}")
                        browser.close()
        finally:
            site.stop()
            sink.shutdown()
    return len(pages)


def main():
    languages = [story("ko"), story("en")]
    total = {key: sum(counts[key] for counts in languages) for key in languages[0]}
    total["online"] += without_pages()
    total["pages"] += mailed("ko") + mailed("en")
    print(
        f"pages: {total['looks']} views at 360 and 1000 pixels, light and dark, checked by axe-core; {total['pages']} pages valid and "
        f"under 15 kB; {total['links']} links followed; {total['online']} \"Read online\" clicked; {total['feeds']} feeds shown"
    )


main()
