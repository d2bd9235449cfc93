#!/usr/bin/env python3
"""Emails in a real Chromium: both themes in English, Korean and Arabic, 600 and 360 pixels wide, light and dark. Each is checked by
axe-core, fits its window, and is far below the size at which Gmail clips.

    pictures.py LETTERPRESS AXE_JS [SCREENSHOTS]

Needs Debian's `chromium` and `chromium-driver`, PyPI's `selenium`, and npm's `axe-core` (its file `axe.min.js`).
"""
import email
import email.policy
import functools
import gzip
import http.server
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
import zlib

sys.path.append(str(pathlib.Path(__file__).parent.parent))
from chromium import Browser

LETTERPRESS, AXE = sys.argv[1], pathlib.Path(sys.argv[2]).read_text("utf-8")
SHOTS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
VIDEO = "https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg"
# Gmail clips at 102 KB.
LARGEST = 30_000

POSTS = {
    "en": ("Slow Letters", "On things that arrive slowly", "What we wait for, and why", """
A notification calls us; a letter waits for us.[^1] To arrive **slowly** is not to be late, as [somebody wrote](https://letters.example/).

[Subscribe](https://letters.example/join/){.button}

> Slowness is not laziness. It is a way of choosing what to spend time on.

> [!NOTE]
> The postbox at the end of the lane is gone.

## Where the postbox was

![The sea after sunset](sea.png)

- letters written in spring
- letters that came in summer

1. one
2. two

::: columns
### Left

Written by hand.

---

### Right

Typed.
:::

[A visit](https://youtu.be/dQw4w9WgXcQ)

| season | letters | days |
|---|---|--:|
| spring | twelve | 3 |
| summer | five | 11 |

```python
print("a letter", "that has a rather long line of code in it, longer than the window")
```

[^1]: From a note of last autumn.
"""),
    "ko": ("느린 편지", "느리게 도착하는 것들에 대하여", "기다림에는 제 몫의 즐거움이 있다", """
알림은 우리를 부르고, 편지는 우리를 기다린다.[^1] **천천히** 온다는 것은 늦는다는 뜻이 아니다. [앞의 글](https://letters.example/)에서 말했듯이.

[구독하기](https://letters.example/join/){.button}

> 느림은 게으름이 아니라, 시간을 고르는 방식이다.

> [!NOTE]
> 골목 끝의 우체통이 없어졌다.

## 우체통이 있던 자리

![노을이 진 바다](sea.png)

- 봄에 쓰는 편지
- 여름에 받는 편지

1. 하나
2. 둘

::: columns
### 왼쪽

손으로 쓴다.

---

### 오른쪽

자판으로 친다.
:::

[우체국에서](https://youtu.be/dQw4w9WgXcQ)

| 계절 | 편지 | 걸린 날 |
|---|---|--:|
| 봄 | 열두 통 | 3 |
| 여름 | 다섯 통 | 11 |

```python
print("편지", "창보다 더 긴 한 줄의 코드가 들어 있어서 줄이 바뀌어야 하는 편지 한 통")
```

[^1]: 2025년 가을에 쓴 메모에서.
"""),
    "ar": ("رسائل بطيئة", "عن الأشياء التي تصل ببطء", "ما ننتظره ولماذا", """
الإشعار ينادينا، أما الرسالة فتنتظرنا.[^1] أن تصل **ببطء** لا يعني أن تتأخر، كما [كتب أحدهم](https://letters.example/).

[اشترك](https://letters.example/join/){.button}

> البطء ليس كسلاً، بل طريقة لاختيار ما نقضي فيه وقتنا.

> [!NOTE]
> اختفى صندوق البريد في آخر الزقاق.

## حيث كان الصندوق

![البحر بعد الغروب](sea.png)

- رسائل كُتبت في الربيع
- رسائل وصلت في الصيف

1. واحد
2. اثنان

::: columns
### اليمين

مكتوب باليد.

---

### اليسار

مكتوب على الآلة.
:::

[زيارة](https://youtu.be/dQw4w9WgXcQ)

| الفصل | الرسائل | الأيام |
|---|---|--:|
| الربيع | اثنتا عشرة | 3 |
| الصيف | خمس | 11 |

```python
print("a letter", "that has a rather long line of code in it, longer than the window")
```

[^1]: من ملاحظة في الخريف الماضي.
"""),
}


def picture(width=960, height=420):
    """A PNG of a sunset, drawn here."""
    rows = bytearray()
    for y in range(height):
        sky = (int(70 + 170 * y / height), int(80 + 70 * y / height), 120)
        line = (38, 70 + y // 8, 104) if y >= 250 else sky
        rows.append(0)
        rows += bytes(line) * width

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve(folder):
    """Serves the pictures of the posts; returns the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/"


def letter(folder, language, theme):
    """The HTML part of a test email."""
    site, title, summary, text = POSTS[language]
    folder.mkdir()
    (folder / "posts").mkdir()
    (folder / "public").mkdir()
    (folder / "posts" / "sea.png").write_bytes(picture())
    (folder / "public" / "sea.png").write_bytes(picture())
    url = serve(folder / "public")
    (folder / "config.toml").write_text(f"""[site]
title = "{site}"
url = "{url}"
language = "{language}"
timezone = "Asia/Seoul"
author = {{ name = "Kim" }}
[archive]
permalink = "/:slug.html"
[newsletter]
from = "{site} <news@letters.example>"
theme = "{theme}"
accent = "#0a6b4f"
address = "1 Some Street, Some City"
[web]
url = "https://letters.example/"
""", "utf-8")
    front = f'+++\ntitle = "{title}"\ndate = 2026-11-20T09:00:00Z\nslug = "slow"\nsummary = "{summary}"\n+++\n'
    (folder / "posts" / "slow.md").write_text(front + text, "utf-8")
    command = [LETTERPRESS, "--config", str(folder / "config.toml"), "send", "--to", "me@letters.example"]
    done = subprocess.run(command, capture_output=True, text=True, env={"LETTERPRESS_FROZEN_AT": "2026-11-20T10:00:00Z"}, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    file = next((folder / "outbox").rglob("*.eml"))
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    html = message.get_body(("html",)).get_content()
    # The picture of the video is on a server of YouTube, which this test does not ask.
    assert VIDEO in html
    return html.replace(VIDEO, f"{url}sea.png")


def main():
    looks, sizes = 0, []
    browser = Browser(AXE, SHOTS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for language in POSTS:
                for theme in ("plain", "magazine"):
                    page = letter(pathlib.Path(folder) / f"{language}-{theme}", language, theme)
                    raw = page.encode("utf-8")
                    assert len(raw) < LARGEST, f"{language} {theme}: {len(raw)} bytes"
                    sizes.append((len(raw), len(gzip.compress(raw))))
                    file = pathlib.Path(folder) / f"{language}-{theme}.html"
                    file.write_bytes(raw)
                    for width in (600, 360):
                        for dark in (False, True):
                            browser.look(file.as_uri(), f"letter-{theme}-{language}-{width}-{'dark' if dark else 'light'}", width, dark)
                            looks += 1
    finally:
        browser.driver.quit()
    raw, packed = max(size for size, _ in sizes), max(size for _, size in sizes)
    print(f"letters: {looks} views of {len(sizes)} letters, checked by axe-core; the largest has {raw:,} bytes, {packed:,} compressed")


main()
