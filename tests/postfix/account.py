#!/usr/bin/env python3
"""Compares the emails in a Maildir with the deliveries in the ledger (`letterpress status recipients --json`).

No subscriber may have two emails, every delivery that is `sent` must have arrived, and all others must be `unknown`.
With --settle it writes, for each unknown delivery, the decision that a person with the relay's log would make.
"""

import argparse
import collections
import json
import pathlib
import sys

from check_maildir import MOST_COMPLAINTS, files


def recipient(path):
    """The envelope recipient, from the headers that Postfix added."""
    with path.open("rb") as message:
        for line in message:
            name, _, value = line.partition(b":")
            if name == b"X-Original-To":
                return value.strip().decode()
    return f"no recipient ({path.name})"


def complaints(emails, states, options):
    """Every difference between the Maildir and the ledger."""
    yield from (f"{address} has {number} emails" for address, number in emails.items() if number > 1)
    yield from (f"{address} has an email and is not in the ledger" for address in emails if address not in states)
    for address, state in states.items():
        if state not in ("sent", "unknown"):
            yield f"{address} is {state}"
        elif state == "sent" and emails[address] == 0:
            yield f"{address} is sent and has no email"
    if len(states) != options.subscribers:
        yield f"the ledger has {len(states)} subscribers, not {options.subscribers}"
    unknown = sum(state == "unknown" for state in states.values())
    if unknown > options.unknown_at_most:
        yield f"{unknown} deliveries are unknown, more than {options.unknown_at_most}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maildir", type=pathlib.Path)
    parser.add_argument("ledger", type=pathlib.Path)
    parser.add_argument("--subscribers", type=int, required=True, metavar="N", help="how many subscribers the issue has")
    parser.add_argument("--unknown-at-most", type=int, required=True, metavar="N")
    parser.add_argument("--settle", type=pathlib.Path, metavar="FILE", help="where to write the decisions")
    options = parser.parse_args()
    rows = json.loads(options.ledger.read_text("utf-8"))
    states = {row["address"]: row["state"] for row in rows}
    emails = collections.Counter(recipient(path) for path in files(options.maildir))
    wrong = list(complaints(emails, states, options))
    if wrong:
        print("\n".join(wrong[:MOST_COMPLAINTS]), file=sys.stderr)
        print(f"{len(wrong)} complaints", file=sys.stderr)
        return 1
    unknown = [address for address, state in states.items() if state == "unknown"]
    arrived = [address for address in unknown if emails[address]]
    if options.settle:
        decisions = (f"{'sent' if address in arrived else 'resend'} {address}\n" for address in unknown)
        options.settle.write_text("".join(decisions), "utf-8")
    print(f"{emails.total()} emails for {len(states)} subscribers, none twice; {len(unknown)} unknown "
          f"(at most {options.unknown_at_most} are possible), of which {len(arrived)} arrived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
