#!/usr/bin/env python3
"""The report of a simulated year: 50 issues to a list that grows to about 20,000 subscribers. It is made in time, is small, and is
looked at in Chromium, in English and Korean, wide and narrow, light and dark. The English page is `docs/report-sample.html`.

    year.py LETTERPRESS AXE_JS [SCREENSHOTS]
    year.py LETTERPRESS --write           renews the sample

The numbers are drawn from one seed, so that each run makes the same page.
"""
import datetime
import os
import pathlib
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent.parent
SAMPLE = ROOT / "docs" / "report-sample.html"
NOW = datetime.datetime(2026, 11, 30, 9, tzinfo=datetime.timezone.utc)
BEGIN = datetime.datetime(2025, 12, 1, tzinfo=datetime.timezone.utc)
DAY = 86_400_000
ISSUES, FIRST, JOIN_A_WEEK = 50, 9_000, 290
LONGEST_SECONDS, LARGEST = 2.0, 300_000

DOMAINS = [("naver.com", .36), ("gmail.com", .30), ("daum.net", .11), ("hanmail.net", .06), ("kakao.com", .05), ("nate.com", .03),
           ("outlook.com", .03), ("icloud.com", .02), ("snu.ac.kr", .01)]
SOURCES = [("sign-up form", .62), ("import", .30), ("added by hand", .08)]
TOPICS = ["기술", "B2B", "일상"]
SUBJECTS = ["On slowness", "What a letter weighs", "The postbox at the corner", "A year of small numbers", "Rain on the roof",
            "Nobody reads the manual", "The second draft", "Why we stopped counting", "Notes from a train", "A list of lists"]
AGENTS = [("Feedly", 410), ("Inoreader", 160), ("NetNewsWire", 95), ("Feedbin", 70), ("FreshRSS", 45), ("Thunderbird", 20)]
NO_MAILBOX = [("no_mailbox", "550 5.1.1 The email account that you tried to reach does not exist"), ("no_mailbox", "550 5.1.1 User unknown"),
              ("expired", "452 4.2.2 The email account that you tried to reach is over quota"), ("refused", "554 5.7.1 Message rejected")]

CONFIG = """[site]
title = "{title}"
url = "https://letters.example/"
language = "{language}"
timezone = "Asia/Seoul"
[newsletter]
from = "Slow Letters <news@letters.example>"
unsubscribe_by_hand = true
"""


def millis(moment):
    return int(moment.timestamp() * 1000)


class Year:
    """Draws what happened, and writes it as the program would have."""

    def __init__(self, ledger):
        self.draw = random.Random(20)
        self.db = sqlite3.connect(ledger)
        self.people, self.delivery = [], 0

    def pick(self, weighted):
        at = self.draw.random()
        for value, share in weighted:
            at -= share
            if at < 0:
                return value
        return f"club{int(self.draw.random() * 400)}.example"

    def chance(self, share):
        return self.draw.random() < share

    def join(self, moment, source=None):
        number = len(self.people) + 1
        topics = [topic for topic in TOPICS if self.chance(.4)] if self.chance(.22) else []
        self.people.append({
            "id": number, "key": number.to_bytes(16, "big"), "email": f"subscriber{number}@{self.pick(DOMAINS)}", "since": moment,
            "source": source or self.pick(SOURCES), "frequency": "weekly" if self.chance(.12) else "each",
            "topics": "\n" + "\n".join(sorted(topics)) + "\n" if topics else None, "status": "active", "ended": None})

    def end(self, person, status, moment, reason=None):
        person["status"], person["ended"] = status, moment
        if reason:
            self.db.execute("INSERT INTO suppression VALUES (?, ?, 'inbox', ?)", (person["key"], reason, moment))
        else:
            self.db.execute("INSERT INTO event (at, kind, subject, actor, detail, hash) VALUES (?, 'unsubscribe', ?, 'web', '', x'00')",
                            (moment, person["key"].hex()))

    def issue(self, number, frozen):
        """One issue to all who are active and want each post."""
        issue, at = 1_000 + number, millis(frozen)
        audience = [one for one in self.people if one["status"] == "active" and one["frequency"] == "each" and one["since"] <= at]
        self.db.execute(
            "INSERT INTO issue (id, post, state, subject, label, letter, letter_sha256, frozen_at, audience, finished_at, message_domain)"
            " VALUES (?, ?, 'done', ?, ?, '{}', x'00', ?, ?, ?, 'letters.example')",
            (issue, f"tag:letters.example,2026:{number}", f"{SUBJECTS[number % len(SUBJECTS)]}, no. {number + 1}", f"issue-{number + 1}", at,
             len(audience), at + 3 * 3_600_000))
        rows, attempts, counts = [], [], {"sent": 0, "failed": 0}
        for place, person in enumerate(audience):
            self.delivery += 1
            sent, tries, state, reason, reply = at + int((place // 40 + self.draw.random()) * 700), 1, "sent", None, "4XyZ1234Qwz"
            if self.chance(.018):
                wait = [10, 40, 130, 420][int(self.draw.random() * 4)]
                tries, sent = 2, sent + int(wait * 60_000 * (1 + self.draw.random()))
            if self.chance(.0011):
                state = "failed"
                reason, reply = NO_MAILBOX[min(int(self.draw.random() ** 2 * 4), 3)]
            counts[state] += 1
            rows.append((self.delivery, issue, person["key"], person["email"], state, tries, reason, reply, sent))
            attempts += [(issue, self.delivery, n, number + 1, sent - 300, sent, "sent" if n == tries and state == "sent" else "deferred") for n in range(1, tries + 1)]
            self.after(person, issue, sent, state, reason)
        self.db.executemany(
            "INSERT INTO delivery (id, issue, addr_key, address, message_id, boundary_seed, unsubscribe, bounce, state, attempts, next_at,"
            " reason, last_reply, changed_at) VALUES (?, ?, ?, ?, '', '', '', '', ?, ?, 0, ?, ?, ?)", rows)
        self.db.executemany("INSERT INTO attempt (issue, delivery, n, epoch, armed_at, ended_at, result) VALUES (?, ?, ?, ?, ?, ?, ?)", attempts)
        self.db.executemany("INSERT INTO issue_count VALUES (?, ?, ?)", [(issue, state, count) for state, count in counts.items() if count])

    def after(self, person, issue, sent, state, reason):
        """What a subscriber, or their server, does after a delivery."""
        if state == "failed":
            if reason == "no_mailbox":
                self.end(person, "suppressed", sent, "bounced at delivery")
            return
        happens = self.draw.random()
        later = sent + int(self.draw.random() ** 3 * 9 * DAY)
        if happens < .0004:
            self.report(person, issue, sent + 5_000, "failed", "dead", "550 5.1.1 mailbox not found")
            self.end(person, "suppressed", sent + 5_000, "no such mailbox")
        elif happens < .0009:
            self.report(person, issue, sent + 60_000, "failed", "soft", "552 5.2.2 mailbox full")
        elif happens < .00098:
            self.report(person, issue, later, "complaint", "", None)
            self.end(person, "suppressed", later, "complaint")
        elif happens < .0033 and later < millis(NOW):
            self.end(person, "unsubscribed", later)

    def report(self, person, issue, at, kind, fault, text):
        self.db.execute("INSERT INTO inbound_report (fingerprint, at, addr_key, issue, kind, class, diagnostic) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (f"{issue}-{person['id']}-{kind}".encode(), at, person["key"], issue, kind, fault, text))

    def confirm(self):
        """The sign-ups of the last weeks."""
        for number in range(1_460):
            at, key = millis(NOW) - int(self.draw.random() * 29 * DAY), (9_000_000 + number).to_bytes(16, "big")
            for word in ["asked", "confirmed"] if self.chance(.83) else ["asked"]:
                self.db.execute("INSERT INTO consent (addr_key, at, action, form, wording) VALUES (?, ?, ?, 'form', x'00')", (key, at, word))

    def readers(self):
        for day in range(364):
            date = (BEGIN + datetime.timedelta(days=day)).date()
            for agent, readers in AGENTS:
                number = int(readers * (.7 + .4 * day / 364) * (.97 + .06 * self.draw.random()))
                self.db.execute("INSERT INTO feed_readers VALUES ('rss.xml', ?, ?, ?)", (date.isoformat(), agent, number))

    def write(self):
        for _ in range(FIRST):
            self.join(millis(BEGIN) - int(self.draw.random() * 6 * 3_600_000), "import")
        for week in range(52):
            monday = BEGIN + datetime.timedelta(weeks=week)
            season = 1.5 if week in (5, 6, 7, 20, 40) else .85
            for _ in range(int(JOIN_A_WEEK * season * (.8 + .4 * self.draw.random()))):
                self.join(millis(monday) + int(self.draw.random() * 7 * DAY))
            # No issue in the two weeks around the new year.
            if week not in (4, 5):
                self.issue(week - (2 if week > 5 else 0), monday + datetime.timedelta(days=3, hours=23))
        self.confirm()
        self.readers()
        self.db.executemany(
            "INSERT INTO subscriber (id, addr_key, email, status, source, consented_at, added_at, changed_at, unsubscribed_at, frequency, topics)"
            " VALUES (:id, :key, :email, :status, :source, :since, :since, coalesce(:ended, :since), CASE WHEN :status = 'unsubscribed' THEN :ended END,"
            " :frequency, :topics)", self.people)
        self.db.commit()
        self.db.close()


def run(letterpress, config, *arguments):
    environment = {**os.environ, "LETTERPRESS_FROZEN_AT": NOW.isoformat().replace("+00:00", "Z"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run([letterpress, "--config", str(config), *arguments], capture_output=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout


def worked():
    """The processor time of all programs that this one has run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make(letterpress, folder):
    """The two pages, and how long the processor worked on the second of them: other programs change that little."""
    pages, seconds = {}, 0
    for language, title in [("en", "Slow Letters"), ("ko", "느린 편지")]:
        (folder / "posts").mkdir(exist_ok=True)
        config = folder / "config.toml"
        config.write_text(CONFIG.format(title=title, language=language), "utf-8")
        if language == "en":
            run(letterpress, config, "publish")
            Year(folder / "letterpress.db").write()
            run(letterpress, config, "report", "-")
        began = worked()
        pages[language] = run(letterpress, config, "report", "-")
        seconds = worked() - began
    return pages, seconds


def main():
    letterpress, last = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pages, seconds = make(letterpress, folder)
        if last == "--write":
            SAMPLE.write_bytes(pages["en"])
            return print(f"{SAMPLE.name}: {len(pages['en']):,} bytes, {seconds:.2f} s")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        assert pages["en"] == SAMPLE.read_bytes(), f"the report changed; look at it, and run `{sys.argv[0]} {letterpress} --write`"
        assert seconds < LONGEST_SECONDS, f"{seconds:.2f} s"
        assert all(len(page) < LARGEST for page in pages.values()), [len(page) for page in pages.values()]
        looks = look(pages, folder, pathlib.Path(last).read_text("utf-8"), pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None)
        print(f"report: {looks} views of a year, checked by axe-core; {max(map(len, pages.values())):,} bytes, {seconds:.2f} s, {memory} MB")


def look(pages, folder, axe, shots):
    sys.path.append(str(ROOT / "tests"))
    from chromium import Browser
    browser, looks = Browser(axe, shots), 0
    try:
        for language, page in pages.items():
            file = folder / f"{language}.html"
            file.write_bytes(page)
            for width in (1_000, 360):
                for dark in (False, True):
                    browser.look(file.as_uri(), f"report-{language}-{width}-{'dark' if dark else 'light'}", width, dark)
                    looks += 1
    finally:
        browser.driver.quit()
    return looks


main()
