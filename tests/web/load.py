#!/usr/bin/env python3
"""The web server under load, on loopback: feeds with and without validators, sign-ups while an issue is being sent, how
long an unsubscribe takes meanwhile, and `kill -9` right after the 200 to an unsubscribe.

    load.py LETTERPRESS [SECONDS] [SUBSCRIBERS]

Needs Debian's `wrk`. SECONDS is the time of each load (3), SUBSCRIBERS the audience of the issue (4000).
"""
import email
import email.policy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port

LETTERPRESS = sys.argv[1]
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SUBSCRIBERS = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
KILLS = 20


class Site:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        (self.folder / "posts").mkdir()
        (self.folder / "config.toml").write_text(
            f"""[site]
title = "느린 편지"
url = "https://letters.example/"
language = "ko"
[newsletter]
from = "느린 편지 <news@letters.example>"
delay = "0s"
[web]
url = "{self.url}"
listen = "127.0.0.1:{self.port}"
limits = {{ per_hour = 1000000, per_network_per_hour = 1000000, per_domain_per_hour = 1000000 }}
""",
            "utf-8",
        )
        for number in range(40):
            self.post(f"old-{number}", f"2026-01-{number % 28 + 1:02}T09:00:00Z")
        self.run("publish")
        rows = "".join(f"reader{number}@example.org,독자 {number}\n" for number in range(SUBSCRIBERS))
        (self.folder / "subscribers.csv").write_text("email,name\n" + rows, "utf-8")
        self.run("subscribers", "import", str(self.folder / "subscribers.csv"), "--confirmed")

    def post(self, name, date):
        text = "편지는 천천히 온다. " * 200
        (self.folder / f"posts/{name}.md").write_text(f'+++\ntitle = "{name}"\ndate = {date}\n+++\n\n{text}\n', "utf-8")

    def command(self, *words):
        return [LETTERPRESS, "--config", str(self.folder / "config.toml"), *words]

    def run(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def serve(self):
        log = open(self.folder / "serve.log", "ab")
        server = subprocess.Popen(self.command("--quiet", "serve"), stdout=log, stderr=log)
        for _ in range(3000):
            assert server.poll() is None, (self.folder / "serve.log").read_text("utf-8")
            try:
                if urllib.request.urlopen(self.url + "healthz", timeout=2).status == 200:
                    return server
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise AssertionError((self.folder / "serve.log").read_text("utf-8"))


def wrk(url, script=None, header=None, connections=16):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "--timeout", "60s"]
    if script:
        command += ["-s", str(script)]
    if header:
        command += ["-H", header]
    output = subprocess.run([*command, url], capture_output=True, text=True, timeout=SECONDS + 60, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    p99 = re.search(r"99%\s+(\S+)", output).group(1)
    errors = re.search(r"Socket errors.*|Non-2xx.*", output)
    return rate, p99, errors.group(0) if errors else ""


def one_click(url):
    """As Gmail sends it."""
    request = urllib.request.Request(
        url, data=b"List-Unsubscribe=One-Click", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200, answer.status
    return time.monotonic() - began


def one_click_links(site):
    """The one-click URLs of the emails that were sent, with their recipients."""
    found = []
    for path in sorted(site.folder.glob("outbox/*first/*.eml"))[:200]:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        found.append((str(message["To"].addresses[0].addr_spec), re.search(r"<(http\S+)>", message["List-Unsubscribe"]).group(1)))
    assert len(found) >= 100, len(found)
    return found


def statuses(site):
    rows = json.loads(site.run("subscribers", "list", "--json"))
    return {row["email"]: row["status"] for row in rows}


def feeds(site):
    etag = urllib.request.urlopen(site.url + "rss.xml", timeout=60).headers["ETag"]
    whole = wrk(site.url + "rss.xml")
    same = wrk(site.url + "rss.xml", header=f"If-None-Match: {etag}")
    # wrk does not count a 304 as a success, so check it here.
    request = urllib.request.Request(site.url + "rss.xml", headers={"If-None-Match": etag})
    try:
        urllib.request.urlopen(request, timeout=60)
        raise AssertionError("an unchanged feed was sent again")
    except urllib.error.HTTPError as error:
        assert error.code == 304, error.code
    assert not whole[2], whole[2]
    return f"feed {whole[0]:.0f}/s (p99 {whole[1]}), unchanged {same[0]:.0f}/s (p99 {same[1]})"


def busy(site, tokens):
    """Sign-ups and unsubscribes while an issue is being sent."""
    site.post("second", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)))
    form = site.folder / "form.lua"
    form.write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\nlocal n = 0\n'
        "request = function()\n  n = n + 1\n"
        '  wrk.headers["X-Forwarded-For"] = string.format("100.%d.%d.7", n % 250, math.floor(n / 250) % 250)\n'
        '  return wrk.format(nil, "/subscribe", nil, "email=new" .. n .. "%40example.net")\nend\n',
        "utf-8",
    )
    # How long it takes while nothing is sent, on this machine and with what else it does now.
    alone = max(one_click(url) for _, url in tokens[60:80])
    longest = max(1, 20 * alone)
    sender = subprocess.Popen(site.command("publish"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    took, during = [], [0]

    def unsubscribe():
        for _, url in tokens[:40]:
            took.append(one_click(url))
            during[0] += sender.poll() is None
            time.sleep(SECONDS / 40)

    unsubscriber = threading.Thread(target=unsubscribe)
    unsubscriber.start()
    signed = wrk(site.url + "subscribe", script=form, connections=8)
    unsubscriber.join()
    output = sender.communicate(timeout=600)[0]
    assert sender.returncode == 0, output
    assert during[0] > 0, "the issue was sent before the first unsubscribe: use more subscribers"
    assert max(took) < longest, f"an unsubscribe took {max(took):.2f} s while the sender was running, and {alone:.2f} s at most before"
    assert not signed[2], signed[2]
    now = statuses(site)
    assert all(now[address] == "unsubscribed" for address, _ in tokens[:40])
    return (
        f"while {SUBSCRIBERS} emails are sent: {signed[0]:.0f} sign-ups/s (p99 {signed[1]}), unsubscribes at most "
        f"{max(took) * 1000:.0f} ms ({during[0]} of {len(took)} in mid-issue)"
    )


def killed(site, tokens, server):
    """Kills the server right after the 200: the unsubscribe must be on the disk."""
    for number in range(KILLS):
        address, url = tokens[100 + number]
        one_click(url)
        server.kill()
        server.wait(120)
        assert statuses(site)[address] == "unsubscribed", f"{address} got a 200 and is still on the list"
        server = site.serve()
    server.terminate()
    assert server.wait(120) == 0
    return f"{KILLS} kills right after the 200: every unsubscribe is on the disk"


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder)
        site.post("first", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 120)))
        site.run("publish")
        server = site.serve()
        try:
            tokens = one_click_links(site)
            summaries = [feeds(site), busy(site, tokens)]
            summaries.append(killed(site, tokens, server))
        finally:
            server.poll() is None and server.kill()
    print("web: " + "; ".join(summaries))


main()
