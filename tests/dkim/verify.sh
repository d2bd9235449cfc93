#!/usr/bin/env bash
# Letters signed with two keys, judged by two verifiers that are not ours: dkimpy and Mail::DKIM.
#
#     tests/dkim/verify.sh path/to/letterpress [PYTHON]
#
# PYTHON has dkimpy and PyNaCl; `perl` has Mail::DKIM (libmail-dkim-perl). Both get the records as `letterpress dkim new`
# printed them: dkimpy the single value, Mail::DKIM the lines for a zone file. Each signature must hold, and none may
# when any field that it names is put before the letter once more. The last line says what was judged.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$(realpath "${1:?usage: tests/dkim/verify.sh path/to/letterpress [PYTHON]}")
python=${2:-python3}
site=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-dkim.XXXXXX")
trap 'rm -rf "$site"' EXIT
cd "$site"

mkdir posts
cat >config.toml <<'CONFIG'
[site]
title = "느린 우체국에서 보내는 편지"
url = "https://letters.example/"
language = "ko"
timezone = "Asia/Seoul"

[newsletter]
from = "느린 우체국 <news@letters.example>"
reply_to = "kim@letters.example"
first_run = "newest"
max_age = "520w"
list = "readers.csv"
list_confirmed = true

[web]
url = "https://a-rather-long-name-for-the-page-where-readers-leave.letters.example/newsletter/"
CONFIG
cat >posts/slow.md <<'POST'
+++
title = "천천히 오는 편지: 알림은 우리를 부르고, 편지는 우리를 기다린다는 것에 대하여"
date = 2026-11-16
+++

**알림**은 우리를 부르고,  편지는	우리를 기다린다.

    코드  에는   빈칸이    많다.
POST
printf 'email,name\nminjun@example.net,김민준\nreader@example.org,\nlee@example.com,"Lee, Ann"\n' >readers.csv

"$binary" dkim new >rsa.txt
"$binary" dkim new --algorithm ed25519 >ed25519.txt
for key in letters letters-ed25519; do
    printf '\n[[dkim]]\nselector = "%s"\nkey_file = "dkim-%s.pem"\n' "$key" "$key" >>config.toml
done
[ "$(stat -c %a dkim-letters.pem)" = 600 ] || { echo "error: others can open the private key" >&2; exit 1; }
if "$binary" dkim new 2>/dev/null; then echo "error: a key was written over" >&2; exit 1; fi

# What was printed, as its two kinds of reader take it.
for file in rsa.txt ed25519.txt; do
    sed -n 's/^name:  //p; s/^value: //p' "$file" | paste -sd '\t' >>values
    sed -n '/ IN TXT ($/,/)$/p' "$file" >>zone
done
"$binary" dkim show --json >shown.json

"$binary" --quiet publish
mapfile -t letters < <(find outbox -name '*.eml' | sort)
[ "${#letters[@]}" -eq 3 ] || { echo "error: ${#letters[@]} letters were made, not 3" >&2; exit 1; }
"$python" "$here/verify.py" values shown.json "${letters[@]}" | tee judged
perl "$here/verify.pl" zone "${letters[@]}" | tee -a judged
echo "${#letters[@]} letters with two signatures: $(paste -sd ';' judged | sed 's/;/; /g')"
