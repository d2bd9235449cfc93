"""verify.py VALUES SHOWN.json EMAIL...: dkimpy verifies each signature, and each email with one more field."""

import json
import pathlib
import re
import sys

import dkim

values, shown, *emails = map(pathlib.Path, sys.argv[1:])
records = dict(line.split("\t") for line in values.read_text("ascii").splitlines())
listed = {record["name"]: record["value"] for record in json.loads(shown.read_text("utf-8"))["records"]}
assert listed == records, f"`dkim show` and `dkim new` differ: {listed} {records}"


def txt(name, timeout=5):
    return records[name.decode("ascii").rstrip(".")].encode("ascii")


def is_valid(message, number):
    try:
        return dkim.DKIM(message).verify(idx=number, dnsfunc=txt)
    except dkim.DKIMException:
        return False


good = bad = 0
for path in emails:
    message = path.read_bytes()
    signatures = re.findall(rb"^DKIM-Signature:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", message, re.M)
    kinds = sorted(re.search(rb"a=([a-z0-9-]+)", signature)[1].decode() for signature in signatures)
    assert kinds == ["ed25519-sha256", "rsa-sha256"], f"{path}: signed by {kinds}"
    for number, signature in enumerate(signatures):
        assert all(len(line) <= 76 for line in signature.split(b"\r\n")), f"{path}: a long line"
        assert is_valid(message, number), f"{path}: signature {number} is invalid"
        good += 1
        names = re.sub(rb"\s", b"", re.search(rb"\sh=([^;]+)", signature)[1]).split(b":")
        assert {b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post", b"content-type"} <= set(names)
        for name in sorted(set(names)):
            # dkimpy numbers the signatures from the top; a field above them does not change the numbers.
            added = name + b": added in transit\r\n" + message
            assert not is_valid(added, number), f"{path}: still valid with another {name.decode()}"
            bad += 1
    assert not is_valid(message + b"more\r\n", 0), f"{path}: still valid with a longer body"
print(f"dkimpy: {good} signatures are valid, {bad} with an added field are not")
