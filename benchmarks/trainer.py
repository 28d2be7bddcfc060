"""The trainer on tables of 10^4 rows and more, beside its own reader and beside what a user would write.

    python -m benchmarks.trainer [--rows 1000000] [--smallest 10000] [--epochs 50] [--rounds 3]

Each figure is that of a process of its own (trainer_phases.py, on the trainer's Python). All are measured in
one run and in turns, so that a machine that becomes busy is busy for all. Those of small tables are measured
several times; those of large ones once, and again when others disturbed it. Of several, the fastest counts
for time and the largest for memory.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from localcloud.environment import inherited

from benchmarks import machine, report, trainer_report
from benchmarks.checkout import CHECKOUT, TRAINER

FEWEST = 1000
MANY_ROWS = 10**6
"""Rows up to which figures are measured several times, and also for many epochs."""
PANDAS_BYTES_A_ROW = 2000
"""Of memory, which what a user would write needs; where it is not free, that is left out."""
BYTES_A_ROW = 600
"""Of disk: the text, and the columns and features that the trainer keeps beside it."""
DISTURBED = 10.0
"""Percent of all processors that others may use while a figure is measured."""
ATTEMPTS = 2
DRIVER = Path(__file__).with_name("trainer_phases.py")
PYTHON = TRAINER / "bin" / "python"


class NotMeasured(Exception):
    """Nothing can be measured; the text says why."""


@dataclass
class Figure:
    """What one kind of process did with one dataset. seconds: by phase, of the fastest process; peak: bytes.

    others: percent of all processors that were used by others during the fastest.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    peak: int = 0
    others: float = 0.0
    accuracy: float | None = None
    times: int = 0

    @property
    def whole(self) -> float:
        """Seconds from the first look at the bytes to a model, without imports and saving."""
        return self.seconds["training"]

    def add(self, found: dict[str, Any], others: float) -> None:
        self.times += 1
        self.peak = max(self.peak, found["peak"])
        if not self.seconds or found["seconds"]["training"] < self.whole:
            self.seconds, self.others = found["seconds"], others
            self.accuracy = found.get("metrics", {}).get("accuracy")


@dataclass
class Size:
    """One dataset. figures: by what was run and for how many epochs, 0 where there are none."""

    rows: int
    file: Path
    bytes: int = 0
    figures: dict[tuple[str, int], Figure] = field(default_factory=dict)

    def kinds(self, epochs: int) -> list[tuple[str, int]]:
        """What is measured on it, in the order in which it is."""
        wanted = [("reader", 0), ("train", 1), ("arrow", 0)]
        if self.rows * PANDAS_BYTES_A_ROW < psutil.virtual_memory().available:
            wanted.append(("pandas", 1))
        if self.rows <= MANY_ROWS:
            wanted += [("train", epochs), ("pandas", epochs)]
        return list(dict.fromkeys(wanted))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer", description="How fast it trains.")
    parser.add_argument("--rows", type=int, default=MANY_ROWS, help="of the largest table, such as 10000000")
    parser.add_argument("--smallest", type=int, default=10**4, help="rows of the smallest table")
    parser.add_argument("--epochs", type=int, default=50, help="of the longer training, up to 10^6 rows")
    parser.add_argument(
        "--rounds", type=int, default=3, help="times that a figure is measured, up to 10^6 rows"
    )
    asked = parser.parse_args(arguments)
    if min(asked.rows, asked.smallest) < FEWEST or min(asked.epochs, asked.rounds) < 1:
        parser.error(f"give at least {FEWEST} rows, one epoch and one round")
    try:
        sizes = measured(sizes_up_to(asked.rows, asked.smallest), asked.epochs, asked.rounds)
    except NotMeasured as error:
        report.console.print(f"error: {error}", style="red", markup=False)
        return 1
    report.console.print(trainer_report.table(sizes, asked.epochs))
    return 0


def sizes_up_to(rows: int, smallest: int) -> list[int]:
    """`smallest` and ten times as many again and again, and `rows` itself."""
    found = []
    while smallest < rows:
        found.append(smallest)
        smallest *= 10
    return [*found, rows]


def measured(rows: list[int], epochs: int, rounds: int) -> list[Size]:
    """Measure all sizes. Raises NotMeasured."""
    with working_folder(rows) as folder, report.console.status("Making tables …") as status:
        sizes = [Size(count, folder / f"{count}.csv") for count in rows]
        for size in sizes:
            status.update(f"Making a table of {size.rows:,} rows …")
            size.bytes = run(folder, "generate", str(size.file), str(size.rows))[0]["bytes"]
        for number in range(rounds):
            for size in sizes:
                if number and size.rows > MANY_ROWS:
                    continue
                machine.calm()
                for kind in size.kinds(epochs):
                    status.update(f"{size.rows:,} rows, round {number + 1}: {kind[0]} …")
                    measure(folder, size, *kind)
    return sizes


def measure(folder: Path, size: Size, what: str, epochs: int) -> None:
    """Measure once; a large table, of which there is one round, again when others disturb it."""
    figure = size.figures.setdefault((what, epochs), Figure())
    for _ in range(ATTEMPTS if size.rows > MANY_ROWS else 1):
        found, others = run(folder, what, str(size.file), *([str(epochs)] if epochs else []))
        if found["rows"] != size.rows:
            raise NotMeasured(f"{what} read {found['rows']} rows of {size.rows}")
        figure.add(found, others)
        if others < DISTURBED:
            return


def run(folder: Path, what: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """What one process of trainer_phases.py found, and the percent of all processors that others used."""
    result = folder / "result.json"
    begun, own = busy(), own_seconds()
    done = subprocess.run(
        [PYTHON, "-P", str(DRIVER), str(result), what, *arguments],
        cwd=folder,
        env=inherited(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(f"{what} ended with exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    used, there = (after - before for after, before in zip(busy(), begun, strict=True))
    shutil.rmtree(folder / "mlruns", ignore_errors=True)
    others = 100 * max(0.0, used - (own_seconds() - own)) / max(there, 1e-9)
    return json.loads(result.read_text(encoding="utf-8")), others


def busy() -> tuple[float, float]:
    """Processor seconds that anything has used, and all there were."""
    times = psutil.cpu_times()
    # On Linux a guest's time is counted in the user's, too.
    there = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return there - times.idle - getattr(times, "iowait", 0.0), there


def own_seconds() -> float:
    """Processor seconds of this process and of the children that have ended."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def working_folder(rows: list[int]) -> Iterator[Path]:
    """A folder beside the repository's own data, gone after the block. Raises NotMeasured.

    Not the machine's own folder for temporary files, which may lie in memory.
    """
    if not PYTHON.exists():
        raise NotMeasured(f"there is no {PYTHON}; run `make setup`")
    parent = CHECKOUT / ".localcloud"
    parent.mkdir(exist_ok=True)
    needed, free = BYTES_A_ROW * sum(rows), shutil.disk_usage(parent).free
    if free < needed:
        raise NotMeasured(
            f"{parent} has {free / 1e9:.1f} GB free and needs {needed / 1e9:.1f} GB; give fewer --rows"
        )
    with tempfile.TemporaryDirectory(prefix="trainer-benchmark-", dir=parent) as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
