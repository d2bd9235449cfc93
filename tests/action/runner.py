"""Runs the steps of action.yml as a GitHub runner would, in a clone of a local repository. Knows the few expressions that
action.yml uses, and refuses others."""

import os
import pathlib
import re
import signal
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOW = ".github/workflows/publish.yml"


class Runner:
    """One run of one job, on a machine of its own."""

    number = 0

    def __init__(self, work, remote, program, **changed):
        Runner.number += 1
        self.number = Runner.number
        self.action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        self.temp = work / f"runner-{self.number}"
        self.clone = self.temp / "site"
        self.temp.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{remote}", self.clone], check=True, timeout=300)
        self.github = {
            "github.action_repository": "o/letterpress",
            "github.ref_name": "main",
            "github.server_url": "https://forge.example",
            "github.repository": "o/site",
            "github.run_id": str(self.number),
        }
        if changed.get("event", "schedule") != "schedule":
            self.github["github.event.repository.default_branch"] = "main"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temp),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_EVENT_NAME": changed.pop("event", "schedule"),
            "GITHUB_REF": changed.pop("ref", "refs/heads/main"),
            "GITHUB_WORKFLOW_REF": f"o/site/{WORKFLOW}@refs/heads/main",
            "LETTERPRESS_STATE_RETRY": "0",
        }
        self.inputs = {name: self.value(str(given.get("default", ""))) for name, given in self.action["inputs"].items()}
        self.inputs |= {"program": program, "passphrase": "correct horse battery staple", "list-in-git": "true"}
        self.inputs |= {name.replace("_", "-"): value for name, value in changed.items()}
        self.outputs = {}
        self.output = ""
        self.failed = False

    def value(self, text):
        """The text with its expressions replaced."""

        def replaced(found):
            return next(filter(None, map(self.named, found.group(1).split(" || "))), "")

        return re.sub(r"\$\{\{ *(.*?) *\}\}", replaced, text)

    def named(self, name):
        """The value of a name in an expression; a property that an event lacks is empty."""
        if name.startswith("inputs."):
            return self.inputs[name.removeprefix("inputs.")]
        if name.startswith("steps."):
            return self.outputs.get(name, "")
        return self.github.get(name, "") if name.startswith("github.event.") else self.github[name]

    def wanted(self, step):
        """Whether a step is run. A failure ends all but those that are always run."""
        condition = step.get("if")
        if condition is None:
            return not self.failed
        always, _, rest = condition.partition(" && ")
        assert always == "always()", condition
        if not rest:
            return True
        name, wanted = re.fullmatch(r"(\S+) == '(.*)'", rest).groups()
        return self.outputs.get(name, "") == wanted

    def start(self, step):
        """Begins a step, in a process group of its own."""
        assert step["shell"] == "bash", step
        folder = self.clone / self.value(step.get("working-directory", "."))
        environment = {name: self.value(text) for name, text in step.get("env", {}).items()}
        output = self.temp / "output"
        output.write_text("")
        return subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=folder, env=self.environment | environment | {"GITHUB_OUTPUT": str(output)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
        )

    def finish(self, step, process):
        """Waits for a step, and takes its outputs."""
        said, _ = process.communicate(timeout=300)
        self.output += f"== {step['name']}\n{said}"
        self.failed = self.failed or process.returncode != 0
        for line in (self.temp / "output").read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step.get('id')}.outputs.{name}"] = value

    def steps(self, first=None, last=None):
        """Runs the steps from one name to another, and returns this run."""
        names = [step["name"] for step in self.action["runs"]["steps"]]
        begin = names.index(first) if first else 0
        end = names.index(last) if last else len(names) - 1
        for step in self.action["runs"]["steps"][begin : end + 1]:
            if self.wanted(step):
                self.finish(step, self.start(step))
        return self

    def killed_in(self, name, when):
        """Runs all steps before this one, and kills it with everything that it started once `when` returns."""
        names = [step["name"] for step in self.action["runs"]["steps"]]
        self.steps(last=names[names.index(name) - 1])
        assert not self.failed, self.output
        process = self.start(self.action["runs"]["steps"][names.index(name)])
        when()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return self

    def succeeded(self):
        assert not self.failed, self.output
        return self

    def refused(self, words):
        assert self.failed, f"not refused:\n{self.output}"
        assert words in self.output, f"{words!r} is not in:\n{self.output}"
        assert "help: " in self.output, self.output
        return self
