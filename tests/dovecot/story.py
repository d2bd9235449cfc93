#!/usr/bin/env python3
"""An issue is sent, replies arrive in a real mailbox, and `letterpress inbox --imap` is killed while it reads them.

Afterwards each report must be recorded once, every subscriber must have the right status, processed emails must be flagged
as seen, and all others must be unchanged.
"""

import argparse
import collections
import email
import imaplib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socketserver
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

TAIL = "\r\n--b--\r\n"


class Relay(socketserver.StreamRequestHandler):
    """Accepts every message and keeps its envelope; disconnects after the final dot for recipients in `silent`."""

    messages = {}
    silent = set()

    def handle(self):
        reply = lambda line: self.wfile.write(line + b"\r\n")
        sender = recipient = None
        reply(b"220 relay")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                reply(b"354 go on")
                message = b""
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    message += line
                Relay.messages[recipient] = (sender, message)
                if recipient in Relay.silent:
                    return
                reply(b"250 taken")
            elif verb == b"QUIT":
                reply(b"221 bye")
                return
            else:
                address = re.search(rb"<([^>]*)>", line)
                if verb == b"MAIL":
                    sender = address[1].decode()
                elif verb == b"RCPT":
                    recipient = address[1].decode()
                reply(b"250 ok")


def report(to, number, recipient, action, status, returned):
    return (f"Return-Path: <>\r\nDelivered-To: {to}\r\nFrom: MAILER-DAEMON@mx.test\r\nTo: {to}\r\n"
            f"Message-ID: <{number}@mx.test>\r\nSubject: Delivery Status\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n"
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\n"
            f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
            f"Diagnostic-Code: smtp; 550 {status} no\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}{TAIL}")


def complaint(number, returned):
    return ("From: fbl@provider.test\r\nTo: abuse@letterpress.test\r\n"
            f"Message-ID: <{number}@provider.test>\r\nContent-Type: multipart/report; report-type=feedback-report; "
            "boundary=b\r\n\r\n--b\r\n\r\nA complaint.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
            "Feedback-Type: abuse\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
            f"{returned}\r\n\r\nletter{TAIL}")


def unsubscribe_request(number, message):
    """The email that a mail program sends for the mailto: of List-Unsubscribe, from another address."""
    link = re.search(r"<mailto:([^?>]*)\?subject=([^>]*)>", message["List-Unsubscribe"])
    subject = link[2].replace("%20", " ")
    return (f"From: somebody.else@work.test\r\nTo: {link[1]}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{number}@work.test>\r\n\r\n\r\n")


def others(number, sender):
    """Emails that must stay unchanged."""
    forged = re.sub(r".@", lambda m: ("a" if m[0][0] != "a" else "b") + "@", sender)
    return [
        f"From: friend{number}@x.test\r\nTo: kim@letterpress.test\r\nSubject: 안녕\r\n\r\n잘 지내니?\r\n",
        report(forged, f"forged{number}", f"reader{number}@letterpress.test", "failed", "5.1.1", "Subject: x\r\n"),
        f"From: a@x.test\r\nTo: bounces@letterpress.test\r\nSubject: unsubscribe\r\n\r\nStatus: 5.1.1\r\n",
    ]


delivered = itertools.count()


def deliver(maildir, emails):
    """Puts emails into the Maildir as a delivery agent would. Two deliveries in one second must not use a name twice."""
    for number, text in zip(delivered, emails):
        name = f"{int(time.time())}.M{number}P{os.getpid()}.test"
        path = maildir / "tmp" / name
        path.write_text(text, "utf-8", newline="")
        shutil.chown(path, "nobody")
        path.rename(maildir / "new" / name)


class Story:
    def __init__(self, options):
        self.options, self.site = options, options.dir / "site"
        self.wrong = []
        seed = random.randrange(2**32)
        random.seed(seed)
        print(f"seed {seed}", file=sys.stderr)

    def expect(self, what, found, wanted):
        if found != wanted:
            self.wrong.append(f"{what}: {found!r} instead of {wanted!r}")

    def command(self, *words):
        return [self.options.binary, "--config", str(self.site / "config.toml"), *words]

    def run(self, *words, codes=(0,)):
        ran = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=600)
        if ran.returncode not in codes:
            sys.exit(f"{' '.join(words)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def ledger(self, query):
        with sqlite3.connect(f"file:{self.site}/letterpress.db?mode=ro", uri=True, timeout=60) as ledger:
            return ledger.execute(query).fetchall()

    def write_site(self, relay, processed):
        (self.site / "posts").mkdir(exist_ok=True)
        yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
        (self.site / "posts" / f"{yesterday}-letter.md").write_text("# 편지\n\n천천히 온다.\n", "utf-8")
        (self.site / "config.toml").write_text(f"""
[site]
title = "느린 편지"
url = "https://letterpress.test/"
language = "ko"
[newsletter]
from = "느린 편지 <news@letterpress.test>"
bounces = "bounces@letterpress.test"
unsubscribe = "leave@letterpress.test"
first_run = "newest"
[smtp]
host = "127.0.0.1"
port = {relay}
tls = "none"
[inbox]
host = "127.0.0.1"
port = {self.options.port}
user = "bounces"
password_file = "password"
ca_file = "../ca.pem"
processed = "{processed}"
""", "utf-8")

    def imap(self):
        trust = ssl.create_default_context(cafile=self.options.dir / "ca.pem")
        client = imaplib.IMAP4_SSL("127.0.0.1", self.options.port, ssl_context=trust)
        client.authenticate("PLAIN", lambda _: "\0bounces\0a long phrase 비밀".encode())
        return client

    def flags(self, folder):
        """The id of each email in the folder without its number, and whether it is seen."""
        client = self.imap()
        status, _ = client.select(folder, readonly=True)
        if status != "OK":
            return collections.Counter()
        _, found = client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER])")
        seen = collections.Counter()
        for item in found:
            if isinstance(item, tuple):
                head = email.message_from_bytes(item[1])
                ours = (head["Message-ID"] or "").partition("@")[0].strip("<").rstrip("0123456789")
                seen[(ours, b"\\Seen" in item[0])] += 1
        client.logout()
        return seen

    def send(self):
        relay = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        self.write_site(relay.server_address[1], "seen")
        addresses = [f"reader{number}@letterpress.test" for number in range(self.options.subscribers)]
        # Of each kind of reply, one is about a delivery with an unknown outcome.
        share = len(addresses) // 4
        self.parts = [addresses[at:at + share] for at in range(0, 4 * share, share)]
        Relay.silent = {part[0] for part in self.parts}
        (self.site / "subscribers.csv").write_text("email\n" + "\n".join(addresses) + "\n")
        self.run("subscribers", "import", str(self.site / "subscribers.csv"), "--confirmed", "--json")
        self.run("publish", codes=(0, 3))
        relay.shutdown()
        self.expect("messages at the relay", len(Relay.messages), len(addresses))
        self.expect("unknown deliveries", self.states().get("unknown"), 4)

    def states(self):
        return dict(self.ledger("SELECT state, count(*) FROM delivery GROUP BY state"))

    def emails(self):
        bounced, delayed, complained, left = self.parts
        messages = {to: email.message_from_bytes(message) for to, (_, message) in Relay.messages.items()}
        head = lambda to: Relay.messages[to][1].partition(b"\r\n\r\n")[0].decode()
        path = lambda to: Relay.messages[to][0]
        emails = [report(path(to), f"bounce{n}", to, "failed", "5.1.1", head(to)) for n, to in enumerate(bounced)]
        # Every third bounce arrives twice. The recipient address does not always name the delivery.
        emails += emails[::3]
        emails += [report("postmaster@letterpress.test", f"delay{n}", to, "delayed", "4.4.1", f"Return-Path: <{path(to)}>")
                  for n, to in enumerate(delayed)]
        # The provider removes the subscriber's address.
        emails += [complaint(f"complaint{n}", head(to).replace(to, "redacted")) for n, to in enumerate(complained)]
        emails += [unsubscribe_request(f"unsubscribe{n}", messages[to]) for n, to in enumerate(left)]
        self.foreign = [other for n, to in enumerate(bounced[:10]) for other in others(n, path(to))]
        return emails, emails + self.foreign

    def reports(self):
        return self.ledger("SELECT count(*) FROM inbound_report")[0][0]

    def kill(self, wanted):
        """Kills runs at random moments; counts those that had processed some emails and not all."""
        caught = tried = 0
        while caught < self.options.kills:
            tried += 1
            before = self.reports()
            if tried > 20 * self.options.kills or before == wanted:
                sys.exit(f"only {caught} of {tried} kills hit a run in progress: use more subscribers")
            run = subprocess.Popen(self.command("--quiet", "inbox", "--imap"))
            enough = before + random.randint(1, max(1, (wanted - before) // (self.options.kills - caught + 1)))
            while run.poll() is None and self.reports() < enough:
                time.sleep(0.002)
            run.kill()
            if run.wait() == -9 and before < self.reports() < wanted:
                caught += 1
        return tried

    def check(self, share, processed):
        kinds = dict(self.ledger("SELECT kind, count(*) FROM event WHERE actor = 'inbox' GROUP BY kind"))
        self.expect("recorded events", kinds, {"failed": share, "delayed": share, "complaint": share, "leave": share,
                                          "suppress": 2 * share, "unsubscribe": share, "evidence": 3})
        self.expect("reports", self.reports(), 4 * share)
        subscribers = json.loads(self.run("subscribers", "list", "--json"))
        statuses = {subscriber["email"]: subscriber["status"] for subscriber in subscribers}
        for part, status in zip(self.parts, ("suppressed", "active", "suppressed", "unsubscribed")):
            self.expect("subscribers", collections.Counter(statuses[to] for to in part), {status: share})
        # An unsubscribe request does not prove a delivery: the same token is in every email to the subscriber.
        self.expect("unknown deliveries", self.states().get("unknown"), 1)
        seen = self.flags("INBOX")
        ours = sum(number for (name, is_seen), number in seen.items() if is_seen)
        self.expect("emails that are seen", ours, processed)
        self.expect("emails that are not", sum(seen.values()) - ours, len(self.foreign))
        unseen = {name for (name, is_seen) in seen if not is_seen}
        self.expect("their ids", unseen, {"", "forged"})

    def play(self):
        self.send()
        ours, emails = self.emails()
        random.shuffle(emails)
        deliver(self.options.dir / "mail" / "Maildir", emails)
        share = len(self.parts[0])
        tried = self.kill(4 * share)
        self.run("inbox", "--imap")
        self.check(share, len(ours))
        # A further run has nothing to do, and does not fetch unrelated emails again.
        last = json.loads(self.run("inbox", "--imap", "--json"))
        self.expect("emails in a further run", last["emails"], 0)
        again = json.loads(self.run("inbox", "--imap", "--recheck", "--json"))
        self.expect("unchanged emails", (again["emails"], again["suppressed"]), (len(self.foreign), 0))
        # Moving instead of flagging, into a folder that does not exist yet and has a name that is not ASCII.
        self.write_site(1, "move to 처리됨")
        late = [report(Relay.messages[to][0], f"late{n}", to, "failed", "5.1.1", "") for n, to in enumerate(self.parts[1])]
        deliver(self.options.dir / "mail" / "Maildir", late)
        moved = json.loads(self.run("inbox", "--imap", "--json"))
        self.expect("late bounces", (moved["bounces"], moved["suppressed"]), (share, share))
        self.expect("moved emails", self.flags('"&zJi5rLQo-"'), {("late", True): share})
        self.expect("emails left in the inbox", sum(self.flags("INBOX").values()), len(emails))
        if self.wrong:
            sys.exit("\n".join(self.wrong))
        print(f"{len(emails)} emails, {tried} kills of which {self.options.kills} in mid-run; {4 * share} reports, each "
              f"recorded once, {len(ours)} emails seen, {len(self.foreign)} others unchanged, {share} moved")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("binary")
parser.add_argument("dir", type=pathlib.Path)
parser.add_argument("port", type=int)
parser.add_argument("--subscribers", type=int, required=True)
parser.add_argument("--kills", type=int, required=True)
Story(parser.parse_args()).play()
