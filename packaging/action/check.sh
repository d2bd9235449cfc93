#!/usr/bin/env bash
# Refuses a workflow that could send an email twice or show addresses, before anything is fetched. Runs in the folder of config.toml.
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

# GITHUB_WORKFLOW_REF is OWNER/NAME/.github/workflows/FILE@REF.
workflow=${GITHUB_WORKFLOW_REF:-}
workflow=${workflow%@*}
workflow=$(git rev-parse --show-toplevel)/${workflow#*/*/}
[ -f "$workflow" ] || refuse "the file of this workflow is not in the clone" "use actions/checkout before, without a path and a sparse-checkout"
settings=$(sed 's/#.*//' "$workflow")
grep -q '^ *concurrency:' <<<"$settings" || refuse "$(basename "$workflow") lets two runs send at the same time" \
    "add: concurrency: { group: letterpress, cancel-in-progress: false }"
if grep 'cancel-in-progress:' <<<"$settings" | grep -vqE 'cancel-in-progress: *"?false"?[ }]*$'; then
    refuse "$(basename "$workflow") may cancel a run while it sends" "write cancel-in-progress: false"
fi
if grep -qE 'path:.*letterpress\.(db|keys|fence)|^ *-? *\|?.*letterpress\.(db|keys)' <<<"$settings"; then
    refuse "$(basename "$workflow") names the ledger or its keys" \
        "do not put them into a cache or an artefact: a cache is restored from an older copy, and an artefact can be read. The action stores them by itself"
fi

tracked=$(git ls-files -- '*.db' '*.db-wal' '*.db-shm' '*.keys' '*.tokens' '*.pem' | head -n 3)
[ -z "$tracked" ] || refuse "git contains what is private: $(paste -s -d ' ' <<<"$tracked")" \
    "remove it from the whole history (git filter-repo), and make new keys: whoever can read the repository has them"
list=$(sed -n 's/^ *list *= *"\([^"]*\)".*/\1/p' config.toml | head -n 1)
if [ "$list_in_git" != true ] && [ -n "$list" ] && git ls-files --error-unmatch -- "$list" >/dev/null 2>&1; then
    refuse "$list has the addresses of subscribers, and is in git" \
        "remove it from the whole history, and import it into the ledger (docs/github-actions.md). Only if everybody who can read this repository may see it: list-in-git: true"
fi
if sed -n '/^\[store\]/,/^\[/p' config.toml | grep -E '^ *(keys|fence|tokens|url) *=' | grep -vqE '^ *url *= *"postgres'; then
    refuse "config.toml keeps the ledger, its keys or its fence in another place" "remove url, keys, tokens and fence below [store]; for PostgreSQL, keep url"
fi
