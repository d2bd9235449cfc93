#!/usr/bin/env python3
"""The GitHub Action with the real program, a local repository instead of GitHub, and a mail server that counts. Each run is a
machine of its own. Nobody may get a post twice, whatever happens between the runs.

    tests/action/run.py BINARY

Needs git, GnuPG and PyYAML.
"""

import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from relay import Relay
from runner import WORKFLOW, Runner

READERS = [f"reader{number}@example.net" for number in range(30)]
STATE = "refs/heads/letterpress-state"
STATE_SH = pathlib.Path(__file__).resolve().parents[2] / "packaging/action/state.sh"
PUBLISH = """\
on:
  schedule: [{cron: "0 7 * * *"}]
concurrency:
  group: letterpress
  cancel-in-progress: false
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: o/letterpress@v0.2
"""
CONFIG = """\
[site]
title = "Notes"
url = "https://notes.test/"
author = { name = "Kim" }

[newsletter]
from = "Kim <kim@notes.test>"
list = "readers.csv"
list_confirmed = true
delay = "0s"
first_run = "newest"
unsubscribe_by_hand = true

[smtp]
host = "127.0.0.1"
port = %d
tls = "none"
connections = 3
"""


def git(folder, *arguments, check=True):
    name = ["-c", "user.name=kim", "-c", "user.email=kim@notes.test"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    # CalledProcessError does not show what git says.
    assert done.returncode == 0 or not check, done
    return done.stdout.strip()


class World:
    """A writer with a repository, its remote, and a mail server."""

    def __init__(self, work, program):
        self.work, self.program, self.relay = work, program, Relay()
        self.remote, self.desk = work / "remote.git", work / "desk"
        git(work, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        git(self.remote, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(work, "init", "--quiet", "--initial-branch=main", str(self.desk))
        git(self.desk, "remote", "add", "origin", f"file://{self.remote}")
        self.write("config.toml", CONFIG % self.relay.port)
        self.write(WORKFLOW, PUBLISH)
        self.write("readers.csv", "email\n" + "".join(f"{reader}\n" for reader in READERS))
        self.write(".gitignore", "*.db\n*.db-*\n*.keys\n*.fence\n/public/\n/.letterpress/\n")
        self.post("first")
        self.push()

    def write(self, name, text):
        (self.desk / name).parent.mkdir(parents=True, exist_ok=True)
        (self.desk / name).write_text(text)

    def post(self, name):
        day = datetime.date.today() - datetime.timedelta(days=1)
        self.write(f"posts/{name}.md", f"+++\ntitle = \"{name}\"\ndate = {day}\n+++\n\nThe words of {name}.\n")

    def push(self):
        git(self.desk, "add", "--all")
        git(self.desk, "commit", "--quiet", "--message", "Write")
        git(self.desk, "push", "--quiet", "origin", "HEAD:main")

    def new_post(self, name):
        git(self.desk, "pull", "--quiet", "--rebase", "origin", "main")
        self.post(name)
        self.push()

    def runner(self, **changed):
        return Runner(self.work, self.remote, self.program, **changed)

    def by_hand(self, folder, *command, passphrase="correct horse battery staple", **environment):
        """A command of a person in a clone, with the script that the pages name `state.sh`."""
        command = [STATE_SH, *command[1:]] if command[0] == "state.sh" else [self.program, *command]
        environment = {"LETTERPRESS_STATE_PASSPHRASE": passphrase, "LETTERPRESS_STATE_RETRY": "0", "LETTERPRESS_PROGRAM": self.program, **environment}
        return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300)

    def killed(self, **changed):
        """A run that is killed when a third of its emails have been accepted."""
        self.relay.silent_after = 10
        run = self.runner(**changed).killed_in("Publish", lambda: self.relay.silent.wait(120) or sys.exit("nothing was sent"))
        # What was on its way arrives.
        wait_for(lambda: self.relay.talking == 0)
        self.relay.silent_after = None
        self.relay.silent.clear()
        return run

    def state(self):
        return git(self.remote, "rev-parse", "--verify", "--quiet", STATE, check=False)

    def got(self, post):
        """How many subscribers have this post; none may have it twice."""
        counts = [count for (subject, _), count in self.relay.accepted.items() if subject == post]
        assert all(count == 1 for count in counts), f"{post} twice: {self.relay.accepted}"
        return len(counts)

    def nobody_got_anything_by(self, run):
        before = self.relay.accepted.copy()
        run()
        assert self.relay.accepted == before, self.relay.accepted - before


def unsafe_workflows_are_refused(world):
    def refuses(words, **changed):
        world.nobody_got_anything_by(lambda: world.runner(state="start", **changed).steps().refused(words))
        assert not world.state()

    refuses("must not send email", event="pull_request")
    refuses("posts are published from main", event="push", ref="refs/heads/draft")
    refuses("is in git", list_in_git="false")
    refuses("fewer than 20 characters", passphrase="short")

    def with_file(name, text, words, **changed):
        run = world.runner(state="start", **changed)
        (run.clone / name).parent.mkdir(parents=True, exist_ok=True)
        (run.clone / name).write_text(text)
        git(run.clone, "add", "--all")
        world.nobody_got_anything_by(lambda: run.steps().refused(words))
        assert not world.state()

    with_file(WORKFLOW, PUBLISH.replace("cancel-in-progress: false", "cancel-in-progress: true"), "may cancel a run")
    with_file(WORKFLOW, PUBLISH.replace("cancel-in-progress: false", "cancel-in-progress: ${{ x }}"), "may cancel a run")
    with_file(WORKFLOW, PUBLISH.replace("group: letterpress", "group: ${{ github.run_id }}"), "another name in each run")
    with_file(WORKFLOW, PUBLISH.replace("concurrency:", "# concurrency:"), "two runs send at the same time")
    with_file(WORKFLOW, PUBLISH + "      - {uses: actions/cache@v4, with: {path: letterpress.db}}\n", "names the ledger")
    with_file("config.toml", CONFIG % 1 + '\n[store]\nfence = "elsewhere"\n', "in another place")
    # From a cache: ignored by git, so only the folder shows it.
    with_file("letterpress.db", "an old copy", "before the state was taken")
    for private in ("dkim-2026.pem", "old/letterpress.keys.moved", "letterpress.db.before-restore-1", "monday.backup", "site/letterpress.tokens"):
        with_file(private, "a secret", "git contains what is private")
    with_file("config.toml", (CONFIG % 1).replace('"readers.csv"', "'readers.csv'"), "readers.csv has the addresses", list_in_git="false")
    with_file("config.toml", (CONFIG % 1).replace("list", "# list"), "a table with addresses: readers.csv", list_in_git="false")
    # Written in another way, and as safe.
    quoted = world.runner(state="start")
    (quoted.clone / WORKFLOW).write_text(PUBLISH.replace("cancel-in-progress: false", "cancel-in-progress: 'false'"))
    quoted.steps(last="Check that this workflow is safe").succeeded()
    world.runner().steps().refused("no run has stored a ledger")


def each_run_is_a_new_machine_and_everybody_gets_each_post_once(world):
    world.runner(state="start").steps().succeeded()
    assert world.got("first") == len(READERS)
    world.nobody_got_anything_by(lambda: world.runner().steps().succeeded())
    world.new_post("second")
    run = world.runner().steps().succeeded()
    assert world.got("second") == len(READERS)
    left = {path.name for path in run.clone.iterdir()} & {"letterpress.db", "letterpress.db-wal", "letterpress.keys"}
    assert not left, left
    git(world.desk, "pull", "--quiet", "--rebase", "origin", "main")
    assert len((world.desk / "posts/ids.txt").read_text().strip().splitlines()) > 2
    assert (world.desk / "letterpress.fence").is_file()
    world.runner(state="start").steps().refused("there is a branch letterpress-state already")


def no_address_is_in_the_clear(world):
    git(world.remote, "reflog", "expire", "--expire=now", "--all")
    listed = git(world.remote, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    blobs = [line.split()[0] for line in listed if " blob " in line]
    raw = [subprocess.run(["git", "cat-file", "blob", blob], cwd=world.remote, capture_output=True, check=True).stdout for blob in blobs]
    found = [text for text in raw if READERS[0].encode() in text]
    # The list that the writer has committed, in a private repository.
    assert len(found) == 1 and found[0].startswith(b"email\n"), found
    assert git(world.remote, "rev-list", "--count", STATE) == "1"


def of_two_runs_at_once_one_sends(world):
    world.new_post("third")
    one = world.runner().steps(last="Take the ledger").succeeded()
    # Another workflow, which GitHub does not hold back.
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("has not given it back"))
    # And one that has looked before the first has taken it.
    one.steps(first="Build, and commit the ids").succeeded()
    assert world.got("third") == len(READERS)


def a_run_that_lost_the_race_sends_nothing(world):
    world.new_post("race")
    run = world.runner()
    late = run.clone / "late"
    # A program that lets the other run overtake it at the last moment.
    late.write_text(f"#!/bin/sh\nif [ \"$1$2\" = ledgeradopt-restored ] && [ ! -e {late}.done ]; then touch {late}.done; touch {late}.now; "
                    f"while [ ! -e {late}.go ]; do sleep 0.05; done; fi\nexec {world.program} \"$@\"\n")
    late.chmod(0o755)
    run.inputs["program"] = str(late)
    run.steps(last="Install Letterpress")
    names = [step["name"] for step in run.action["runs"]["steps"]]
    step = run.action["runs"]["steps"][names.index("Take the ledger")]
    process = run.start(step)
    wait_for(lambda: pathlib.Path(f"{late}.now").exists())
    world.runner().steps().succeeded()
    pathlib.Path(f"{late}.go").touch()
    run.finish(step, process)
    world.nobody_got_anything_by(lambda: run.steps(first="Build, and commit the ids").refused("another run has taken the state"))
    assert world.got("race") == len(READERS)
    assert not (run.clone / "letterpress.db").exists()


def a_run_that_was_killed_while_it_sent_is_noticed_and_nobody_gets_it_twice(world):
    world.new_post("killed")
    given_back = world.state()
    world.killed()
    before = world.got("killed")
    assert 10 < before < len(READERS), before
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("run the workflow by hand with recover"))
    world.runner(state="start").steps().refused("with recover, and do not delete the branch")
    # The fence of that run is in no commit.
    taken = world.state()
    git(world.remote, "update-ref", "refs/keep", taken)
    git(world.remote, "update-ref", STATE, given_back)
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("is an older one"))
    git(world.remote, "update-ref", STATE, taken)
    recovered = world.runner(state="recover")
    world.nobody_got_anything_by(lambda: recovered.steps().succeeded())
    assert '  "killed"' in recovered.output, recovered.output
    world.nobody_got_anything_by(lambda: world.runner().steps().succeeded())
    world.nobody_got_anything_by(lambda: a_person_tries_to_send(world, "killed"))
    world.new_post("after")
    world.runner().steps().succeeded()
    assert (world.got("killed"), world.got("after")) == (before, len(READERS))


def a_person_tries_to_send(world, post):
    clone = world.runner().clone
    assert world.by_hand(clone, "state.sh", "begin").returncode == 0
    for more in ([], ["--missing"], ["--dry-run"]):
        said = world.by_hand(clone, "send", "--post", post, *more)
        assert said.returncode == 1 and "may have been mailed" in said.stderr and "omit" not in said.stderr, said
    wrong = world.by_hand(clone, "state.sh", "end", passphrase="correct horse battery stable")
    assert wrong.returncode == 1 and "not the passphrase" in wrong.stderr, wrong
    assert (clone / "letterpress.db").exists()
    assert world.by_hand(clone, "state.sh", "end").returncode == 0


def a_passphrase_is_changed_on_purpose_only(world):
    clone = world.runner().clone
    new = "another horse battery staple"
    assert world.by_hand(clone, "state.sh", "begin").returncode == 0
    short = world.by_hand(clone, "state.sh", "end", LETTERPRESS_STATE_NEW_PASSPHRASE="short")
    assert "LETTERPRESS_STATE_NEW_PASSPHRASE has fewer" in short.stderr, short
    assert world.by_hand(clone, "state.sh", "end", LETTERPRESS_STATE_NEW_PASSPHRASE=new).returncode == 0
    world.runner().steps().refused("cannot be decrypted")
    world.nobody_got_anything_by(lambda: world.runner(passphrase=new).steps().succeeded())
    assert world.by_hand(clone, "state.sh", "begin", passphrase=new).returncode == 0
    assert world.by_hand(clone, "state.sh", "end", passphrase=new, LETTERPRESS_STATE_NEW_PASSPHRASE="correct horse battery staple").returncode == 0
    empty = world.by_hand(clone, "state.sh", "begin", passphrase="")
    assert "is empty" in empty.stderr and "LETTERPRESS_PASSPHRASE" in empty.stderr, empty


def a_run_whose_state_was_recovered_does_not_send(world):
    world.new_post("overtaken")
    slow = world.runner().steps(last="Build, and commit the ids").succeeded()
    world.nobody_got_anything_by(lambda: world.runner(state="recover").steps().succeeded())
    world.nobody_got_anything_by(lambda: slow.steps(first="Publish").refused("somebody else has taken the state"))


def what_a_person_sent_by_hand_is_noticed_without_a_commit(world):
    old = world.state()
    git(world.remote, "update-ref", "refs/keep", old)
    world.new_post("by hand")
    clone = world.runner().clone
    assert world.by_hand(clone, "state.sh", "begin").returncode == 0
    assert world.by_hand(clone, "publish").returncode == 0
    ended = world.by_hand(clone, "state.sh", "end")
    assert ended.returncode == 0 and "commit and push letterpress.fence" in ended.stdout, ended
    assert world.got("by hand") == len(READERS)
    newest = world.state()
    git(world.remote, "update-ref", STATE, old)
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("is an older one"))
    git(world.remote, "update-ref", STATE, newest)
    # Its fence is committed by the next run, which sends nothing itself.
    run = world.runner()
    world.nobody_got_anything_by(lambda: run.steps().succeeded())
    assert run.outputs.get("steps.end.outputs.sent", "") == "" and run.outputs["steps.end.outputs.fence"] == "true", run.outputs
    world.nobody_got_anything_by(lambda: refuses_without_a_ledger(world))


def refuses_without_a_ledger(world):
    said = world.by_hand(world.runner().clone, "publish")
    assert said.returncode == 2 and "everybody may get the newest post again" in said.stderr, said


def of_two_quick_pushes_the_second_run_builds_what_the_first_has_pushed(world):
    world.new_post("quick")
    first = world.runner()
    world.post("quicker")
    world.push()
    second = world.runner()
    first.steps().succeeded()
    second.steps().succeeded()
    world.runner().steps().succeeded()
    assert (world.got("quick"), world.got("quicker")) == (len(READERS), len(READERS))


def only_the_ids_of_the_posts_are_committed(world):
    world.new_post("ids")
    run = world.runner()
    (run.clone / "private").mkdir()
    (run.clone / "private/ids.txt").write_text("reader0@example.net\n")
    run.steps().succeeded()
    files = git(world.remote, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert "posts/ids.txt" in files and "private/ids.txt" not in files, files


def a_run_that_was_killed_before_it_sent_is_noticed_too(world):
    world.runner().steps(last="Take the ledger").succeeded()
    world.runner().steps().refused("has not given it back")
    world.runner(state="recover").steps().succeeded()


def an_older_state_is_refused(world):
    old = world.state()
    git(world.remote, "update-ref", "refs/keep", old)
    world.new_post("fourth")
    world.runner().steps().succeeded()
    git(world.remote, "update-ref", STATE, old)
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("older"))
    world.nobody_got_anything_by(lambda: world.runner(state="recover").steps().succeeded())
    assert world.got("fourth") == len(READERS)


def a_lost_branch_is_no_first_run(world):
    kept = world.state()
    git(world.remote, "update-ref", "-d", STATE)
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("the branch was deleted"))
    world.nobody_got_anything_by(lambda: world.runner(state="start").steps().refused("has sent before"))
    git(world.remote, "update-ref", STATE, kept)


def a_wrong_passphrase_and_a_damaged_state_change_nothing(world):
    kept = world.state()
    world.nobody_got_anything_by(lambda: world.runner(passphrase="another horse battery staple").steps().refused("cannot be decrypted"))
    assert world.state() == kept
    blob = subprocess.run(["git", "cat-file", "blob", f"{kept}:state.gpg"], cwd=world.remote, capture_output=True, check=True).stdout
    for damage in (blob[: len(blob) // 2], blob[:-500] + bytes([blob[-500] ^ 1]) + blob[-499:], b""):
        file = world.work / "damaged"
        file.write_bytes(damage)
        blob_id = git(world.remote, "hash-object", "-w", str(file))
        tree = subprocess.run(["git", "mktree"], cwd=world.remote, input=f"100644 blob {blob_id}\tstate.gpg\n", capture_output=True, text=True, check=True)
        damaged = git(world.remote, "commit-tree", tree.stdout.strip(), "-m", "damaged")
        git(world.remote, "update-ref", STATE, damaged)
        world.nobody_got_anything_by(lambda: world.runner().steps().refused("cannot be decrypted"))
        assert world.state() == damaged
    git(world.remote, "update-ref", STATE, kept)
    world.runner().steps().succeeded()


def a_remote_that_refuses_the_ids_or_the_state_stops_the_run_before_or_after_it_sends(world):
    hook = world.remote / "hooks/update"
    world.new_post("fifth")
    # A protected branch: no ids, no email.
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("cannot be pushed to main"))
    hook.unlink()
    # The state cannot be given back: the next run asks.
    run = world.runner().steps(last="Publish").succeeded()
    hook.write_text(f'#!/bin/sh\n[ "$1" != {STATE} ]\n')
    hook.chmod(0o755)
    run.steps(first="Give the ledger back").refused("cannot be given back")
    hook.unlink()
    world.nobody_got_anything_by(lambda: world.runner().steps().refused("has not given it back"))
    # On a machine that is still there, it can be tried again.
    run.failed = False
    run.steps(first="Give the ledger back").succeeded()
    world.runner().steps().succeeded()
    assert world.got("fifth") == len(READERS)


def a_post_that_is_pushed_while_a_run_sends_stays(world):
    world.new_post("sixth")
    run = world.runner().steps(last="Take the ledger").succeeded()
    world.new_post("seventh")
    run.steps(first="Build, and commit the ids").succeeded()
    git(world.desk, "pull", "--quiet", "--rebase", "origin", "main")
    assert "seventh" not in (world.desk / "posts/ids.txt").read_text()
    world.runner().steps().succeeded()
    assert (world.got("sixth"), world.got("seventh")) == (len(READERS), len(READERS))


def a_ledger_of_another_machine_moves_into_the_branch(program, work):
    """From a site that sent from a machine of its own."""
    work.mkdir()
    world = World(work, program)
    subprocess.run([program, "publish"], cwd=world.desk, check=True, timeout=300)
    assert world.got("first") == len(READERS)
    put = world.by_hand(world.desk, "state.sh", "put")
    assert put.returncode == 0 and "remove list from [newsletter]" in put.stdout, put
    # Not even `git add --all` takes what is left.
    left = git(world.desk, "ls-files", "--others", "--exclude-standard").splitlines()
    assert left == ["posts/ids.txt"], left
    again = subprocess.run([program, "publish"], cwd=world.desk, capture_output=True, text=True, timeout=300)
    assert again.returncode == 2 and "fence" in again.stderr, again
    world.new_post("moved")
    world.runner().steps().succeeded()
    assert (world.got("first"), world.got("moved")) == (len(READERS), len(READERS))


def a_first_run_that_was_killed_is_not_begun_again(program, work):
    """Not even after its branch was deleted."""
    work.mkdir()
    world = World(work, program)
    world.killed(state="start")
    before = world.got("first")
    assert 10 < before < len(READERS), before
    kept = world.state()
    git(world.remote, "update-ref", "refs/keep", kept)
    git(world.remote, "update-ref", "-d", STATE)
    world.nobody_got_anything_by(lambda: world.runner(state="start").steps().refused("has taken the ledger of this site before"))
    git(world.remote, "update-ref", STATE, kept)
    world.nobody_got_anything_by(lambda: world.runner(state="recover").steps().succeeded())
    world.nobody_got_anything_by(lambda: world.runner().steps().succeeded())


def wait_for(condition):
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.05)
    sys.exit("waited for nothing")


CASES = [
    unsafe_workflows_are_refused,
    each_run_is_a_new_machine_and_everybody_gets_each_post_once,
    no_address_is_in_the_clear,
    of_two_runs_at_once_one_sends,
    a_run_that_lost_the_race_sends_nothing,
    a_run_that_was_killed_while_it_sent_is_noticed_and_nobody_gets_it_twice,
    a_run_that_was_killed_before_it_sent_is_noticed_too,
    a_run_whose_state_was_recovered_does_not_send,
    what_a_person_sent_by_hand_is_noticed_without_a_commit,
    a_passphrase_is_changed_on_purpose_only,
    of_two_quick_pushes_the_second_run_builds_what_the_first_has_pushed,
    only_the_ids_of_the_posts_are_committed,
    an_older_state_is_refused,
    a_lost_branch_is_no_first_run,
    a_wrong_passphrase_and_a_damaged_state_change_nothing,
    a_remote_that_refuses_the_ids_or_the_state_stops_the_run_before_or_after_it_sends,
    a_post_that_is_pushed_while_a_run_sends_stays,
]


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="letterpress-action.") as folder:
        work = pathlib.Path(folder)
        world = World(work, program)
        for case in CASES:
            case(world)
            print("ok", case.__name__.replace("_", " "), flush=True)
        a_ledger_of_another_machine_moves_into_the_branch(program, work / "moved")
        print("ok a ledger of another machine moves into the branch")
        a_first_run_that_was_killed_is_not_begun_again(program, work / "killed")
        print("ok a first run that was killed is not begun again")
        emails = sum(world.relay.accepted.values())
        print(f"{len(CASES) + 2} cases, {Runner.number} runs on new machines, {emails} emails, none twice, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
