"""The command line as people use it, in the test session's home."""

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
from tests.unit.touchdown import commands
from tests.unit.touchdown.commands import Answer

LIMIT = 240.0


def succeeded(answer: Answer) -> Answer:
    assert answer.code == 0, answer.out + answer.err
    return answer


@dataclass(frozen=True)
class Shell:
    """Runs commands in one home."""

    home: Home

    def run(self, *arguments: str) -> Answer:
        """Run a command in this process, since a process of its own mostly starts and imports."""
        return commands.run(*arguments, "--home", str(self.home.root))

    def process(self, *arguments: str, **variables: str) -> Answer:
        """Run a command in a process of its own, as a shell does."""
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
        return succeeded(self.run(*arguments, "--json")).json

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
    shell.process("down")
