#!/usr/bin/env python3
"""A subscriber's path through the pages, in a real Chromium over WebDriver: sign up, read the confirmation in the outbox,
confirm, get an issue, unsubscribe on the page, undo it, and read the issue online.

    browser.py LETTERPRESS AXE_JS [SCREENSHOTS]

Needs Debian's `chromium` and `chromium-driver`, PyPI's `selenium`, and the file `axe.min.js` of npm's `axe-core`. Runs
twice: with JavaScript, where axe-core checks every page, and with JavaScript switched off.
"""
import email
import email.policy
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.webdriver.common.by import By

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from chromium import LONGEST_SCRIPT, follow
from ports import free_port

LETTERPRESS, AXE = sys.argv[1], pathlib.Path(sys.argv[2]).read_text("utf-8")
SHOTS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
# Violations of lower impact are ignored.
SERIOUS = {"serious", "critical"}


class Site:
    """A Korean site with two categories in its own folder, and a running `letterpress serve`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        (self.folder / "posts").mkdir()
        self.write(
            "config.toml",
            f"""[site]
title = "느린 편지"
url = "https://letters.example/"
language = "ko"
timezone = "Asia/Seoul"
description = "천천히 읽는 글"
[newsletter]
from = "느린 편지 <news@letters.example>"
delay = "0s"
[web]
url = "{self.url}"
listen = "127.0.0.1:{self.port}"
""",
        )
        self.post("2026-01-05-first.md", "첫 글", "생각", "2026-01-05T09:00:00+09:00")
        self.post("2026-01-06-tech.md", "기술 이야기", "기술", "2026-01-06T09:00:00+09:00")
        self.run("publish")
        self.server = subprocess.Popen([LETTERPRESS, "--config", str(self.folder / "config.toml"), "serve"])
        self.wait()

    def write(self, name, text):
        (self.folder / name).write_text(text, "utf-8")

    def post(self, name, title, category, date):
        body = "**편지**는 천천히 온다.\n\n" * 3 + "<script>document.title='hacked'</script>\n"
        self.write(f"posts/{name}", f'+++\ntitle = "{title}"\ndate = {date}\ncategories = ["{category}"]\n+++\n\n{body}')

    def run(self, *words):
        command = [LETTERPRESS, "--config", str(self.folder / "config.toml"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def wait(self):
        for _ in range(600):
            assert self.server.poll() is None, "the server has ended"
            try:
                if urllib.request.urlopen(self.url + "healthz", timeout=2).status == 200:
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def stop(self):
        self.server.terminate()
        assert self.server.wait(120) == 0, "the server did not stop with exit code 0"

    def status(self, address):
        rows = json.loads(self.run("subscribers", "list", "--json"))
        return next((row["status"] for row in rows if row["email"] == address), None)

    def wait_for_email(self, address, known):
        """Waits for an email to this address that is not in `known`."""
        for _ in range(600):
            for path in sorted(self.folder.glob("outbox/**/*.eml")):
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                if path not in known and address in str(message["To"]):
                    known.add(path)
                    return message
            time.sleep(0.1)
        raise AssertionError(f"no email arrived for {address}")


class Links(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, _, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src") and value]


def text_of(message):
    return message.get_body(("plain",)).get_content()


def link(message, below):
    found = re.search(rf"https?://\S*/{below}/\S+", text_of(message))
    assert found, f"there is no link below /{below}/ in:\n{text_of(message)}"
    return found.group(0)


def scan(site, message):
    """Requests every link of an email, as a link scanner does. Nothing may change."""
    links = set(Links(message.get_body(("html",)).get_content()).found)
    links |= set(re.findall(r"https?://[^\s<>]+", text_of(message) + str(message["List-Unsubscribe"])))
    ours = [found for found in links if found.startswith(site.url)]
    assert ours, links
    for found in ours:
        for method in ("GET", "HEAD", "OPTIONS"):
            request = urllib.request.Request(found, method=method)
            try:
                urllib.request.urlopen(request, timeout=60).read()
            except urllib.error.HTTPError as error:
                assert error.code in (404, 405), (method, found, error.code)
    return len(ours)


class Browser:
    def __init__(self, folder, scripts, dark=False, width=1000):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}",
            "--lang=ko", f"--window-size={width},1100",
        ):
            options.add_argument(argument)
        if dark:
            options.add_argument("--force-dark-mode")
        preferences = {"intl.accept_languages": "ko"}
        if not scripts:
            preferences["profile.managed_default_content_settings.javascript"] = 2
        options.add_experimental_option("prefs", preferences)
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(LONGEST_SCRIPT)
        self.scripts = scripts
        self.looked_at = 0
        if dark or width < 600:
            # The real width: a window cannot be narrower than 500.
            self.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 1100, "deviceScaleFactor": 1, "mobile": False},
            )
            scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def open(self, url, name):
        self.driver.get(url)
        self.look(name)

    def press(self, action, name):
        """Presses the button of the form whose action contains `action`."""
        button = self.driver.find_element(By.CSS_SELECTOR, f"form[action*='{action}'] button")
        follow(self.driver, button)
        self.look(name)

    def look(self, name):
        if SHOTS:
            SHOTS.mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(SHOTS / f"{name}.png"))
        title = self.driver.title
        assert title and "hacked" not in title, f"{name}: {title!r}"
        if self.scripts:
            width = self.driver.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert width[0] <= width[1], f"{name} is wider than the window: {width}"
            self.driver.execute_script(AXE)
            found = self.driver.execute_async_script(
                "const done = arguments[0]; axe.run().then(r => done(r.violations), e => done([{impact: 'critical', help: String(e)}]))"
            )
            bad = [row for row in found if row["impact"] in SERIOUS]
            assert not bad, f"{name}: {json.dumps(bad, ensure_ascii=False, indent=1)[:3000]}"
            self.looked_at += 1

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def close(self):
        self.driver.quit()


def sign_up(browser, site, address, name):
    browser.open(site.url, f"{name}-form")
    assert browser.driver.find_element(By.TAG_NAME, "html").get_attribute("lang").startswith("ko")
    browser.driver.find_element(By.CSS_SELECTOR, "input[type=email]").send_keys(address)
    # A form that is sent within two seconds is taken for a bot's.
    time.sleep(2.2)
    browser.press("/subscribe", f"{name}-asked")
    assert address not in browser.driver.page_source, "the page repeats the address"


def story(site, scripts):
    name = "with-scripts" if scripts else "without-scripts"
    address = f"{name}@example.org"
    known = set(site.folder.glob("outbox/**/*.eml"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder, scripts)
        sign_up(browser, site, address, name)
        assert site.status(address) == "unconfirmed"
        confirmation = site.wait_for_email(address, known)
        assert confirmation["Auto-Submitted"] == "auto-generated"

        scanned = scan(site, confirmation)
        assert site.status(address) == "unconfirmed", "a scanner confirmed"
        browser.open(link(confirmation, "confirm"), f"{name}-confirm")
        assert site.status(address) == "unconfirmed", "opening the page confirmed"
        browser.press("/confirm/", f"{name}-confirmed")
        assert site.status(address) == "active"

        day = 7 if scripts else 8
        site.post(f"{name}.md", f"새 글 {day}", "생각", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)))
        site.run("publish")
        issue = site.wait_for_email(address, known)
        scanned += scan(site, issue)
        assert site.status(address) == "active", "a scanner unsubscribed the subscriber"
        unsubscribe = link(issue, "leave")
        assert "/u/" in str(issue["List-Unsubscribe"]) and "/u/" not in text_of(issue)
        browser.open(unsubscribe, f"{name}-unsubscribe")
        assert site.status(address) == "active"
        browser.press("/leave/", f"{name}-unsubscribed")
        assert site.status(address) == "unsubscribed"
        browser.press("/undo/", f"{name}-undone")
        assert site.status(address) == "active"

        browser.open(site.url + "issues/", f"{name}-issues")
        first = browser.driver.find_element(By.CSS_SELECTOR, "main a[href*='/issues/']").get_attribute("href")
        browser.driver.get(first)
        page = browser.driver.page_source
        assert "새 글" in page and address not in page and "/leave/" not in page
        if SHOTS:
            browser.driver.save_screenshot(str(SHOTS / f"{name}-issue.png"))
        looked_at = browser.looked_at
        browser.close()
    return f"{name}: {scanned} links scanned, {looked_at} pages checked by axe-core"


def looks(site):
    """The form and other pages, from a phone to a wide screen, light and dark."""
    seen = 0
    for dark in (False, True):
        for width in (320, 768, 1600):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                browser = Browser(folder, True, dark, width)
                for path, name in (("", "form"), ("issues/", "issues"), ("data", "data"), ("leave/nonsense", "nothing")):
                    browser.open(site.url + path, f"{name}-{width}-{'dark' if dark else 'light'}")
                seen += browser.looked_at
                browser.close()
    return f"{seen} pages from 320 to 1600 pixels, light and dark"


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder)
        try:
            summaries = [story(site, True), story(site, False), looks(site)]
        finally:
            site.stop()
    print("browser: " + "; ".join(summaries))


main()
