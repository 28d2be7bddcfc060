"""The tables of results: the measured values, their limits, and their parts."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from benchmarks.imports import ROUNDS, Imports
from benchmarks.machine import Memory
from benchmarks.many_runs import Together
from benchmarks.one_run import Run, median

OURS = 3.0
"""Limit for the overhead of our code in one run, in seconds."""
RESIDENT = 2**30
IMPORT = 2.0
MIB = 2**20
NAMES = 32
"""Width of the column of names, in characters, which aligns the columns of all sections."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


@dataclass
class Results:
    """All measurements.

    first: the first run of the stack, which is not in `runs`. memory: by time of measurement and process.
    busy: percent of all processors in use before each run.
    """

    first: Run | None = None
    runs: list[Run] = field(default_factory=list)
    together: Together | None = None
    memory: dict[str, dict[str, Memory]] = field(default_factory=dict)
    imports: Imports | None = None
    busy: list[float] = field(default_factory=list)


class Section:
    """A section of the results: a title, a table with the columns of all sections, and remarks."""

    def __init__(self, title: str, *columns: str) -> None:
        self._title = Text(title, style="bold")
        self._table = Table(box=None, pad_edge=False, header_style="dim")
        self._table.add_column("", width=NAMES, overflow="fold")
        for name in columns:
            self._table.add_column(name, justify="right", min_width=10)
        self._remarks: list[str] = []

    def row(self, name: str, *cells: str | Text) -> None:
        self._table.add_row(f"  {name}", *cells)

    def remark(self, text: str) -> None:
        self._remarks.append(text)

    def render(self) -> RenderableType:
        remarks = [Padding(Text(each, style="dim"), (0, 0, 0, 2)) for each in self._remarks]
        return Padding(Group(self._title, self._table, *remarks), (0, 0, 1, 0))


def table(results: Results) -> RenderableType:
    sections = []
    if results.runs:
        sections.append(one_run(results.runs, results.first))
    if results.together:
        sections.append(many_runs(results.together, results.runs))
    sections.append(memory(results.memory))
    if results.imports:
        sections.append(imports(results.imports))
    return Group(*(section.render() for section in sections), Text(circumstances(results), style="dim"))


def one_run(runs: Sequence[Run], first: Run | None) -> Section:
    made = Section("One run of Iris on a warm stack, upload to promoted", "", "share", "overhead", "at most")
    total, ours = median(runs, lambda run: run.total), median(runs, lambda run: run.ours)

    def row(name: str, of: Callable[[Run], float], own: Callable[[Run], float] | None = None) -> None:
        span = median(runs, of)
        made.row(name, seconds(span), f"{span / total:.0%}", seconds(median(runs, own)) if own else "")

    row("total", lambda run: run.total)
    row("the trainer process", lambda run: run.trainer)
    row("the scoring process", lambda run: run.scoring)
    limit = verdict(ours, OURS, f"{OURS:.0f} s")
    made.row("everything else", seconds(ours), f"{ours / total:.0%}", seconds(ours), limit)
    made.row("")
    for stage in runs[0].stages:
        row(stage, lambda run: run.stages[stage], lambda run: run.ours_of[stage])  # noqa: B023
    made.remark(
        f"Medians of {len(runs)} runs; the total was {spread([run.total for run in runs])},"
        f" everything else {spread([run.ours for run in runs])}."
    )
    if first:
        made.remark(
            f"The first run of the stack took {first.total / total:.1f} times as long,"
            f" everything else {first.ours / ours:.1f} times."
        )
    made.remark(f"Processor seconds of one run: {processors(runs)}.")
    return made


def processors(runs: Sequence[Run]) -> str:
    used = {name: statistics.median(run.processors[name] for run in runs) for name in runs[0].processors}
    return ", ".join(f"{name} {spent:.2f}" for name, spent in used.items())


def many_runs(together: Together, runs: Sequence[Run]) -> Section:
    wanted = together.uploads
    made = Section(f"{wanted} different CSVs uploaded at once", "", "target")
    counts = {
        "promoted": together.promoted,
        "with exactly one pipeline run": together.one_pipeline_run,
        "with exactly one model version": together.one_version,
        "with exactly one deployment": together.one_deployment,
    }
    for name, number in counts.items():
        made.row(name, str(number), verdict(number, wanted, str(wanted), exactly=True))
    strays = verdict(together.strays, 0, "0", exactly=True)
    made.row("other pipeline runs", str(together.strays), strays)
    made.row("time until the last promotion", seconds(together.seconds))
    if runs:
        one_by_one = wanted * median(runs, lambda run: run.total)
        made.row(f"share of {wanted} single runs", f"{together.seconds / one_by_one:.0%}")
    for problem in together.problems:
        made.remark(problem)
    return made


def memory(held: dict[str, dict[str, Memory]]) -> Section:
    made = Section("Resident memory of the idle stack, all processes", "RSS", "PSS", "at most")
    for when, parts in held.items():
        total = sum(parts.values(), Memory(0, 0))
        pss = megabytes(total.shared_out) if total.shared_out else "unknown"
        made.row(when, megabytes(total.resident), pss, verdict(total.resident, RESIDENT, "1 GiB"))
        by_process = ", ".join(f"{name} {part.resident / MIB:.0f}" for name, part in parts.items())
        made.remark(f"{when}: {by_process}")
    return made


def imports(found: Imports) -> Section:
    made = Section("Importing function_app, relative to a bare DFApp", "ratio", "at most")
    ratio = found.app / found.bare
    made.row("time", f"{ratio:.2f}", verdict(ratio, IMPORT, f"{IMPORT:.0f}"))
    made.remark(f"Medians of {ROUNDS}: {found.app * 1000:.0f} ms and {found.bare * 1000:.0f} ms.")
    return made


def verdict(value: float, limit: float, target: str, *, exactly: bool = False) -> Text:
    kept = value == limit if exactly else value <= limit
    return Text(f"{target} {'✓' if kept else '✗'}", style="green" if kept else "red")


def seconds(span: float) -> str:
    return f"{span:.2f} s"


def megabytes(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} s"


def circumstances(results: Results) -> str:
    if not results.busy:
        return ""
    percent = statistics.median(results.busy)
    return f"The machine was {percent:.0f} % busy before a run (median). Compare shares, not seconds."
