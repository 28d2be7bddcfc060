"""The shell commands that the documents show, and which of them can be run against localcloud."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.checkout import CHECKOUT

DOCUMENTS = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    *sorted((CHECKOUT / "docs").glob("*.md")),
    CHECKOUT / "trainer" / "README.md",
    CHECKOUT / "benchmarks" / "README.md",
]

FENCE = re.compile(r"^( *)```(sh|console)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
AZURE = re.compile(r"(?:^|[\s(])(?:az|azd|func|scripts/(?:deploy|teardown)\.sh) ", re.MULTILINE)
"""A call that needs Azure, or the tools that deploy to it."""
MACHINE = re.compile(
    r"(?:make|pip|uv|\.ci/run|python -m benchmarks|touchdown (?:up|down|reset|check|--install))\b"
)
"""The beginning of a command that installs something, or that starts, stops, measures or checks a stack:
a test of the documents has a stack already, and shares it. tests/e2e/test_check.py checks one as a whole."""


@dataclass(frozen=True)
class Block:
    """A fenced block of commands: the line of its fence, and its commands without prompts and output."""

    document: Path
    line: int
    commands: tuple[str, ...]

    @property
    def script(self) -> str:
        return "".join(f"{command}\n" for command in self.commands)

    @property
    def needs_azure(self) -> bool:
        return AZURE.search(self.script) is not None

    @property
    def runnable(self) -> str:
        """The commands that localcloud can run, as a script; "" if the block needs Azure."""
        if self.needs_azure:
            return ""
        return "".join(f"{command}\n" for command in self.commands if not MACHINE.match(command))


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of a document that are marked `sh` or `console`, in order."""
    text = document.read_text()
    for match in FENCE.finditer(text):
        lines = dedent(match[3]).splitlines()
        if match[2] == "console":
            lines = typed(lines)
        yield Block(document, text[: match.start()].count("\n") + 1, tuple(joined(lines)))


def typed(lines: list[str]) -> list[str]:
    """What a person typed in a transcript: the lines after a prompt, and those that continue them."""
    found: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(line.removeprefix("$ "))
        elif found and found[-1].endswith("\\"):
            found.append(line)
        else:
            found.append("")
    return [line for line in found if line]


def joined(lines: list[str]) -> Iterator[str]:
    """Commands, each with the lines that continue it."""
    command = ""
    for line in lines:
        command += line
        if line.endswith("\\"):
            command += "\n"
            continue
        if command.strip():
            yield command
        command = ""
