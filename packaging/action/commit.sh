#!/usr/bin/env bash
# Commits what a run wrote that belongs to the posts, and pushes it. Runs in the folder of config.toml.
#
#   commit.sh BRANCH MESSAGE [FILE...]     ids.txt and pages.txt of the posts, and each FILE
#
# If the branch has moved on, the commit is put on top of it in another folder, so that the posts here stay those that were built.
set -euo pipefail

branch=$1 message=$2
shift 2
remote=${LETTERPRESS_STATE_REMOTE:-origin}
# key NAME: a text below [archive].
key() {
    local is=" *$1 *= *[\"']([^\"']*)[\"'].*"
    sed -nE -e "/^\[archive\]/,/^\[/s/^$is/\1/p" -e "s/^ *archive\.$is/\1/p" config.toml | head -n 1
}
posts=$(key posts)
ids=$(key ids)
ids=${ids:-${posts:-posts}/ids.txt}
# As the program names it.
name=${ids##*/}
case $name in
    ids*) pages=pages${name#ids} ;;
    *) pages=pages-$name ;;
esac
# The fence of a new site is ignored by git, and a .gitignore may have *.txt.
for file in "$ids" "$(dirname "$ids")/$pages" "$@"; do [ ! -e "$file" ] || git add --force -- "$file"; done
! git diff --cached --quiet || exit 0
name=(-c "user.name=${LETTERPRESS_COMMITTER:-letterpress}" -c user.email=letterpress@localhost)
git "${name[@]}" commit --quiet --message "$message"
commit=$(git rev-parse HEAD)

scratch=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/letterpress-commit.XXXXXX")
trap 'git worktree remove --force "$scratch/tree" 2>/dev/null || true; rm -rf "$scratch"' EXIT
for attempt in 1 2 3 4 5; do
    if git push --quiet "$remote" "$commit:refs/heads/$branch" 2>"$scratch/log"; then exit 0; fi
    git fetch --quiet --depth=1 "$remote" "refs/heads/$branch" 2>>"$scratch/log" || { sleep "$attempt"; continue; }
    git worktree remove --force "$scratch/tree" 2>/dev/null || true
    git worktree add --quiet --detach "$scratch/tree" FETCH_HEAD
    if ! git -C "$scratch/tree" "${name[@]}" cherry-pick "$commit" >>"$scratch/log" 2>&1; then break; fi
    commit=$(git -C "$scratch/tree" rev-parse HEAD)
done
cat "$scratch/log" >&2
printf 'error: %s cannot be pushed to %s\n    help: the job needs permissions: contents: write, and a branch that it may push to\n' "$message" "$branch" >&2
exit 1
