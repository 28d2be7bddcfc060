"""Measure one run of Iris on a warm stack, from the upload until its deployment is the default.

The overhead of our code is the whole time without the lifetime of the trainer process, which counts up to the
event of the finished model, and without that of the scoring process. It includes the product, its engine,
every service that localcloud emulates, and their waiting times.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks import machine
from benchmarks.datasets import like_iris
from benchmarks.running_stack import RunningStack
from touchdown.client import ENDED, Client

Json = dict[str, Any]

POLLING_INTERVAL = 0.5
"""Seconds between two polls of a run, long enough that the polls do not affect the measurement."""
LIMIT = 300.0
EVENT = "upload, event, claim"
"""The time before the first stage: the upload, the delivery of its event, the claim."""


class RunFailedError(Exception):
    """A measured run did not succeed; the message says why."""


@dataclass(frozen=True)
class Run:
    """Durations of one run, in seconds.

    trainer, scoring: lifetimes of the two processes. stages, ours_of: by stage, in order, its duration and
    our overhead in it. processors: processor seconds by process.
    """

    total: float
    trainer: float
    scoring: float
    stages: dict[str, float]
    ours_of: dict[str, float]
    processors: dict[str, float]

    @property
    def ours(self) -> float:
        return self.total - self.trainer - self.scoring


def measured(stack: RunningStack, number: int) -> Run:
    """Upload the `number`th dataset and follow its run. Raises RunFailedError."""
    content = like_iris(number)
    used = machine.busy(stack.processes)
    with machine.Children(stack.cloud) as watched:
        start = time.time()
        upload = stack.client.upload(content, f"one_{number}.csv")
        run = succeeded(stack.client, upload.run_id)
    processors = {name: spent - used[name] for name, spent in machine.busy(stack.processes).items()}
    spans = {stage["name"]: (moment(stage["started"]), moment(stage["ended"])) for stage in run["stages"]}
    spans = {EVENT: (start, spans["inspect_dataset"][0]), **spans}
    del spans["record_run"]
    trainer, scoring = watched.only("trainer"), watched.only("scoring")
    process = {"wait": overlap(spans["wait"], trainer), "smoke_test": overlap(spans["smoke_test"], scoring)}
    stages = {name: ended - started for name, (started, ended) in spans.items()}
    return Run(
        spans["promote"][1] - start,
        process["wait"],
        process["smoke_test"],
        stages,
        {name: span - process.get(name, 0.0) for name, span in stages.items()},
        processors,
    )


def succeeded(client: Client, run_id: str) -> Json:
    """The run, once it has ended. Raises RunFailedError unless it succeeded."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        time.sleep(POLLING_INTERVAL)
        run = client.find(run_id)
        if run and run["status"] in ENDED:
            if run["status"] == "Succeeded":
                return run
            raise RunFailedError(
                f"run {run_id} is {run['status']}: {(run.get('error') or {}).get('message')}"
            )
    raise RunFailedError(f"run {run_id} did not end within {LIMIT:g} s")


def moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def overlap(span: tuple[float, float], life: machine.Life) -> float:
    return max(0.0, min(span[1], life.ended or span[1]) - max(span[0], life.began))


def median(runs: Iterable[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(of(run) for run in runs)
