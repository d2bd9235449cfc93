#!/usr/bin/env bash
# Refuses a workflow that could send an email twice or show addresses, before the ledger is fetched. Runs in the folder of config.toml.
# Goes forward to the newest commit of the branch first: of two quick pushes the second run would build without the ids of the first.
#
#   check.sh BRANCH LIST_IN_GIT       the branch that posts are published from; `true` if addresses may be in git
#
# It sees only what is in the clone and in the environment of the job: that there is no other workflow, it cannot know.
set -euo pipefail

refuse() {
    printf 'error: %s\n    help: %s\n' "$1" "$2" >&2
    exit 1
}

published=$1 list_in_git=$2
case ${GITHUB_EVENT_NAME:-} in
    pull_request* | merge_group | issue*) refuse "the event $GITHUB_EVENT_NAME must not send email: anybody can cause it" \
        "run \`letterpress check\` there, and publish on push, schedule or workflow_dispatch" ;;
esac
[ "${GITHUB_REF:-}" = "refs/heads/$published" ] || refuse "this run is of ${GITHUB_REF:-no branch}, and posts are published from $published" \
    "restrict the workflow: on: push: branches: [$published]"

git fetch --quiet origin "refs/heads/$published" || refuse "$published of origin cannot be read; nothing was sent" "run the workflow again"
if git merge-base --is-ancestor HEAD FETCH_HEAD; then
    git merge --quiet --ff-only FETCH_HEAD >&2 || refuse "the newest commit of $published cannot be checked out" "see above: steps before this one have changed files"
elif ! git merge-base --is-ancestor FETCH_HEAD HEAD; then
    refuse "this run is of a commit that is not in $published any more; nothing was sent" "run the workflow again for the newest commit"
fi

# GITHUB_WORKFLOW_REF is OWNER/NAME/.github/workflows/FILE@REF.
workflow=${GITHUB_WORKFLOW_REF:-}
workflow=${workflow%@*}
workflow=$(git rev-parse --show-toplevel)/${workflow#*/*/}
[ -f "$workflow" ] || refuse "the file of this workflow is not in the clone" "use actions/checkout before, without a path and a sparse-checkout"
settings=$(sed 's/#.*//' "$workflow")
grep -q '^ *concurrency:' <<<"$settings" || refuse "$(basename "$workflow") lets two runs send at the same time" \
    "add: concurrency: { group: letterpress, cancel-in-progress: false }"
if grep -qE '^ *(concurrency|group):.*github\.(run_|sha|event|actor|head)' <<<"$settings"; then
    refuse "the concurrency group of $(basename "$workflow") has another name in each run, so two can send at the same time" "write group: letterpress"
fi
if grep 'cancel-in-progress:' <<<"$settings" | grep -vqE "cancel-in-progress: *[\"']?false[\"']?[ }]*\$"; then
    refuse "$(basename "$workflow") may cancel a run while it sends" "write cancel-in-progress: false"
fi
if grep -qE 'path:.*letterpress\.(db|keys|tokens|fence|\*)|^ *-? *\|?.*letterpress\.(db|keys|tokens|\*)' <<<"$settings"; then
    refuse "$(basename "$workflow") names the ledger or its keys" \
        "do not put them into a cache or an artefact: a cache is restored from an older copy, and an artefact can be read. The action stores them by itself"
fi

# In the whole repository, wherever the site is in it.
private=(db db-wal db-shm keys tokens pem moved backup)
tracked=$(git -c core.quotePath=false ls-files --full-name -- "${private[@]/#/:(top)*.}" ':(top)*before-restore*' | head -n 3)
[ -z "$tracked" ] || refuse "git contains what is private: $(paste -s -d ' ' <<<"$tracked")" \
    "remove it from the whole history (git filter-repo), and make new keys: whoever can read the repository has them"
list=$(sed -nE "s/^ *(newsletter\.)?list *= *[\"']([^\"']*)[\"'].*/\2/p" config.toml | head -n 1)
if [ "$list_in_git" != true ] && [ -n "$list" ] && git ls-files --error-unmatch -- "$list" >/dev/null 2>&1; then
    refuse "$list has the addresses of subscribers, and is in git" \
        "remove it from the whole history, and import it into the ledger (docs/github-actions.md). Only if everybody who can read this repository may see it: list-in-git: true"
fi
if [ "$list_in_git" != true ]; then
    tracked=$(git -c core.quotePath=false grep -lIE '[[:alnum:]._+-]+@[[:alnum:]-]+\.[[:alpha:]]' -- ':(top)*.csv' ':(top)*.tsv' | head -n 3 || true)
    [ -z "$tracked" ] || refuse "git contains a table with addresses: $(paste -s -d ' ' <<<"$tracked")" \
        "remove it from the whole history (git filter-repo). Only if everybody who can read this repository may see it: list-in-git: true"
fi
if sed -n '/^\[store\]/,/^\[/p' config.toml | grep -E '^ *(keys|fence|tokens|url) *=' | grep -vqE '^ *url *= *"postgres'; then
    refuse "config.toml keeps the ledger, its keys or its fence in another place" "remove url, keys, tokens and fence below [store]; for PostgreSQL, keep url"
fi
