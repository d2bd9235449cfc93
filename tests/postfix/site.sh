#!/usr/bin/env bash
# A site whose emails go to the private Postfix of run.sh; sourced by deliver.sh and kill.sh.

# site_make DIR: a site with one post, dated yesterday, whose title, subject and body are Korean.
site_make() {
    local dir=$1 day
    day=$(date -d yesterday +%F)
    mkdir -p "$dir/posts"
    cat >"$dir/config.toml" <<'CONFIG'
[site]
title = "느린 편지"
url = "https://letterpress.test/"
description = "천천히 읽는 글"
language = "ko"
timezone = "Asia/Seoul"
author = { name = "느린 편지" }

[newsletter]
from = "느린 편지 <news@letterpress.test>"
subject = "{{ site.title }}: {{ post.title }}"
first_run = "newest"
unsubscribe_by_hand = true
CONFIG
    cat >"$dir/posts/$day-letter.md" <<'POST'
+++
title = "날이 부쩍 차가워졌다 — 따뜻한 것 한 잔을 곁에 두고 천천히 읽으시기를"
categories = ["편지"]
+++

알림은 우리를 부르고, **편지**는 우리를 기다린다. 서두르지 않아도 되는 글이 하나쯤은 있어야 한다[^1].

| 도구 | 하는 일 |
|---|---|
| 피드 | 찾아오는 사람에게 보여 준다 |
| 편지 | 찾아가서 문을 두드린다 |

1. 먼저 쓴다.
2. 하루를 재운다.
3. 한 사람에게 한 번만 보낸다.

[지난 글](/past/)도 아직 그 자리에 있다.

[^1]: 이 문장도 그렇다.
POST
}

# site_use_postfix DIR PORT CONNECTIONS: adds the relay; refuses a site that already has one.
site_use_postfix() {
    if grep -q '^\[smtp\]' "$1/config.toml"; then
        printf 'tests/postfix: %s has an [smtp] section of its own\n' "$1/config.toml" >&2
        return 1
    fi
    cat >>"$1/config.toml" <<CONFIG

[smtp]
host = "127.0.0.1"
port = $2
tls = "none"
connections = $3
CONFIG
}

# site_subscribers BINARY DIR N: imports N subscribers, with names in two scripts and without a name, with a tag and with a
# Korean domain. `.test` is reserved (RFC 6761), so the import warns about each of them: its output goes to a file.
site_subscribers() {
    local binary=$1 dir=$2 number=$3
    {
        printf 'email,name,language\n'
        seq "$number" | awk '
            $1 == 1 { print "reader+news@letterpress.test,김독자,ko"; next }
            $1 == 2 { print "reader@우체국.test,\"이독자, 둘째\",ko"; next }
            { name = $1 % 3 == 0 ? "" : $1 % 3 == 1 ? "독자 " $1 : "Reader " $1
              printf "reader%05d@letterpress.test,%s,%s\n", $1, name, $1 % 3 == 2 ? "en" : "ko" }'
    } >"$dir/subscribers.csv"
    "$binary" --config "$dir/config.toml" subscribers import "$dir/subscribers.csv" --confirmed --json >"$dir/import.json"
}

# site_count STATE...: the number of deliveries of the newest issue in these states, from `letterpress status --json`
# on standard input; `audience` is the number of subscribers for whom it was frozen.
site_count() {
    python3 -c '
import json, sys
issues = json.load(sys.stdin)["issues"]
issue = issues[0] if issues else {"audience": 0, "counts": {}}
print(sum(issue["audience"] if name == "audience" else issue["counts"].get(name, 0) for name in sys.argv[1:]))' "$@"
}
