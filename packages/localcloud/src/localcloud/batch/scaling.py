"""How many nodes a pool has, and how many tasks each runs at once.

A pool of a fixed scale has its nodes always. One that a formula scales has none until there are tasks; then
those for which the formula asks, anew at each end of its interval. This machine bounds their number: it has
a core for each task, unless its person says otherwise.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from localcloud.batch.formula import Formula
from localcloud.store import Document

INTERVAL = timedelta(minutes=15)
"""Of a formula whose pool names none. Source: "Create a formula to automatically scale compute nodes"."""
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def duration(text: str) -> timedelta | None:
    """A duration of ISO 8601 in days, hours, minutes and seconds; None for any other text."""
    found = DURATION.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@dataclass(frozen=True)
class PoolSettings:
    """What this machine decides about the pool, in place of its definition.

    nodes: the most there are; task_slots: tasks at a time on each; None leaves it to the definition.
    """

    nodes: int | None = None
    task_slots: int | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "PoolSettings":
        """LOCALCLOUD_POOL_NODES and LOCALCLOUD_POOL_TASK_SLOTS. Raises ValueError."""
        return cls(
            _positive(environ, "LOCALCLOUD_POOL_NODES"), _positive(environ, "LOCALCLOUD_POOL_TASK_SLOTS")
        )


def _positive(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} is {text!r}: a whole number of 1 or more is expected.")
    return int(text)


@dataclass(frozen=True)
class Scaling:
    """The scale of a pool.

    formula: what decides on its nodes, or None for a fixed number of them. interval: seconds between two of
    its evaluations.
    """

    slots: int
    fixed: int
    formula: Formula | None
    most: int
    interval: float = INTERVAL.total_seconds()

    @classmethod
    def of(cls, definition: Document, settings: PoolSettings, cores: int | None = None) -> "Scaling":
        """definition: the pool's properties. cores: of this machine. Raises as Formula.parse does."""
        slots = settings.task_slots or int(definition.get("taskSlotsPerNode") or 1)
        given = definition.get("scaleSettings") or {"fixedScale": {"targetDedicatedNodes": 1}}
        if automatic := given.get("autoScale"):
            cores = cores or os.cpu_count() or 1
            formula = Formula.parse(str(automatic["formula"]))
            interval = duration(str(automatic.get("evaluationInterval") or "")) or INTERVAL
            most = settings.nodes or max(1, cores // slots)
            return cls(slots, 0, formula, most, interval.total_seconds())
        sizes = [
            given["fixedScale"].get(name) or 0 for name in ("targetDedicatedNodes", "targetLowPriorityNodes")
        ]
        return cls(slots, settings.nodes or sum(sizes), None, settings.nodes or sum(sizes))

    def nodes(self, tasks: int, current: int) -> int:
        """How many nodes there are to be. tasks: those that wait or run; current: the nodes there are."""
        if self.formula is None:
            return self.fixed
        return min(self.most, self.formula.nodes(tasks, current))


NO_NODES = Scaling(slots=1, fixed=0, formula=None, most=0)
"""The scale of a pool that was not deployed yet."""
