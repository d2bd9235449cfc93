#!/usr/bin/env python3
"""Checks the emails in a Maildir with Python's parser.

Every message must parse without a defect, have a text and an HTML part in UTF-8, and the expected subject; every
recipient must have exactly one. Prints everything that is wrong and exits with 1, or prints the number of emails.
"""

import argparse
import collections
import email
import email.policy
import pathlib
import sys
import time

ONCE = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-ID",
        "List-Unsubscribe", "List-Unsubscribe-Post"]
NEEDED = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version"]
LONGEST_LINE = 998
MOST_COMPLAINTS = 20


def files(maildir):
    """The delivered messages; those in tmp/ are not finished."""
    return sorted(path for folder in ("new", "cur") for path in (maildir / folder).glob("*"))


def wait_for(maildir, number, seconds):
    """Waits until at least `number` messages are there."""
    deadline = time.monotonic() + seconds
    while len(files(maildir)) < number and time.monotonic() < deadline:
        time.sleep(0.05)


def defects(message):
    """Every defect that the parser noted, in headers and in all parts."""
    for part in message.walk():
        yield from (f"{part.get_content_type()}: {defect!r}" for defect in part.defects)
        for name, value in part.items():
            yield from (f"{name}: {defect!r}" for defect in getattr(value, "defects", ()))


def body(message, kind):
    """The decoded text of the part, or an error."""
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None, f"there is no text/{kind} part"
    charset = part.get_content_charset()
    if charset != "utf-8":
        return None, f"the text/{kind} part is in {charset}"
    # A wrong byte is an error here; get_content() would replace it.
    try:
        text = part.get_payload(decode=True).decode("utf-8")
    except UnicodeDecodeError as error:
        return None, f"the text/{kind} part: {error}"
    return text, None if text.strip() and "\N{REPLACEMENT CHARACTER}" not in text else f"the text/{kind} part is empty or broken"


def judge(raw, options):
    """The recipient, the Message-ID, and everything that is wrong with one message."""
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    wrong = list(defects(message))
    for name in ONCE:
        count = len(message.get_all(name, []))
        if count > 1 or (count == 0 and name in NEEDED):
            wrong.append(f"there are {count} {name} headers")
    longest = max(len(line) for line in raw.split(b"\n"))
    if longest > LONGEST_LINE:
        wrong.append(f"a line has {longest} bytes")
    if options.subject is not None and message["Subject"] != options.subject:
        wrong.append(f"the subject is {message['Subject']!r}")
    if message.get_content_type() != "multipart/alternative":
        wrong.append(f"the message is {message.get_content_type()}")
    for kind in ("plain", "html"):
        text, error = body(message, kind)
        if error:
            wrong.append(error)
        elif missing := [words for words in options.contains if words not in " ".join(text.split())]:
            wrong.append(f"the text/{kind} part lacks {missing}")
    recipient = str(message["X-Original-To"] or message["Delivered-To"] or "")
    addressed = [address.addr_spec for address in message["To"].addresses] if message["To"] else []
    if addressed != [recipient]:
        wrong.append(f"it was delivered to {recipient} and addressed to {addressed}")
    return recipient, str(message["Message-ID"]), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maildir", type=pathlib.Path)
    parser.add_argument("--expect", type=int, required=True, metavar="N", help="how many emails there must be")
    parser.add_argument("--subject", help="the subject of every email, decoded")
    parser.add_argument("--contains", action="append", default=[], metavar="TEXT", help="words that both parts must contain, on one line or more")
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="how long to wait for them")
    options = parser.parse_args()
    wait_for(options.maildir, options.expect, options.wait)
    complaints, recipients, ids = [], collections.Counter(), collections.Counter()
    for path in files(options.maildir):
        recipient, message_id, wrong = judge(path.read_bytes(), options)
        recipients[recipient] += 1
        ids[message_id] += 1
        complaints += [f"{recipient} ({path.name}): {complaint}" for complaint in wrong]
    complaints += [f"{recipient} has {count} emails" for recipient, count in recipients.items() if count > 1]
    complaints += [f"{count} emails are {message_id}" for message_id, count in ids.items() if count > 1]
    if recipients.total() != options.expect:
        complaints.append(f"there are {recipients.total()} emails, not {options.expect}")
    if complaints:
        # Usually thousands of emails have the same fault.
        print("\n".join(complaints[:MOST_COMPLAINTS]), file=sys.stderr)
        if len(complaints) > MOST_COMPLAINTS:
            print(f"… and {len(complaints) - MOST_COMPLAINTS} more complaints", file=sys.stderr)
        return 1
    print(f"{options.expect} emails, each without a defect, one for each recipient")
    return 0


if __name__ == "__main__":
    sys.exit(main())
