#!/usr/bin/env bash
# Keeps the ledger of a site in an encrypted branch, for machines that exist for one run. docs/github-actions.md explains it.
#
#   state.sh begin [start|recover]   takes the state, and marks it as taken, before anything is sent
#   state.sh end                     gives it back, with what the run did
#   state.sh put                     moves the ledger of this machine into the branch, for good
#
# Runs in the folder of config.toml, inside a clone. The branch has one commit, which is replaced and never added to. Every write names
# the commit that it replaces (--force-with-lease), so of two writers one is refused. A commit with the file `taken` belongs to a
# run that has begun to send: if it ends without giving the state back, nobody takes it again without `recover`.
set -euo pipefail
umask 077

remote=${LETTERPRESS_STATE_REMOTE:-origin}
branch=${LETTERPRESS_STATE_BRANCH:-letterpress-state}
program=${LETTERPRESS_PROGRAM:-letterpress}
ref=refs/heads/$branch
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

# replace OLD NEW: NEW stands where OLD stood; an empty OLD is a branch that does not exist. Fails if something else stands there.
replace() {
    local old=$1 new=$2 attempt now
    for attempt in 1 2 3 4 5; do
        if git push --quiet --force-with-lease="$ref:$old" "$remote" "$new:$ref" 2>"$work/push.log"; then return 0; fi
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

# What stands in the branch now; empty if there is no branch. A remote that does not answer is no answer.
fetch() {
    local code=0
    git ls-remote --exit-code "$remote" "$ref" >"$work/there" 2>"$work/fetch.log" || code=$?
    case $code in
        0)
            git fetch --quiet --no-tags --depth=1 "$remote" "$ref" 2>"$work/fetch.log" || unreachable
            git rev-parse FETCH_HEAD
            ;;
        2) ;;
        *) unreachable ;;
    esac
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
    local how=${1:-} old new whose="" file
    [ ! -e "$receipt" ] || refuse "this clone has taken the state already" "\`state.sh end\` gives it back"
    for file in "${private[@]}"; do
        [ ! -e "$file" ] || refuse "there is a $file in this folder before the state was taken" \
            "a copy from actions/cache, from an artefact or from git can be an old one, and would send again: remove that step or file. \`state.sh put\` moves a ledger here, once"
    done
    old=$(fetch)
    unfinished=yes
    if [ -z "$old" ]; then
        first "$how"
    else
        [ "$how" != start ] || refuse "there is a branch $branch already" "run the workflow without start"
        whose=$(git cat-file blob "$old:taken" 2>/dev/null || true)
        unpack "$old"
        [ -z "$whose" ] || taken_by "$whose" "$how"
        accept "$how" "${whose:+taken by $whose, which did not give it back}"
    fi
    printf '%s, %s' "${LETTERPRESS_RUN:-$(hostname)}" "$(date --utc +%FT%TZ)" >"$work/taken"
    new=$(commit "The state is taken" "state.gpg=$work/state.gpg" "taken=$work/taken")
    replace "$old" "$new" || refuse "another run has taken the state in the meantime; nothing was sent" \
        "let the workflow run one at a time: concurrency with one group and without cancel-in-progress"
    printf '%s\n' "$new" "$(kind)" >"$receipt"
    unfinished=
}

# No run has stored a state. Only a person knows whether there should be one.
first() {
    [ "$1" = start ] || refuse "there is no branch $branch: no run has stored a ledger" \
        "if this site never sent from here, run the workflow by hand with start; otherwise the branch was deleted: push it again from where it still exists"
    [ ! -e letterpress.fence ] || refuse "letterpress.fence says that this site has sent before, but there is no branch $branch" \
        "the branch was deleted: push it again from where it still exists. Only to begin anew without what was sent, delete letterpress.fence and set newsletter.first_run = \"nothing\""
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
            "if that run is in progress, wait. If it was killed, it may have sent emails that the state does not know: run the workflow by hand with recover; nobody gets an email twice"
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

end() {
    local taken="" was="" new
    [ -e "$receipt" ] || { echo "the state was not taken; there is nothing to give back"; return 0; }
    { read -r taken && read -r was; } <"$receipt"
    lock
    [ "$was" = "$(kind)" ] || refuse "letterpress.db is gone, so the state is not given back" "the next run asks what to do"
    pack || refuse "the state cannot be packed, so it is not given back" "the next run asks what to do"
    new=$(commit "The state" "state.gpg=$work/state.gpg")
    replace "$taken" "$new" || refuse "the state cannot be given back: the branch $branch was written by somebody else, or cannot be reached" \
        "the next run asks what to do; what this run has sent, nobody gets again"
    forget
    rm -f "$receipt"
    [ -n "${GITHUB_OUTPUT:-}" ] && [ -e letterpress.fence ] || return 0
    # Whether more emails were counted than the fence in git knows of.
    new=$({ git show HEAD:./letterpress.fence 2>/dev/null || true; } | number armed)
    [ "$new" = "$(number armed <letterpress.fence)" ] || echo "sent=true" >>"$GITHUB_OUTPUT"
}

put() {
    local there new file
    [ -e letterpress.db ] || refuse "there is no letterpress.db in this folder" "run this in the folder of config.toml, on the machine that has sent until now"
    there=$(fetch)
    [ -z "$there" ] || refuse "there is a branch $branch already" "the ledger of a site can be in one place only"
    lock
    pack
    new=$(commit "The state" "state.gpg=$work/state.gpg")
    replace "" "$new" || refuse "the branch $branch was not written" "see above; the ledger is still here, and nothing has changed"
    for file in "${private[@]}"; do [ ! -e "$file" ] || mv -- "$file" "$file.moved"; done
    printf 'moved to the branch %s. Nothing is sent from here any more; delete *.moved when the first run there has succeeded\n' "$branch"
}

passphrase=${LETTERPRESS_STATE_PASSPHRASE:-}
[ "${#passphrase}" -ge 20 ] || refuse "LETTERPRESS_STATE_PASSPHRASE has fewer than 20 characters" \
    "make one with \`openssl rand -base64 32\`, keep it in a password manager, and store it as a secret of the repository"
for tool in git gpg tar cmp flock; do command -v "$tool" >/dev/null || refuse "there is no $tool" "install it"; done
case ${1:-} in
    begin | end | put) "$@" ;;
    *) refuse "unknown command: ${1:-}" "begin, end or put" ;;
esac
