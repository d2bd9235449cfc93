"""Uploads a site into real servers: moto (S3) and, if its path is given, Azurite (Azure).

    python run.py LETTERPRESS [AZURITE_BLOB]

First upload, a run without changes, an edit, a retraction, a lost record, two writers, and `kill -9` in the middle of
uploads. Needs moto[server], and azure-storage-blob for Azurite. Connects to the loopback interface only.
"""

import contextlib
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port

KILLS = 5
POSTS = 40
# Published by Azurite for everyone.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

CONFIG = """[site]
title = "B2B 노트"
url = "https://notes.example/"
language = "ko"
timezone = "Asia/Seoul"

[newsletter]
enabled = false

[output]
url = "{url}/블로그"
endpoint = "{endpoint}"
credentials_file = "bucket.env"
compress = ["gzip"]
"""


class S3:
    url = "s3://my-site"
    credentials = "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=very-secret\n"

    def __init__(self, port, log):
        self.endpoint, self.log = f"http://127.0.0.1:{port}", log
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id="key", aws_secret_access_key="very-secret", region_name="us-east-1"
        )

    def create(self):
        self.client.create_bucket(Bucket="my-site")

    def keys(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="my-site")
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def get(self, key):
        found = self.client.get_object(Bucket="my-site", Key=key)
        return found["Body"].read(), found["ContentType"], found["CacheControl"], found.get("ContentEncoding")

    def requests(self):
        return self.log.read_text().count("HTTP/1.1")


class Azure:
    # The container that Azure serves as a web site.
    url = "az://$web"
    credentials = f"AZURE_STORAGE_ACCOUNT_NAME={AZURE_ACCOUNT}\nAZURE_STORAGE_ACCOUNT_KEY={AZURE_KEY}\n"

    def __init__(self, port, log):
        from azure.storage.blob import BlobServiceClient

        self.endpoint, self.log = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}", log
        self.client = BlobServiceClient(self.endpoint, credential=AZURE_KEY).get_container_client("$web")

    def create(self):
        self.client.create_container()

    def keys(self):
        return {blob.name for blob in self.client.list_blobs()}

    def get(self, key):
        found = self.client.download_blob(key)
        about = found.properties.content_settings
        return found.readall(), about.content_type, about.cache_control, about.content_encoding

    def requests(self):
        return self.log.read_text().count(" HTTP/1.1")


class Site:
    def __init__(self, binary, folder, service):
        self.binary, self.folder, self.service = binary, folder, service
        (folder / "posts").mkdir(parents=True)
        (folder / "config.toml").write_text(CONFIG.format(url=service.url, endpoint=service.endpoint), "utf-8")
        (folder / "bucket.env").write_text(service.credentials)

    def post(self, name, text):
        front = f"---\ntitle: {name}\ndate: 2026-11-20\ncategories: [기술]\n---\n\n"
        (self.folder / "posts" / f"{name}.md").write_text(front + text + "\n", "utf-8")

    def command(self, *arguments):
        return [self.binary, "--config", str(self.folder / "config.toml"), *arguments]

    def run(self, *arguments, expect=0):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env={}, timeout=120)
        output = done.stdout + done.stderr
        assert done.returncode == expect, (arguments, done.returncode, output)
        assert "very-secret" not in output and AZURE_KEY not in output, output
        return output

    def files(self):
        public = self.folder / "public"
        return {f"블로그/{path.relative_to(public)}": path for path in public.rglob("*") if path.is_file()}

    def check_complete(self):
        files = self.files()
        keys = self.service.keys()
        assert keys == set(files), keys ^ set(files)
        for key, path in files.items():
            body, kind, cache, encoding = self.service.get(key)
            # A client may undo the coding.
            assert encoding == ("gzip" if key.endswith(".gz") else None), (key, encoding)
            assert encoding or body == path.read_bytes(), key
            assert cache.startswith("public, max-age="), (key, cache)
            plain = key.removesuffix(".gz")
            expected = {".html": "text/html; charset=utf-8", ".xml": "application/xml; charset=utf-8"}
            assert kind == expected.get(pathlib.Path(plain).suffix, kind), (key, kind)

    def check_links(self):
        """No feed in the bucket links to a page that is not there."""
        keys = self.service.keys()
        if "블로그/feed.json" not in keys:
            return
        feed = self.service.get("블로그/feed.json")[0].decode()
        for number in range(POSTS):
            if f"글-{number:03}" in feed:
                assert any(f"글-{number:03}/index.html" in key for key in keys), number


def serve(command, log, port):
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
    for _ in range(1200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return server
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise SystemExit(f"{command[0]} does not listen: {log.read_text()}")


def settled(service):
    """The number of requests, with one of its own, once that one is in the log: a server may write a line after its answer was read."""
    mark = f"/mark-{time.monotonic_ns()}"
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(service.endpoint + mark, timeout=60)
    until = time.monotonic() + 60
    while mark not in service.log.read_text():
        assert time.monotonic() < until, f"{mark} is not in the log"
        time.sleep(0.05)
    return service.requests()


def story(site):
    """One writer, and then another machine that writes too."""
    service = site.service
    for name in ("하나", "둘", "셋"):
        site.post(name, "천천히 오는 편지.")
    assert "there is no bucket " in site.run("build", expect=1)
    service.create()
    assert "upload:" in site.run("build")
    site.check_complete()
    before = settled(service)
    assert "upload: unchanged" in site.run("build")
    assert settled(service) == before + 1, "an unchanged site asked the service"
    site.post("둘", "고친 글.")
    site.run("build")
    site.check_complete()
    site.run("retract", "셋")
    site.run("build")
    site.check_complete()
    assert "셋/index.html" not in " ".join(service.keys())

    # Another machine, which has no record yet, goes on from what is there.
    other = Site(site.binary, site.folder.parent / "other", service)
    shutil.copytree(site.folder / "posts", other.folder / "posts", dirs_exist_ok=True)
    other.post("둘", "Written elsewhere.")
    other.run("build")
    other.check_complete()
    # The first one notices that, and changes nothing.
    site.post("둘", "Written here again.")
    message = site.run("build", expect=1)
    assert "--replace-remote" in message and "nothing was uploaded" in message, message
    other.check_complete()
    site.run("build", "--replace-remote")
    site.check_complete()


def killed(site):
    """Dies at random moments while it writes all posts again; the next run goes on, and nothing is left over."""
    service, uploads = site.service, 0
    for kill in range(KILLS):
        for number in range(POSTS):
            # Some are gone in each round.
            path = site.folder / "posts" / f"글-{number:03}.md"
            path.unlink(missing_ok=True)
            if (number + kill) % 7:
                site.post(f"글-{number:03}", f"Round {kill}.")
        process = subprocess.Popen(
            site.command("build", "--allow-loss"), env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before, limit = service.requests(), random.randint(5, 2 * POSTS)
        while process.poll() is None and service.requests() - before < limit:
            time.sleep(0.002)
        uploads += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        site.check_links()
    site.run("build", "--allow-loss")
    site.check_complete()
    assert uploads, "no upload was killed"
    return uploads


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    moto = str(pathlib.Path(sys.executable).parent / "moto_server")
    # moto counts the requests of a bucket in one thread, and prints each.
    services = [(S3, lambda port: [moto, "-H", "127.0.0.1", "-p", str(port)])]
    if len(sys.argv) > 2:
        options = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]
        services.append((Azure, lambda port: [sys.argv[2], *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]))
    done = []
    for kind, command in services:
        with tempfile.TemporaryDirectory() as folder:
            folder, port = pathlib.Path(folder), free_port()
            server = serve(command(port), folder / "server.log", port)
            try:
                site = Site(binary, folder / "site", kind(port, folder / "server.log"))
                story(site)
                kills = killed(site)
                done.append(f"{kind.__name__}: {len(site.service.keys())} objects, {kills} uploads killed")
            finally:
                server.kill()
                server.wait()
    print("uploaded to " + "; ".join(done))


if __name__ == "__main__":
    main()
