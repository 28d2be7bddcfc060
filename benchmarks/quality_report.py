"""The tables of the benchmark of quality, in Markdown, as benchmarks/README.md shows them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality_scores import Scored, interval, scored
from benchmarks.quality_tables import Table

NAMES = {
    "auto": "**the default, `auto`**",
    "linear": "`linear`",
    "boosting": "`boosting`",
    "flaml": "FLAML, 30 s",
    "plain_linear": "logistic or ridge regression",
    "plain_trees": "HistGradientBoosting",
}
CLIP = (0.5, 2.0)
"""Between which the ratio of two RMSEs counts."""
MIB = 2**20
# The targets of the default.
ACCURACY, RMSE = 0.005, 1.03
BEYOND_ACCURACY, BEYOND_RMSE = 0.03, 1.1
MEDIAN_SECONDS, WORST_SECONDS = 1.5, 15.0


@dataclass(frozen=True)
class Results:
    """All scores, by table, contender and seed. Only tables that all of the contenders have predicted."""

    tables: list[Table]
    seeds: int
    by: dict[tuple[str, str], list[Scored]]

    def of(self, task: str) -> list[Table]:
        return [table for table in self.tables if table.task == task]

    def mean(self, table: Table, name: str, metric: str) -> float:
        """Of all seeds."""
        return statistics.mean(each.metrics[metric] for each in self.by[table.key, name])

    def rmse_ratio(self, table: Table, name: str, other: str) -> float:
        ratio = self.mean(table, name, "rmse") / self.mean(table, other, "rmse")
        return min(CLIP[1], max(CLIP[0], ratio))

    def took(self, name: str, what: str) -> list[float]:
        """What each training took."""
        return [float(each.took[what]) for table in self.tables for each in self.by[table.key, name]]


def read(
    folder: Path, tables: Sequence[Table], seeds: int, contenders: Sequence[str]
) -> tuple[Results, list[str]]:
    """What has been measured, and the names of the contenders that have been measured at all."""
    found: dict[tuple[str, str], list[Scored]] = {}
    for table in tables:
        for name in contenders:
            each = [scored(folder / table.key / str(seed), table, name) for seed in range(seeds)]
            known = [one for one in each if one is not None]
            if len(known) == seeds:
                found[table.key, name] = known
    names = [name for name in NAMES if any((table.key, name) in found for table in tables)]
    complete = [table for table in tables if all((table.key, name) in found for name in names)]
    return Results(complete, seeds, found), names


def text(folder: Path, tables: Sequence[Table], seeds: int, contenders: Sequence[str] = tuple(NAMES)) -> str:
    """The whole report, of the tables that all of the contenders have predicted."""
    results, names = read(folder, tables, seeds, contenders)
    if not results.tables:
        return "nothing has been measured by all contenders yet"
    parts = [f"{len(results.tables)} tables, {seeds} hold-outs of each", "", *means(results, names)]
    if {"auto", "flaml", "plain_linear"} <= set(names):
        parts += ["", *targets(results), "", *worst(results)]
    return "\n".join([*parts, "", *every_table(results, names)])


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def heading(*cells: str) -> list[str]:
    return [row(*cells), row(*["---"] * len(cells))]


def shown(value: float, how: str) -> str:
    """A number; a dash if there is none, because no table has that task."""
    return "-" if math.isnan(value) else format(value, how)


def average(values: Sequence[float]) -> float:
    return statistics.mean(values) if values else math.nan


def geometric(values: Sequence[float]) -> float:
    return math.exp(average([math.log(each) for each in values]))


def means(results: Results, names: Sequence[str]) -> list[str]:
    """A row for each contender: means over the tables, time and memory."""
    lines = heading(
        "", "accuracy", "log loss", "macro-F1", "R²", "RMSE to FLAML's", "seconds, median", "worst",
        "processor seconds, median", "worst", "memory, worst",
    )  # fmt: skip
    some, numeric = results.of("classification"), results.of("regression")
    for name in names:
        scores = [
            shown(average([results.mean(table, name, metric) for table in some]), ".4f")
            for metric in ("accuracy", "log_loss", "macro_f1")
        ]
        r2 = average([results.mean(table, name, "r2") for table in numeric])
        ratio = "-"
        if "flaml" in names:
            ratio = shown(geometric([results.rmse_ratio(table, name, "flaml") for table in numeric]), ".3f")
        took = [
            f"{choose(results.took(name, what)):.1f}"
            for what in ("seconds", "processors")
            for choose in (statistics.median, max)
        ]
        memory = f"{max(results.took(name, 'peak')) / MIB:.0f} MiB"
        lines.append(row(NAMES[name], *scores, shown(r2, ".3f"), ratio, *took, memory))
    return lines


def targets(results: Results) -> list[str]:
    """A row for each target of the default, and how it is met."""
    some, numeric = results.of("classification"), results.of("regression")

    def difference(metric: str) -> float:
        return average(
            [results.mean(table, "auto", metric) - results.mean(table, "flaml", metric) for table in some]
        )

    def line(what: str, found: float, target: float, show: str, *, at_least: bool = False) -> str:
        met = found >= target if at_least else found <= target
        said = "" if math.isnan(found) else "met" if met else "missed"
        return row(what, shown(found, show), shown(target, show), said)

    seconds = results.took("auto", "seconds")
    processors = results.took("auto", "processors")
    return [
        *heading("the default", "measured", "target", ""),
        line("accuracy less FLAML's", difference("accuracy"), -ACCURACY, "+.4f", at_least=True),
        line("log loss less FLAML's", difference("log_loss"), 0.0, "+.4f"),
        line("macro-F1 less FLAML's", difference("macro_f1"), 0.0, "+.4f", at_least=True),
        line(
            "RMSE relative to FLAML's, geometric mean",
            geometric([results.rmse_ratio(table, "auto", "flaml") for table in numeric]),
            RMSE,
            ".3f",
        ),
        line(
            "tables clearly worse than logistic or ridge regression",
            sum(clearly_worse(table, *against_linear(results, table)) for table in results.tables),
            0,
            "d",
        ),
        line("seconds of a training, median", statistics.median(seconds), MEDIAN_SECONDS, ".1f"),
        line("seconds of a training, worst", max(seconds), WORST_SECONDS, ".1f"),
        line("processor seconds, median", statistics.median(processors), MEDIAN_SECONDS, ".1f"),
        line("processor seconds, worst", max(processors), WORST_SECONDS, ".1f"),
    ]


def against_linear(results: Results, table: Table) -> tuple[float, float]:
    """The interval of the default against logistic or ridge regression, over all seeds."""
    ours, theirs = (
        np.concatenate([each.rows for each in results.by[table.key, name]])
        for name in ("auto", "plain_linear")
    )
    return interval(table.task, ours, theirs)


def clearly_worse(table: Table, low: float, high: float) -> bool:
    """Whether the whole interval lies beyond what is accepted."""
    return high < -BEYOND_ACCURACY if table.task == "classification" else low > BEYOND_RMSE


def worst(results: Results, most: int = 5) -> list[str]:
    """The tables on which the default is worst, compared with FLAML and with the linear models."""
    lines = heading(
        "worst tables", "the default", "FLAML", "logistic or ridge", "95 % interval to the latter"
    )
    worse: list[tuple[str, str, Callable[[Table], float]]] = [
        ("classification", "accuracy", lambda table: results.mean(table, "auto", "accuracy")
            - max(results.mean(table, other, "accuracy") for other in ("flaml", "plain_linear"))),
        ("regression", "rmse", lambda table: -results.mean(table, "auto", "rmse")
            / min(results.mean(table, other, "rmse") for other in ("flaml", "plain_linear"))),
    ]  # fmt: skip
    for task, metric, rank in worse:
        for table in sorted(results.of(task), key=rank)[:most]:
            low, high = against_linear(results, table)
            found = [f"{results.mean(table, name, metric):.4g}" for name in ("auto", "flaml", "plain_linear")]
            lines.append(row(f"{table.key}, {metric}", *found, f"{low:+.3f} to {high:+.3f}"))
    return lines


def every_table(results: Results, names: Sequence[str]) -> list[str]:
    """A row for each table: accuracy and log loss, or RMSE."""
    lines = heading("table", "rows", *(NAMES[name].strip("*") for name in names))
    for table in results.tables:
        rows = len(results.by[table.key, names[0]][0].rows)
        if table.task == "classification":
            cells = [
                f"{results.mean(table, name, 'accuracy'):.3f} ({results.mean(table, name, 'log_loss'):.3f})"
                for name in names
            ]
        else:
            cells = [f"{results.mean(table, name, 'rmse'):.4g}" for name in names]
        lines.append(row(table.key, str(rows), *cells))
    return lines
