"""verify.py VALUES SHOWN.json LETTER...: dkimpy's judgement of each signature, and of letters with one more field."""

import json
import pathlib
import re
import sys

import dkim

values, shown, *letters = map(pathlib.Path, sys.argv[1:])
records = dict(line.split("\t") for line in values.read_text("ascii").splitlines())
listed = {record["name"]: record["value"] for record in json.loads(shown.read_text("utf-8"))["records"]}
assert listed == records, f"`dkim show` and `dkim new` differ: {listed} {records}"


def txt(name, timeout=5):
    return records[name.decode("ascii").rstrip(".")].encode("ascii")


def holds(message, number):
    try:
        return dkim.DKIM(message).verify(idx=number, dnsfunc=txt)
    except dkim.DKIMException:
        return False


good = bad = 0
for path in letters:
    message = path.read_bytes()
    signatures = re.findall(rb"^DKIM-Signature:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", message, re.M)
    kinds = sorted(re.search(rb"a=([a-z0-9-]+)", signature)[1].decode() for signature in signatures)
    assert kinds == ["ed25519-sha256", "rsa-sha256"], f"{path}: signed by {kinds}"
    for number, signature in enumerate(signatures):
        assert all(len(line) <= 76 for line in signature.split(b"\r\n")), f"{path}: a long line"
        assert holds(message, number), f"{path}: signature {number} does not hold"
        good += 1
        names = re.sub(rb"\s", b"", re.search(rb"\sh=([^;]+)", signature)[1]).split(b":")
        assert {b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post", b"content-type"} <= set(names)
        for name in sorted(set(names)):
            # dkimpy reads the signatures from the top, so a field before them moves none of them.
            added = name + b": added on the way\r\n" + message
            assert not holds(added, number), f"{path}: holds with another {name.decode()}"
            bad += 1
    assert not holds(message + b"more\r\n", 0), f"{path}: holds with a longer body"
print(f"dkimpy: {good} signatures hold, {bad} with an added field do not")
