#!/usr/bin/env python3
"""`letterpress inbox --imap` logs in with tokens at a real Dovecot, which asks a small authorization server about each of them.

From `letterpress login` over a token that expired to one of the wrong scope and one that was revoked. No email is changed.
"""

import argparse
import http.server
import imaplib
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse


class Provider(http.server.BaseHTTPRequestHandler):
    """Device grant, refresh tokens that change with each use, and introspection (RFC 7662) for Dovecot."""

    valid, scope, refresh, issued = set(), "imap", "", 0
    asked = []

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()))
        status, answer = 200, {}
        if self.path == "/device":
            answer = {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://provider.test/",
                      "expires_in": 60, "interval": 1}
        elif self.path == "/introspect":
            answer = {"active": form.get("token") in Provider.valid, "user": "bounces", "scope": Provider.scope}
        elif form["grant_type"] == "refresh_token" and form["refresh_token"] != Provider.refresh:
            status, answer = 400, {"error": "invalid_grant", "error_description": "the token was revoked"}
        else:
            Provider.asked.append(form["grant_type"].rpartition(":")[2])
            Provider.issued += 1
            Provider.refresh = f"refresh-{Provider.issued}"
            Provider.valid.add(f"access-{Provider.issued}")
            answer = {"access_token": f"access-{Provider.issued}", "refresh_token": Provider.refresh,
                      "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Story:
    def __init__(self, options):
        self.options, self.site = options, options.dir / "oauth"

    def run(self, *words, code=0, says=()):
        command = [self.options.binary, "--config", str(self.site / "config.toml"), *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
        text = ran.stdout + ran.stderr
        if ran.returncode != code or not all(word in text for word in says) or "access-" in text or "refresh-" in text:
            sys.exit(f"{' '.join(words)} ended with {ran.returncode}, not {code}, or does not say {says}:\n{text}")

    def expect(self, what, found, wanted):
        if found != wanted:
            sys.exit(f"{what}: {found!r} instead of {wanted!r}")

    def write_site(self):
        (self.site / "posts").mkdir(parents=True, exist_ok=True)
        base = f"http://127.0.0.1:{self.options.provider}"
        (self.site / "config.toml").write_text(f"""
[site]
title = "느린 편지"
url = "https://letterpress.test/"
[inbox]
host = "127.0.0.1"
port = {self.options.port}
user = "bounces"
oauth = "test"
ca_file = "../ca.pem"
[oauth.test]
client_id = "letterpress"
device_endpoint = "{base}/device"
token_endpoint = "{base}/token"
scope = "imap"
""", "utf-8")

    def offers(self):
        """The mechanisms that the server offers at the moment."""
        trust = ssl.create_default_context(cafile=self.options.dir / "ca.pem")
        try:
            client = imaplib.IMAP4_SSL("127.0.0.1", self.options.port, ssl_context=trust, timeout=60)
        except OSError:
            return set()
        offered = {word.removeprefix("AUTH=") for word in client.capabilities if word.startswith("AUTH=")}
        client.shutdown()
        return offered

    def wait_for_offer(self):
        """Dovecot reads its configuration again some time after it was told to."""
        wanted = {"PLAIN", "XOAUTH2", self.options.mechanism}
        until = time.monotonic() + 60
        while self.offers() != wanted:
            if time.monotonic() > until:
                sys.exit(f"Dovecot offers {self.offers()}, not {wanted}")
            time.sleep(0.1)

    def play(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.options.provider), Provider)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.write_site()
        self.wait_for_offer()
        self.run("inbox", "--imap", code=1, says=["has not logged in", "letterpress login test"])
        self.run("login", says=["https://provider.test/", "ABCD-EFGH"])
        self.run("inbox", "--imap")
        self.expect("grants after a log-in", Provider.asked, ["device_code"])
        Provider.valid.clear()
        self.run("inbox", "--imap")
        self.expect("grants after a token that the server refused", Provider.asked, ["device_code", "refresh_token"])
        Provider.scope = "smtp"
        self.run("inbox", "--imap", code=1, says=["rejected the token of", '"status":', "letterpress login test"])
        self.expect("refreshed tokens", Provider.asked[2:], ["refresh_token"])
        Provider.scope = "imap"
        self.run("inbox", "--imap")
        Provider.valid.clear()
        Provider.refresh = "revoked"
        self.run("inbox", "--imap", code=1, says=["invalid_grant", "the token was revoked", "letterpress login test"])
        self.run("login")
        self.run("inbox", "--imap")
        print(f"{self.options.mechanism}: logged in, refreshed after a refusal, wrong scope and revoked tokens explained")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("binary")
parser.add_argument("dir", type=pathlib.Path)
parser.add_argument("port", type=int)
parser.add_argument("provider", type=int)
parser.add_argument("mechanism")
Story(parser.parse_args()).play()
