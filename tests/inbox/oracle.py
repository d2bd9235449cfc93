#!/usr/bin/env python3
"""Reads delivery reports with Python's email package, to check src/inbox.

Prints one JSON object for each file of the folder: its name and, for each recipient of its message/delivery-status
part, the address, the action and the status (null if missing). Reports inside returned messages do not count.
"""

import email
import json
import pathlib
import re
import sys

REPORTS = ("message/delivery-status", "message/global-delivery-status")


def parts(message):
    """Every part of a message, without those of messages inside it."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            yield from parts(part)
    else:
        yield message


def address(group):
    """The recipient, without its type and its angle brackets."""
    field = group.get("final-recipient") or group.get("original-recipient")
    if field is None:
        return None
    return re.sub(r"^[^;]*;", "", " ".join(str(field).split())).strip("<> ")


def recipients(path):
    """The recipients of the first report that has any."""
    message = email.message_from_bytes(path.read_bytes())
    for part in parts(message):
        if part.get_content_type() not in REPORTS or not part.is_multipart():
            continue
        found = []
        for group in part.get_payload():
            action = re.match(r"\s*(failed|delayed|delivered|relayed|expanded)\b", str(group.get("action")), re.I)
            status = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})(?![\d.])", str(group.get("status")))
            if action or status:
                found.append({"recipient": address(group), "action": action and action[1].lower(),
                              "status": status and status[1]})
        if found:
            return found
    return []


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    print(json.dumps({"file": path.name, "recipients": recipients(path)}))
