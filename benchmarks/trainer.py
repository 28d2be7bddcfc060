"""Measures the trainer on tables of 10^4 rows and more, against its own reader and against plain pandas code.

    python -m benchmarks.trainer [--rows 1000000] [--smallest 10000] [--epochs 50] [--rounds 3]

Each measurement is a process of its own (trainer_phases.py, on the trainer's Python). All are made in one run
and take turns, so that a load from elsewhere affects all of them. Small tables are measured several times;
large ones once, and again if other processes used the machine meanwhile. Of several measurements, the fastest
counts for time and the largest for memory.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from localcloud.environment import inherited

from benchmarks import machine, report, trainer_report
from benchmarks.checkout import CHECKOUT, TRAINER
from benchmarks.trainer_figures import MANY_ROWS, Figure, Size

FEWEST = 1000
BYTES_PER_ROW = 600
"""Disk space for the text, and for the columns and features that the trainer caches."""
MAX_OTHER_LOAD = 10.0
"""Percent of all processors that other processes may use during a measurement of a large table."""
ATTEMPTS = 2
"""How often a large table is measured if other processes use more than that."""
DRIVER = Path(__file__).with_name("trainer_phases.py")
PYTHON = TRAINER / "bin" / "python"


class NotMeasuredError(Exception):
    """The benchmark cannot go on, for the reason that the message states."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trainer", description="Measure how fast the trainer is."
    )
    parser.add_argument(
        "--rows", type=int, default=MANY_ROWS, help="rows of the largest table, such as 10000000"
    )
    parser.add_argument("--smallest", type=int, default=10**4, help="rows of the smallest table")
    parser.add_argument(
        "--epochs",
        type=int,
        default=50,
        help="epochs of the longer training, which is measured up to 10^6 rows",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often tables of up to 10^6 rows are measured"
    )
    options = parser.parse_args(arguments)
    if min(options.rows, options.smallest) < FEWEST or min(options.epochs, options.rounds) < 1:
        parser.error(f"give at least {FEWEST} rows, one epoch and one round")
    try:
        sizes = measured(sizes_up_to(options.rows, options.smallest), options.epochs, options.rounds)
    except NotMeasuredError as error:
        report.console.print(f"error: {error}", style="red", markup=False)
        return 1
    report.console.print(trainer_report.table(sizes, options.epochs))
    return 0


def sizes_up_to(rows: int, smallest: int) -> list[int]:
    """`smallest`, ten times as many, and so on, and finally `rows` itself."""
    found = []
    while smallest < rows:
        found.append(smallest)
        smallest *= 10
    return [*found, rows]


def measured(rows: list[int], epochs: int, rounds: int) -> list[Size]:
    """Measure all sizes. Raises NotMeasuredError."""
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
    """Measure a table once, and a large one again if other processes used the machine meanwhile."""
    figure = size.figures.setdefault((what, epochs), Figure())
    for _ in range(ATTEMPTS if size.rows > MANY_ROWS else 1):
        found, others = run(folder, what, str(size.file), *([str(epochs)] if epochs else []))
        if found["rows"] != size.rows:
            raise NotMeasuredError(f"{what} read {found['rows']} rows of {size.rows}")
        figure.add(found, others)
        if others < MAX_OTHER_LOAD:
            return


def run(folder: Path, what: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """The result of one process of trainer_phases.py, and the percent of all processors that others used."""
    result = folder / "result.json"
    at_start, own = busy(), own_seconds()
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
        raise NotMeasuredError(
            f"{what} ended with exit code {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    used, total = (after - before for after, before in zip(busy(), at_start, strict=True))
    shutil.rmtree(folder / "mlruns", ignore_errors=True)
    others = 100 * max(0.0, used - (own_seconds() - own)) / max(total, 1e-9)
    return json.loads(result.read_text(encoding="utf-8")), others


def busy() -> tuple[float, float]:
    """Since the machine's start: the processor seconds that all processes have used, and all seconds."""
    times = psutil.cpu_times()
    # Linux counts a guest's time among the user's as well.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def own_seconds() -> float:
    """Processor seconds of this process and of its children that have ended."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def working_folder(rows: list[int]) -> Iterator[Path]:
    """A folder beside the cloud's data that is deleted at the end. Raises NotMeasuredError.

    The system's folder for temporary files would not do, because it may be in memory.
    """
    if not PYTHON.exists():
        raise NotMeasuredError(f"there is no {PYTHON}; run `make setup`")
    parent = CHECKOUT / ".localcloud"
    parent.mkdir(exist_ok=True)
    needed, free = BYTES_PER_ROW * sum(rows), shutil.disk_usage(parent).free
    if free < needed:
        raise NotMeasuredError(
            f"{parent} has {free / 1e9:.1f} GB free and needs {needed / 1e9:.1f} GB; give fewer --rows"
        )
    with tempfile.TemporaryDirectory(prefix="trainer-benchmark-", dir=parent) as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
