"""Measures how good the models are that the trainer chooses, on public tables, beside others.

    python -m benchmarks.quality [--tables KEY ...] [--seeds 3] [--contenders NAME ...] [--report]

Every contender learns from the same training rows and predicts the same hold-out (see quality_tables.py),
which the trainer is given as its own hold-out, on which it chooses nothing. The others are logistic
regression or ridge regression, histogram gradient boosting, and FLAML for 30 seconds:
quality_contenders.py, on the Python of `scripts/setup.sh quality`. The trainer's models are trained by its
own `main.py` and predict through the MLflow model that it saves: quality_trainings.py, on the trainer's
Python.

Results are kept in .quality/, so that the benchmark can be ended and go on. After a change of the trainer,
`--contenders auto linear boosting --again` measures its models anew.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import quality_report, report
from benchmarks.checkout import CHECKOUT, TRAINER
from benchmarks.quality_tables import BY_KEY, Table

PYTHON = CHECKOUT / ".venv-quality" / "bin" / "python"
TRAINER_PYTHON = TRAINER / "bin" / "python"
RESULTS = CHECKOUT / ".quality"
OTHERS = ("plain_linear", "plain_trees", "flaml")
OURS = {"auto": "auto", "linear": "linear", "boosting": "boosting"}
"""The trainer's algorithms, by the contender's name."""
LONGEST = 60
"""Seconds after which FLAML, which has 30, is ended."""
IMPORTS = 30
"""Seconds that its imports may take besides."""


class NotMeasuredError(Exception):
    """The benchmark cannot go on, for the reason that the message states."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description="Measure how good the trainer's models are."
    )
    parser.add_argument("--tables", nargs="+", choices=BY_KEY, default=list(BY_KEY), metavar="TABLE")
    parser.add_argument("--seeds", type=int, default=3, help="how many different hold-outs")
    parser.add_argument("--contenders", nargs="+", choices=(*OTHERS, *OURS), default=[*OTHERS, *OURS])
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument("--report", action="store_true", help="only show what has been measured")
    options = parser.parse_args(arguments)
    tables = [BY_KEY[key] for key in options.tables]
    try:
        if not options.report:
            measure(tables, options.seeds, options.contenders, again=options.again)
    except NotMeasuredError as error:
        report.console.print(f"error: {error}", style="red", markup=False)
        return 1
    report.console.print(
        quality_report.text(RESULTS, tables, options.seeds, options.contenders), markup=False, soft_wrap=True
    )
    return 0


def measure(tables: Sequence[Table], seeds: int, contenders: Sequence[str], *, again: bool) -> None:
    """Let each contender predict each hold-out that it has not predicted. Raises NotMeasuredError."""
    for python, part in ((PYTHON, "quality"), (TRAINER_PYTHON, "trainer")):
        if not python.exists():
            raise NotMeasuredError(f"there is no {python}: run scripts/setup.sh {part}")
    with report.console.status("Starting …") as status, trainings() as ours:
        for seed in range(seeds):
            for table in tables:
                folder = RESULTS / table.key / str(seed)
                if not (folder / "train.csv").exists():
                    other(table, seed, "prepare")
                for name in contenders:
                    if (folder / f"{name}.json").exists() and not again:
                        continue
                    status.update(f"{table.key}, hold-out {seed + 1} of {seeds}: {name} …")
                    failed = ours(table, folder, name) if name in OURS else other(table, seed, name)
                    if failed:
                        report.console.print(f"{table.key}, {seed}, {name}: {failed}", markup=False)


def other(table: Table, seed: int, name: str) -> str:
    """Let another contender predict in a process of its own. Returns why it could not, or ""."""
    command: list[str | Path] = [
        PYTHON,
        "-W",
        "ignore",
        "-m",
        "benchmarks.quality_contenders",
        RESULTS,
        table.key,
        str(seed),
        name,
    ]
    longest = LONGEST + IMPORTS if name == "flaml" else None
    try:
        done = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, timeout=longest, check=False
        )
    except subprocess.TimeoutExpired:
        return f"ended after {longest} seconds"
    return done.stderr[-2000:] if done.returncode else ""


class Trainings:
    """The trainer's process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, table: Table, folder: Path, name: str) -> str:
        """Train, and predict the hold-out. Returns why that failed, or ""."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"folder": str(folder), "label": table.label, "task": table.task}
        request |= {"algorithm": OURS[name], "name": name}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise NotMeasuredError("the trainer's process has ended")
        answer: dict[str, Any] = json.loads(line)
        return f"exit code {answer['code']}: {answer['error']}" if answer["code"] else ""


@contextmanager
def trainings() -> Iterator[Trainings]:
    command: list[str | Path] = [TRAINER_PYTHON, "-P", Path(__file__).with_name("quality_trainings.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Trainings(process)


if __name__ == "__main__":
    sys.exit(main())
