"""Runs a command in this process, as its own parser and error handling do."""

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from touchdown.cli.app import app


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*arguments: str, program: str | None = None) -> Answer:
    result = CliRunner().invoke(app, list(arguments), prog_name=program)
    return Answer(result.exit_code, result.stdout, result.stderr)
