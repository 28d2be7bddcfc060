"""What a command prints: tables on standard output, messages on standard error, or JSON."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from runs.text import printable

WIDE = 160
"""Columns of output that goes to a file or a pipe, whose lines should not be folded."""


class PrintableConsole(Console):
    """A console whose terminal obeys nothing that is written but rich's own styles.

    Names, cells and messages of services come from outside: a character of them that cannot be printed is
    written as an escape such as \\x1b.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)


def printable_lines(text: str) -> str:
    """A text of one or more lines, each of which is printable."""
    return "\n".join(map(printable, text.split("\n")))


out = PrintableConsole(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = PrintableConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)

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


def how_to_call(script: Path, folder: Path) -> str:
    """What a person types in `folder` to call this program, whose script an environment holds at `script`."""
    found = shutil.which("touchdown")
    if found and Path(found).resolve() == script.resolve():
        return "touchdown"
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m touchdown"
    inside = script.is_relative_to(folder)
    return shlex.quote(str(script.relative_to(folder) if inside else script))


PROGRAM = how_to_call(Path(sys.prefix) / "bin" / "touchdown", Path.cwd())


def print_json(value: Any) -> None:
    """Print the one JSON value of a command with --json."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_message(message: str) -> None:
    """Print a message to standard error. Brackets are text, not markup: it may quote what others wrote."""
    err.print(Text(printable_lines(message)))


def print_error(
    code: str, message: str, hint: str = "", *, as_json: bool, beside: Mapping[str, Any] | None = None
) -> None:
    """Print an error: as JSON to standard output, with what is `beside` it, or as text to standard error."""
    if as_json:
        error = {"code": code, "message": message, **({"hint": hint} if hint else {})}
        print_json({"error": error, **(beside or {})})
        return
    err.print(Text.assemble(("error: ", "bold red"), printable_lines(message)))
    if hint:
        print_message(hint)


def coloured(status: str) -> Text:
    """The status of a run or process, in its colour."""
    return Text(status, style=COLOURS.get(status, ""))


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str = "") -> Table:
    """A table of text; a heading that ends with `>` is a column of numbers."""
    made = Table(
        title=Text(printable(title)) if title else None,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    for heading in headings:
        made.add_column(
            Text(printable(heading.removesuffix(">"))),
            justify="right" if heading.endswith(">") else "left",
            header_style="dim",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    return made


def properties(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values in two columns, without the pairs that have no value."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            made.add_row(Text(name), value if isinstance(value, Text) else Text(printable_lines(value)))
    return made


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {left:02d} s"


def megabytes(size: int) -> str:
    """A number of bytes in MiB."""
    return f"{size / 2**20:,.0f} MiB"
