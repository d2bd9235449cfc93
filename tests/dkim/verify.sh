#!/usr/bin/env bash
# Emails signed with two keys, checked by two independent verifiers: dkimpy and Mail::DKIM.
#
#     tests/dkim/verify.sh path/to/letterpress [PYTHON]
#
# PYTHON has dkimpy and PyNaCl; `perl` has Mail::DKIM (libmail-dkim-perl). Both get the records as `letterpress dkim new`
# printed them: dkimpy the single value, Mail::DKIM the lines for a zone file. Each signature must be valid, and must become
# invalid when any signed field is added once more at the top. The last line is a summary.
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
list = "subscribers.csv"
list_confirmed = true

[web]
url = "https://a-rather-long-name-for-the-page-where-people-unsubscribe.letters.example/newsletter/"
CONFIG
cat >posts/slow.md <<'POST'
+++
title = "천천히 오는 편지: 알림은 우리를 부르고, 편지는 우리를 기다린다는 것에 대하여"
date = 2026-11-16
+++

**알림**은 우리를 부르고,  편지는	우리를 기다린다.

    코드  에는   빈칸이    많다.
POST
printf 'email,name\nminjun@example.net,김민준\nreader@example.org,\nlee@example.com,"Lee, Ann"\n' >subscribers.csv

"$binary" dkim new >rsa.txt
"$binary" dkim new --algorithm ed25519 >ed25519.txt
for key in letters letters-ed25519; do
    printf '\n[[dkim]]\nselector = "%s"\nkey_file = "dkim-%s.pem"\n' "$key" "$key" >>config.toml
done
[ "$(stat -c %a dkim-letters.pem)" = 600 ] || { echo "error: other users can read the private key" >&2; exit 1; }
if "$binary" dkim new 2>/dev/null; then echo "error: a key was overwritten" >&2; exit 1; fi

# The printed records, in the form that each verifier needs.
for file in rsa.txt ed25519.txt; do
    sed -n 's/^name:  //p; s/^value: //p' "$file" | paste -sd '\t' >>values
    sed -n '/ IN TXT ($/,/)$/p' "$file" >>zone
done
"$binary" dkim show --json >shown.json

"$binary" --quiet publish
mapfile -t emails < <(find outbox -name '*.eml' | sort)
[ "${#emails[@]}" -eq 3 ] || { echo "error: ${#emails[@]} emails were written, not 3" >&2; exit 1; }
"$python" "$here/verify.py" values shown.json "${emails[@]}" | tee checked
perl "$here/verify.pl" zone "${emails[@]}" | tee -a checked
echo "${#emails[@]} emails with two signatures: $(paste -sd ';' checked | sed 's/;/; /g')"
