"""The command line as people use it, as separate processes, in the test session's home."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from localcloud.home import Home, Ports

from tests.checkout import CHECKOUT

LIMIT = 240.0


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs commands in one home."""

    home: Home

    def run(self, *arguments: str, **variables: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "touchdown", *arguments],
            cwd=CHECKOUT,
            env=os.environ | {"LOCALCLOUD_HOME": str(self.home.root)} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        """Run a command with --json, which must succeed, and return its output."""
        answer = self.run(*arguments, "--json")
        assert answer.code == 0, answer.out + answer.err
        return answer.json

    def pids(self) -> dict[str, int]:
        """The processes of the stack, with its supervisor."""
        found = self.run("status", "--json").json
        return {part["name"]: part["pid"] for part in found["parts"]} | {
            "supervisor": found["supervisor"]["pid"]
        }


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    # A blank in the path, as in "My Documents".
    root: Path = tmp_path_factory.mktemp("commands") / "my cloud"
    shell = Shell(Home.open(root, Ports.free()))
    yield shell
    shell.run("down")
