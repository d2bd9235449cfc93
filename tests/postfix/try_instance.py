#!/usr/bin/env python3
"""Tests that the private Postfix delivers and that the checker detects bad emails; run.sh without a command runs it."""

import email.message
import email.policy
import email.utils
import os
import smtplib
import subprocess
import sys

SUBJECT = "천천히 오는 편지 — 날이 부쩍 차가워졌다, 따뜻한 것 한 잔 곁에 두고 천천히 읽으시기를"


def message_to(to, **changed):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    fields = {"From": "Letterpress <news@letterpress.example>", "To": to, "Subject": SUBJECT,
              "Date": email.utils.formatdate(), "Message-ID": email.utils.make_msgid(domain="letterpress.example")}
    for name, value in (fields | changed).items():
        message[name] = value
    message.set_content("알림은 우리를 부르고, 편지는 우리를 기다린다.\n", cte="base64")
    message.add_alternative("<p>알림은 우리를 부르고, 편지는 우리를 <b>기다린다</b>.</p>\n", subtype="html", cte="base64")
    return message


def send(to, data):
    with smtplib.SMTP("127.0.0.1", int(os.environ["POSTFIX_PORT"]), timeout=60) as smtp:
        smtp.sendmail("bounces@letterpress.example", [to], data)


def verdict(checker, expect, *more):
    command = [sys.executable, checker, os.environ["POSTFIX_MAILDIR"], "--expect", str(expect), "--subject", SUBJECT, *more]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return run.returncode, run.stdout + run.stderr


def expect(wanted, words, got):
    code, output = got
    if code != wanted or words not in output:
        sys.exit(f"expected {words!r} and exit code {wanted} from the checker; got {code} and:\n{output}")
    print(next(line for line in output.splitlines() if words in line))


def main():
    checker = sys.argv[1]
    for to in ["reader@example.com", "reader+news@example.com", "user@xn--vv4b11d.xn--3e0b707e"]:
        send(to, message_to(to).as_bytes())
    expect(0, "3 emails", verdict(checker, 3, "--contains", "편지는 우리를"))
    expect(1, "there are 3 emails, not 4", verdict(checker, 4, "--wait", "0"))
    send("reader@example.com", message_to("reader@example.com").as_bytes())
    expect(1, "reader@example.com has 2 emails", verdict(checker, 4))
    cut = message_to("cut@example.com").as_bytes()
    send("cut@example.com", cut[: cut.rindex(b"--=")])
    expect(1, "CloseBoundaryNotFoundDefect", verdict(checker, 5))
    send("other@example.com", message_to("another@example.com", Subject="다른 제목").as_bytes())
    expect(1, "the subject is '다른 제목'", verdict(checker, 6))


if __name__ == "__main__":
    main()
