#!/usr/bin/env python3
"""An issue goes out, mail comes back into a real mailbox, and `letterpress inbox --imap` is killed while it reads.

Afterwards each notice must be on record once, every reader stand where their mail put them, our mails be seen and all
others be as they were.
"""

import argparse
import collections
import email
import imaplib
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
    """Takes every letter and keeps its envelope; hangs up after the dot where it is told to."""

    copies = {}
    silent = set()

    def handle(self):
        say = lambda line: self.wfile.write(line + b"\r\n")
        sender = recipient = None
        say(b"220 relay")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                say(b"354 go on")
                letter = b""
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    letter += line
                Relay.copies[recipient] = (sender, letter)
                if recipient in Relay.silent:
                    return
                say(b"250 taken")
            elif verb == b"QUIT":
                say(b"221 bye")
                return
            else:
                address = re.search(rb"<([^>]*)>", line)
                if verb == b"MAIL":
                    sender = address[1].decode()
                elif verb == b"RCPT":
                    recipient = address[1].decode()
                say(b"250 ok")


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


def farewell(number, letter):
    """What a mail program sends for the mailto: of List-Unsubscribe, from another address."""
    link = re.search(r"<mailto:([^?>]*)\?subject=([^>]*)>", letter["List-Unsubscribe"])
    subject = link[2].replace("%20", " ")
    return (f"From: somebody.else@work.test\r\nTo: {link[1]}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{number}@work.test>\r\n\r\n\r\n")


def others(number, sender):
    """Mail that must stay as it is."""
    forged = re.sub(r".@", lambda m: ("a" if m[0][0] != "a" else "b") + "@", sender)
    return [
        f"From: friend{number}@x.test\r\nTo: kim@letterpress.test\r\nSubject: 안녕\r\n\r\n잘 지내니?\r\n",
        report(forged, f"forged{number}", f"reader{number}@letterpress.test", "failed", "5.1.1", "Subject: x\r\n"),
        f"From: a@x.test\r\nTo: bounces@letterpress.test\r\nSubject: unsubscribe\r\n\r\nStatus: 5.1.1\r\n",
    ]


def deliver(maildir, mails):
    """Puts mails into the Maildir as a delivery agent would."""
    for number, mail in enumerate(mails):
        name = f"{int(time.time())}.M{number}P{os.getpid()}.test"
        path = maildir / "tmp" / name
        path.write_text(mail, "utf-8", newline="")
        shutil.chown(path, "nobody")
        path.rename(maildir / "new" / name)


class Story:
    def __init__(self, options):
        self.options, self.site = options, options.dir / "site"
        self.wrong = []

    def expect(self, what, found, wanted):
        if found != wanted:
            self.wrong.append(f"{what}: {found!r} and not {wanted!r}")

    def command(self, *words):
        return [self.options.binary, "--config", str(self.site / "config.toml"), *words]

    def run(self, *words, codes=(0,)):
        ran = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=600)
        if ran.returncode not in codes:
            sys.exit(f"{' '.join(words)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def ledger(self, query):
        with sqlite3.connect(f"file:{self.site}/letterpress.db?mode=ro", uri=True) as ledger:
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
        """Subject or id of each mail in the folder, and whether it is seen."""
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
        addresses = [f"reader{number}@letterpress.test" for number in range(self.options.readers)]
        # One copy of each kind of mail that comes back is in doubt before it does.
        share = len(addresses) // 4
        self.parts = [addresses[at:at + share] for at in range(0, 4 * share, share)]
        Relay.silent = {part[0] for part in self.parts}
        (self.site / "readers.csv").write_text("email\n" + "\n".join(addresses) + "\n")
        self.run("subscribers", "import", str(self.site / "readers.csv"), "--confirmed", "--json")
        self.run("publish", codes=(0, 3))
        relay.shutdown()
        self.expect("copies at the relay", len(Relay.copies), len(addresses))
        self.expect("copies in doubt", self.states().get("unknown"), 4)

    def states(self):
        return dict(self.ledger("SELECT state, count(*) FROM delivery GROUP BY state"))

    def mails(self):
        bounced, delayed, complained, left = self.parts
        letters = {to: email.message_from_bytes(letter) for to, (_, letter) in Relay.copies.items()}
        head = lambda to: Relay.copies[to][1].partition(b"\r\n\r\n")[0].decode()
        path = lambda to: Relay.copies[to][0]
        mails = [report(path(to), f"bounce{n}", to, "failed", "5.1.1", head(to)) for n, to in enumerate(bounced)]
        # Every third bounce comes twice, and the address alone does not always say whose it is.
        mails += mails[::3]
        mails += [report("postmaster@letterpress.test", f"delay{n}", to, "delayed", "4.4.1", f"Return-Path: <{path(to)}>")
                  for n, to in enumerate(delayed)]
        # The provider blacks out the reader's address.
        mails += [complaint(f"complaint{n}", head(to).replace(to, "redacted")) for n, to in enumerate(complained)]
        mails += [farewell(f"farewell{n}", letters[to]) for n, to in enumerate(left)]
        self.foreign = [mail for n, to in enumerate(bounced[:10]) for mail in others(n, path(to))]
        return mails, mails + self.foreign

    def notices(self):
        return self.ledger("SELECT count(*) FROM notice")[0][0]

    def kill(self, wanted):
        """Kills runs at random moments; counts those that had taken something and left something."""
        caught = tried = 0
        while caught < self.options.kills:
            tried += 1
            before = self.notices()
            if tried > 20 * self.options.kills or before == wanted:
                sys.exit(f"only {caught} of {tried} kills found the inbox at work: take more readers")
            run = subprocess.Popen(self.command("--quiet", "inbox", "--imap"))
            enough = before + random.randint(1, max(1, (wanted - before) // (self.options.kills - caught + 1)))
            while run.poll() is None and self.notices() < enough:
                time.sleep(0.002)
            run.kill()
            if run.wait() == -9 and before < self.notices() < wanted:
                caught += 1
        return tried

    def judge(self, share, taken):
        kinds = dict(self.ledger("SELECT kind, count(*) FROM event WHERE actor = 'inbox' GROUP BY kind"))
        self.expect("the record", kinds, {"failed": share, "delayed": share, "complaint": share, "leave": share,
                                          "suppress": 2 * share, "unsubscribe": share, "evidence": 3})
        self.expect("notices", self.notices(), 4 * share)
        readers = json.loads(self.run("subscribers", "list", "--json"))
        standings = {reader["email"]: reader["state"] for reader in readers}
        for part, standing in zip(self.parts, ("suppressed", "active", "suppressed", "unsubscribed")):
            self.expect("readers", collections.Counter(standings[to] for to in part), {standing: share})
        # A farewell is no evidence of one copy: its token is in every letter.
        self.expect("in doubt", self.states().get("unknown"), 1)
        seen = self.flags("INBOX")
        ours = sum(number for (name, is_seen), number in seen.items() if is_seen)
        self.expect("mails that are seen", ours, taken)
        self.expect("mails that are not", sum(seen.values()) - ours, len(self.foreign))
        unseen = {name for (name, is_seen) in seen if not is_seen}
        self.expect("their ids", unseen, {"", "forged"})

    def tell(self):
        self.send()
        ours, mails = self.mails()
        random.shuffle(mails)
        deliver(self.options.dir / "mail" / "Maildir", mails)
        share = len(self.parts[0])
        tried = self.kill(4 * share)
        self.run("inbox", "--imap")
        self.judge(share, len(ours))
        # Nothing is left to do, and what is not ours is not fetched again.
        last = json.loads(self.run("inbox", "--imap", "--json"))
        self.expect("mails in a further run", last["mails"], 0)
        again = json.loads(self.run("inbox", "--imap", "--again", "--json"))
        self.expect("mails that were left alone", (again["mails"], again["suppressed"]), (len(self.foreign), 0))
        # Moving instead of flagging, into a folder that has to be made and whose name is not ASCII.
        self.write_site(1, "move to 처리됨")
        late = [report(Relay.copies[to][0], f"late{n}", to, "failed", "5.1.1", "") for n, to in enumerate(self.parts[1])]
        deliver(self.options.dir / "mail" / "Maildir", late)
        moved = json.loads(self.run("inbox", "--imap", "--json"))
        self.expect("late bounces", (moved["bounces"], moved["suppressed"]), (share, share))
        self.expect("moved mails", self.flags('"&zJi5rLQo-"'), {("late", True): share})
        self.expect("mails left in the inbox", sum(self.flags("INBOX").values()), len(mails))
        if self.wrong:
            sys.exit("\n".join(self.wrong))
        print(f"{len(mails)} mails, {tried} kills of which {self.options.kills} in mid-run; {4 * share} notices, each on "
              f"record once, {len(ours)} mails seen, {len(self.foreign)} others untouched, {share} moved")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("binary")
parser.add_argument("dir", type=pathlib.Path)
parser.add_argument("port", type=int)
parser.add_argument("--readers", type=int, required=True)
parser.add_argument("--kills", type=int, required=True)
Story(parser.parse_args()).tell()
