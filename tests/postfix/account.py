#!/usr/bin/env python3
"""Compares what a Maildir holds with what the ledger says of each reader (`letterpress status recipients --json`).

No reader may have two copies, nobody who is `sent` may lack one, and whoever is in doubt must be named as `unknown`.
With --settle it writes, for each reader in doubt, what a person with the relay's log would decide.
"""

import argparse
import collections
import json
import pathlib
import sys

from check_maildir import MOST_COMPLAINTS, files


def recipient(path):
    """The address that Postfix was given, from the headers that it wrote on top."""
    with path.open("rb") as letter:
        for line in letter:
            name, _, value = line.partition(b":")
            if name == b"X-Original-To":
                return value.strip().decode()
    return f"nobody ({path.name})"


def complaints(copies, states, options):
    """Everything in which the Maildir and the ledger do not agree."""
    yield from (f"{address} has {number} copies" for address, number in copies.items() if number > 1)
    yield from (f"{address} has a copy and is not in the ledger" for address in copies if address not in states)
    for address, state in states.items():
        if state not in ("sent", "unknown"):
            yield f"{address} is {state}"
        elif state == "sent" and copies[address] == 0:
            yield f"{address} is sent and has no copy"
    if len(states) != options.readers:
        yield f"the ledger names {len(states)} readers, not {options.readers}"
    in_doubt = sum(state == "unknown" for state in states.values())
    if in_doubt > options.in_doubt_at_most:
        yield f"{in_doubt} readers are in doubt, more than {options.in_doubt_at_most}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maildir", type=pathlib.Path)
    parser.add_argument("ledger", type=pathlib.Path)
    parser.add_argument("--readers", type=int, required=True, metavar="N", help="how many readers the issue has")
    parser.add_argument("--in-doubt-at-most", type=int, required=True, metavar="N")
    parser.add_argument("--settle", type=pathlib.Path, metavar="FILE", help="where to write the decisions")
    options = parser.parse_args()
    rows = json.loads(options.ledger.read_text("utf-8"))
    states = {row["address"]: row["state"] for row in rows}
    copies = collections.Counter(recipient(path) for path in files(options.maildir))
    wrong = list(complaints(copies, states, options))
    if wrong:
        print("\n".join(wrong[:MOST_COMPLAINTS]), file=sys.stderr)
        print(f"{len(wrong)} complaints", file=sys.stderr)
        return 1
    in_doubt = [address for address, state in states.items() if state == "unknown"]
    arrived = [address for address in in_doubt if copies[address]]
    if options.settle:
        decisions = (f"{'sent' if address in arrived else 'resend'} {address}\n" for address in in_doubt)
        options.settle.write_text("".join(decisions), "utf-8")
    print(f"{copies.total()} copies for {len(states)} readers, none twice; {len(in_doubt)} in doubt "
          f"(at most {options.in_doubt_at_most} could be), of which {len(arrived)} arrived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
