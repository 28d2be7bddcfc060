"""Runs a command in this process, as its own parser and error handling do."""

import json
from dataclasses import dataclass
from typing import Any

from localcloud.cli.app import app
from typer.testing import CliRunner


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*arguments: str) -> Answer:
    result = CliRunner().invoke(app, list(arguments))
    return Answer(result.exit_code, result.stdout, result.stderr)
