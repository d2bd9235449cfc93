#!/usr/bin/env bash
# notes.sh VERSION [REPOSITORY]: prints the section of CHANGELOG.md for a release page, where each line end is a line break: wrapped
# lines are joined. With the address of the repository, links to its files lead there. Runs in the root of the repository.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: packaging/release/notes.sh VERSION [REPOSITORY]" >&2; exit 1; }
notes=$(awk -v heading="## [$1]" '
    index($0, "## ") == 1 { inside = index($0, heading) == 1; next }
    !inside { next }
    # A line that goes on with a text or an item.
    /^ *[^ #*-]/ && before != "" { sub(/^ +/, ""); printf " %s", $0; next }
    { printf "\n%s", $0; before = $0 ~ /^#/ ? "" : $0 }
    END { print "" }' CHANGELOG.md | sed '/./,$!d')
if [ -z "$notes" ]; then
    printf 'error: CHANGELOG.md has no section [%s], or it is empty\n    help: move what is below [Unreleased] into it\n' "$1" >&2
    exit 1
fi
[ -z "${2:-}" ] || notes=$(sed -E "s#\]\(([^):]+)\)#](${2%/}/blob/v$1/\1)#g" <<<"$notes")
printf '%s\n' "$notes"
