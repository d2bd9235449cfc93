#!/usr/bin/env bash
# Keeps the ledger of a site in an encrypted branch, for machines that exist for one run. docs/github-actions.md explains it.
#
#   state.sh begin [start|recover]   takes the state, and marks it as taken, before anything is sent
#   state.sh check                   fails unless the state is still taken by this clone; right before anything is sent
#   state.sh end                     gives it back, with what the run did
#   state.sh put                     moves the ledger of this machine into the branch, for good
#
# Runs in the folder of config.toml, inside a clone. The branch has one commit, which is replaced and never added to. Every write names
# the commit that it replaces (--force-with-lease), so of two writers one is refused. A commit with the file `taken` belongs to a
# run that has begun to send: if it ends without giving the state back, nobody takes it again without `recover`.
#
# Who took the state last is also in a ref that is no branch, the mark. It is replaced in the same push that takes the state, before
# anything is sent. A state that was given back names the mark under which it was taken. So an older state that is put back, and a
# branch that was deleted, are recognised, whatever became of the run that took it.
set -euo pipefail
umask 077

remote=${LETTERPRESS_STATE_REMOTE:-origin}
branch=${LETTERPRESS_STATE_BRANCH:-letterpress-state}
program=${LETTERPRESS_PROGRAM:-letterpress}
ref=refs/heads/$branch
mark_ref=refs/letterpress/$branch
# What a run leaves behind that the next one needs. The files that are private are removed after the run.
private=(letterpress.db letterpress.db-wal letterpress.keys letterpress.tokens)
files=("${private[@]}" letterpress.fence .letterpress)

refuse() {
    printf 'error: %s\n    help: %s\n' "$1" "$2" >&2
    exit 1
}

work=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/letterpress-state.XXXXXX")
leave() {
    [ ! -d "$work/gnupg" ] || gpgconf --homedir "$work/gnupg" --kill gpg-agent || true
    [ -z "${unfinished:-}" ] || forget
    rm -rf "$work"
}
trap leave EXIT
# The commit that marks the state as taken, and the kind of the ledger, for `end`, which is another process.
receipt=$(realpath -m "$(git rev-parse --git-path letterpress-taken)")
armed() { number armed < <(cat letterpress.fence 2>/dev/null); }
kind() { if [ -e letterpress.db ]; then echo sqlite; else echo postgres; fi; }

# GnuPG checks that nothing was changed; `openssl enc` does not, and `age` is not on the runners.
cipher() {
    mkdir -p "$work/gnupg"
    gpg --homedir "$work/gnupg" --batch --quiet --no-options --pinentry-mode loopback --passphrase-fd 9 "$@" 9<<<"$passphrase"
}
seal() { cipher --symmetric --cipher-algo AES256 --s2k-mode 3 --s2k-digest-algo SHA512 --s2k-count 65011712 --compress-algo none --output "$2" "$1"; }
# Nothing is used before gpg has read all of it and found it whole.
unseal() { cipher --decrypt --output "$2" "$1"; }

# commit MESSAGE NAME=FILE...: a commit without a parent.
commit() {
    local message=$1 pair tree
    shift
    tree=$(for pair in "$@"; do printf '100644 blob %s\t%s\n' "$(git hash-object -w --stdin <"${pair#*=}")" "${pair%%=*}"; done | git mktree)
    GIT_AUTHOR_NAME=letterpress GIT_AUTHOR_EMAIL=letterpress@localhost GIT_COMMITTER_NAME=letterpress \
        GIT_COMMITTER_EMAIL=letterpress@localhost git commit-tree "$tree" -m "$message"
}

# replace OLD NEW [OLD_MARK NEW_MARK]: NEW stands where OLD stood, and so do the marks, or nothing is changed; an empty OLD is a branch
# that does not exist. Fails if something else stands there.
replace() {
    local old=$1 new=$2 attempt now
    local how=(--force-with-lease="$ref:$old") what=("$new:$ref")
    [ $# = 2 ] || { how+=(--atomic --force-with-lease="$mark_ref:$3") && what+=("$4:$mark_ref"); }
    for attempt in 1 2 3 4 5; do
        if git push --quiet "${how[@]}" "$remote" "${what[@]}" 2>"$work/push.log"; then return 0; fi
        # An answer that was lost on the way: what stands there decides.
        if now=$(git ls-remote "$remote" "$ref" 2>>"$work/push.log"); then
            now=${now%%[[:space:]]*}
            [ "$now" != "$new" ] || return 0
            [ "$now" = "$old" ] || return 1
        fi
        [ "$attempt" = 5 ] || sleep "${LETTERPRESS_STATE_RETRY:-$((attempt * attempt * 2))}"
    done
    cat "$work/push.log" >&2
    return 1
}

# Sets `old` and `mark`: what stands in the branch and in the mark now; empty if nothing does. A remote that does not answer is no answer.
fetch() {
    local attempt
    for attempt in 1 2 3; do
        git ls-remote "$remote" "$ref" "$mark_ref" >"$work/there" 2>"$work/fetch.log" || unreachable
        old=$(awk -v name="$ref" '$2 == name { print $1 }' "$work/there")
        mark=$(awk -v name="$mark_ref" '$2 == name { print $1 }' "$work/there")
        [ -n "$old$mark" ] || return 0
        git fetch --quiet --no-tags --depth=1 "$remote" ${old:+"$ref"} ${mark:+"$mark_ref"} 2>"$work/fetch.log" || continue
        # Both were read at the same moment, or somebody has replaced them since.
        if { [ -z "$old" ] || git cat-file -e "$old"; } && { [ -z "$mark" ] || git cat-file -e "$mark"; }; then return 0; fi
    done
    unreachable
}
unreachable() {
    cat "$work/fetch.log" >&2
    refuse "the branch $branch of $remote cannot be read; nothing was sent" "run the workflow again; if that does not help, check the rights of its token"
}

# The state as one encrypted file. What cannot be read again is not stored.
pack() {
    local file have=()
    for file in "${files[@]}"; do [ ! -e "$file" ] || have+=("$file"); done
    rm -f "$work/state.gpg" "$work/again.tar"
    tar --create --file "$work/state.tar" "${have[@]}" && seal "$work/state.tar" "$work/state.gpg" &&
        unseal "$work/state.gpg" "$work/again.tar" && cmp "$work/state.tar" "$work/again.tar"
}

# number NAME: the number of that name in a fence from standard input; 0 if there is none.
number() {
    local found
    found=$(sed -n "s/^$1 = 0*\([0-9][0-9]*\)\$/\1/p")
    printf '%s\n' "${found:-0}"
}

# unpack COMMIT: the state into this folder.
unpack() {
    git cat-file blob "$1:state.gpg" >"$work/state.gpg"
    unseal "$work/state.gpg" "$work/state.tar" 2>"$work/gpg.log" || {
        cat "$work/gpg.log" >&2
        refuse "the state in the branch $branch cannot be decrypted; nothing was sent" \
            "LETTERPRESS_STATE_PASSPHRASE must be the passphrase with which it was stored; if it is, the state is damaged"
    }
    mkdir "$work/state"
    tar --extract --file "$work/state.tar" --directory "$work/state"
    # The fence that is committed with the posts counts if it is the newer one: then this is an older state, and the program refuses it.
    if [ -f letterpress.fence ]; then
        local fence=$work/state/letterpress.fence
        if [ ! -f "$fence" ] || [ "$(number epoch <letterpress.fence)" -gt "$(number epoch <"$fence")" ]; then cp letterpress.fence "$fence"; fi
    fi
    cp -R "$work/state/." .
}

begin() {
    local how=${1:-} old mark new new_mark whose="" file why=""
    [ ! -e "$receipt" ] || refuse "this clone has taken the state already" "\`state.sh end\` gives it back"
    for file in "${private[@]}"; do
        [ ! -e "$file" ] || refuse "there is a $file in this folder before the state was taken" \
            "a copy from actions/cache, from an artefact or from git can be an old one, and would send again: remove that step or file. \`state.sh put\` moves a ledger here, once"
    done
    fetch
    unfinished=yes
    if [ -z "$old" ]; then
        first "$how"
    else
        whose=$(git cat-file blob "$old:taken" 2>/dev/null || true)
        if [ "$how" = start ]; then
            [ -z "$whose" ] || refuse "there is a branch $branch already; it was taken by $whose, which has not given it back" \
                "wait for that run. If it was killed, run the workflow by hand with recover, and do not delete the branch"
            refuse "there is a branch $branch already" "run the workflow without start"
        fi
        unpack "$old"
        if ! is_newest; then
            why="it is not what the last run gave back"
            [ "$how" = recover ] || refuse "the state in the branch $branch is an older one, or a copy: $why$(last_taken)" \
                "push the newest one again from where it still exists. If it is lost, run the workflow by hand with recover: what may have been sent since is not sent again"
        elif [ -n "$whose" ]; then
            why="taken by $whose, which did not give it back"
            taken_by "$whose" "$how"
        fi
        accept "$how" "$why"
    fi
    # The number makes it differ from all others.
    printf '%s, %s' "${LETTERPRESS_RUN:-$(hostname)}" "$(date --utc +%FT%TZ)" >"$work/taken"
    { cat "$work/taken" && printf '\n' && od -An -N16 -tx1 /dev/urandom; } >"$work/mark"
    new=$(commit "The state is taken" "state.gpg=$work/state.gpg" "taken=$work/taken" "mark=$work/mark")
    new_mark=$(commit "The state was taken" "mark=$work/mark")
    replace "$old" "$new" "$mark" "$new_mark" || refuse "another run has taken the state in the meantime; nothing was sent" \
        "let the workflow run one at a time: concurrency with one group and without cancel-in-progress"
    printf '%s\n' "$new" "$(kind)" "$(armed)" >"$receipt"
    unfinished=
}

# Whether the state was taken, or given back, under the mark that is the last. `put` and earlier versions made states without one.
is_newest() {
    local own last
    own=$(git rev-parse --quiet --verify "$old:mark" || true)
    last=${mark:+$(git rev-parse --quiet --verify "$mark:mark" || true)}
    [ "$own" = "$last" ]
}
last_taken() { [ -z "$mark" ] || printf ' (taken last by %s)' "$(git cat-file blob "$mark:mark" | head -n 1)"; }

# No run has stored a state. Only a person knows whether there should be one.
first() {
    local also=${mark:+ and: git push $remote --delete $mark_ref}
    [ "$1" = start ] || refuse "there is no branch $branch: no run has stored a ledger" \
        "if this site never sent from here, run the workflow by hand with start; otherwise the branch was deleted: push it again from where it still exists"
    [ ! -e letterpress.fence ] || refuse "letterpress.fence says that this site has sent before, but there is no branch $branch" \
        "the branch was deleted: push it again from where it still exists. Only to begin anew without what was sent, set newsletter.first_run = \"nothing\" first, or everybody may get the newest post again; then delete letterpress.fence$also"
    [ -z "$mark" ] || refuse "a run has taken the ledger of this site before$(last_taken) and may have sent emails, but there is no branch $branch" \
        "the branch was deleted: push it again from where it still exists. Only to begin anew without what was sent, set newsletter.first_run = \"nothing\" first, or everybody may get the newest post again; then: git push $remote --delete $mark_ref"
    # A first run that is lost leaves a ledger behind, which `recover` can take.
    "$program" subscribers list >/dev/null
    pack
}

# taken_by WHOSE HOW: a run has taken the state and has not given it back.
taken_by() {
    if [ "$(kind)" = postgres ]; then
        printf 'note: the state was taken by %s, which has not given it back; the database knows what was sent\n' "$1"
    elif [ "$2" != recover ]; then
        refuse "the state was taken by $1, which has not given it back" \
            "if that run is in progress, wait. If it was killed, it may have sent emails that the state does not know: run the workflow by hand with recover. First make sure that it cannot go on: cancel it, and if a person took the state by hand, delete letterpress.db there; otherwise both send"
    fi
}

# accept HOW REASON: a runner is a new machine each time. The program decides: from what it does not accept here, `publish` does not
# send.
accept() {
    [ "$(kind)" = sqlite ] || return 0
    if [ -z "$2" ] && "$program" ledger adopt-restored --moved --dry-run --reason "a new runner" >/dev/null 2>&1; then
        [ "$1" != recover ] || echo "note: there is nothing to recover"
        "$program" --quiet ledger adopt-restored --moved --reason "a new runner: ${LETTERPRESS_RUN:-$(hostname)}"
    elif [ "$1" = recover ]; then
        "$program" ledger adopt-restored --reason "${2:-a person asked to recover}"
    fi
}

# Removes what must not stay on this machine.
forget() { rm -rf -- "${private[@]}" letterpress.db-shm letterpress.db.lock; }

# Waits for nobody: a run that goes on while its state is packed would be lost.
lock() {
    exec 8>>letterpress.db.lock
    flock --nonblock 8 || refuse "a run of letterpress is in progress in this folder" "wait for it, or stop it"
}

# Somebody may have taken the state since, with recover: then this run must not send.
check() {
    local taken now
    [ -e "$receipt" ] || refuse "the state was not taken; nothing was sent" "\`state.sh begin\` takes it"
    read -r taken <"$receipt"
    now=$(git ls-remote "$remote" "$ref" 2>"$work/fetch.log") || unreachable
    [ "${now%%[[:space:]]*}" = "$taken" ] || refuse "somebody else has taken the state since this run took it; nothing was sent" \
        "the one who took it goes on. On a machine of your own, delete letterpress.db and $receipt"
}

# The passphrase is the one of `begin`, or the state would be lost to whoever has only that. It is changed only on purpose.
same_passphrase() {
    git cat-file -e "$1" 2>/dev/null || git fetch --quiet --no-tags --depth=1 "$remote" "$ref" 2>"$work/fetch.log" || unreachable
    git cat-file blob "$1:state.gpg" >"$work/before.gpg"
    unseal "$work/before.gpg" "$work/before.tar" 2>/dev/null || refuse "this is not the passphrase with which the state was taken; it is not given back" \
        "correct LETTERPRESS_STATE_PASSPHRASE, and run end again. To change it, put the new one into LETTERPRESS_STATE_NEW_PASSPHRASE"
    [ -z "${LETTERPRESS_STATE_NEW_PASSPHRASE:-}" ] || passphrase=$LETTERPRESS_STATE_NEW_PASSPHRASE
    long_enough LETTERPRESS_STATE_NEW_PASSPHRASE
}

end() {
    local taken="" was="" before="" new
    [ -e "$receipt" ] || { echo "the state was not taken; there is nothing to give back"; return 0; }
    { read -r taken && read -r was && read -r before; } <"$receipt"
    lock
    same_passphrase "$taken"
    [ "$was" = "$(kind)" ] || refuse "letterpress.db is gone, so the state is not given back" "the next run asks what to do"
    pack || refuse "the state cannot be packed, so it is not given back" "the next run asks what to do"
    git cat-file blob "$taken:mark" >"$work/mark"
    new=$(commit "The state" "state.gpg=$work/state.gpg" "mark=$work/mark")
    replace "$taken" "$new" || refuse "the state cannot be given back: the branch $branch was written by somebody else, or cannot be reached" \
        "the next run asks what to do. What this run has sent is known only here: do not mail it again by hand"
    forget
    rm -f "$receipt"
    [ -e letterpress.fence ] || return 0
    # Whether more emails were counted than the fence in git knows of.
    new=$({ git show HEAD:./letterpress.fence 2>/dev/null || true; } | number armed)
    if [ -z "${GITHUB_OUTPUT:-}" ]; then
        [ "$new" = "$(armed)" ] || echo "next: commit and push letterpress.fence"
        return 0
    fi
    [ "$before" = "$(armed)" ] || echo "sent=true" >>"$GITHUB_OUTPUT"
    [ "$new" = "$(armed)" ] || echo "fence=true" >>"$GITHUB_OUTPUT"
}

put() {
    local old mark new file aside
    [ -e letterpress.db ] || refuse "there is no letterpress.db in this folder" "run this in the folder of config.toml, on the machine that has sent until now"
    fetch
    [ -z "$old" ] || refuse "there is a branch $branch already" "the ledger of a site can be in one place only"
    [ -z "$mark" ] || refuse "a run has taken the ledger of this site before$(last_taken), but there is no branch $branch" \
        "the branch was deleted: push it again from where it still exists. Only if the ledger here is the newer one: git push $remote --delete $mark_ref"
    lock
    pack
    new=$(commit "The state" "state.gpg=$work/state.gpg")
    replace "" "$new" || refuse "the branch $branch was not written" "see above; the ledger is still here, and nothing has changed"
    # Where git never commits anything.
    aside=$(realpath -m "$(git rev-parse --git-path "letterpress-moved-$(date --utc +%Y%m%dT%H%M%SZ)")")
    mkdir -p "$aside"
    for file in "${private[@]}" letterpress.db-shm; do [ ! -e "$file" ] || mv -- "$file" "$aside/"; done
    rm -f letterpress.db.lock
    printf 'moved to the branch %s. Nothing is sent from here any more; when the first run there has succeeded, delete %s\n' "$branch" "$aside"
    if grep -qE '^ *(newsletter\.)?list *=' config.toml; then
        echo "next: remove list from [newsletter] of config.toml; its subscribers are in the ledger, and a run has no such file"
    fi
}

passphrase=${LETTERPRESS_STATE_PASSPHRASE:-}
# long_enough NAME
long_enough() {
    [ "${#passphrase}" -lt 20 ] || return 0
    local is="has fewer than 20 characters"
    [ -n "$passphrase" ] || is="is empty"
    refuse "the passphrase in $1 $is" \
        "make one with \`openssl rand -base64 32\`, and keep it in a password manager. The workflow passes on the secret LETTERPRESS_PASSPHRASE of the repository, which is empty if there is none of that name"
}
for tool in git gpg tar cmp flock; do command -v "$tool" >/dev/null || refuse "there is no $tool" "install it"; done
case ${1:-} in
    begin | end | put)
        long_enough LETTERPRESS_STATE_PASSPHRASE
        "$@"
        ;;
    check) check ;;
    *) refuse "unknown command: ${1:-}" "begin, check, end or put" ;;
esac
