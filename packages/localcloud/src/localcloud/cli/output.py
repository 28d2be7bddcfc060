"""What a person or a program reads: tables on standard output, messages on standard error, or JSON."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from localcloud.home import REPOSITORY

WIDE = 160
"""Columns where nobody's terminal says how many there are: a file or a pipe should not be folded."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)

PROGRAM = "python -m localcloud"
"""How a person would call this program where they are."""
if Path(sys.prefix) == REPOSITORY / ".venv" and Path(os.environ.get("VIRTUAL_ENV", "/")) != Path(sys.prefix):
    PROGRAM = f".venv/bin/{PROGRAM}"

COLOURS = {
    "Succeeded": "green",
    "running": "green",
    "Running": "cyan",
    "starting": "cyan",
    "Failed": "red",
    "died": "red",
    "Cancelled": "yellow",
    "Lost": "yellow",
    "Terminated": "yellow",
}


def value(given: Any) -> None:
    """The one JSON value of a command with --json."""
    json.dump(given, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """A message that is no result. Brackets in it are text, not markup: it may quote what others wrote."""
    err.print(Text(message))


def error(code: str, message: str, hint: str = "", *, as_json: bool) -> None:
    if as_json:
        value({"error": {"code": code, "message": message, **({"hint": hint} if hint else {})}})
        return
    err.print(Text.assemble(("error: ", "bold red"), message))
    if hint:
        say(hint)


def status(word: str) -> Text:
    return Text(word, style=COLOURS.get(word, ""))


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str = "") -> Table:
    """A table of text; a heading that ends with `>` is a column of numbers."""
    made = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in headings:
        made.add_column(
            heading.removesuffix(">"),
            justify="right" if heading.endswith(">") else "left",
            header_style="dim",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values, those without a value left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, shown in pairs:
        if shown:
            made.add_row(Text(name), shown if isinstance(shown, Text) else Text(shown))
    return made


def seconds(span: float) -> str:
    """`4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if span < 60:
        return f"{span:.1f} s"
    minutes, left = divmod(round(span), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {left:02d} s"


def megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
