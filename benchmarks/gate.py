"""Measures how often the gate deploys models of noise, and of public tables.

    python -m benchmarks.gate [--noise] [--public] [--before TRAINER_FOLDER]

Trains 180 tables of pure noise (noise.py) and some 190 small public ones (gate_tables.py, written by the
Python of `scripts/setup.sh quality`), each by itself and without a champion, in one process of the trainer's
Python. With --before, the trainer of an earlier checkout trains the public ones by `linear` too, to show how
many of the tables that it deployed still are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import noise
from benchmarks.checkout import CHECKOUT, TRAINER
from benchmarks.report import console

PACKAGES = CHECKOUT / ".venv-quality" / "bin" / "python"
DRIVER = Path(__file__).with_name("gate_trainings.py")
NICE = 5
"""By how much the trainings yield to other processes."""
MOST_NOISE = 10
"""Tables of noise that may be deployed, of 180."""
LEAST_KEPT = 95 / 103
"""Share of the tables deployed before that have to be deployed still."""

Verdict = dict[str, Any]


class NotMeasuredError(Exception):
    """The benchmark cannot go on, for the reason that the message states."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description="Measure what the gate deploys."
    )
    parser.add_argument("--noise", action="store_true", help="only the tables of noise")
    parser.add_argument("--public", action="store_true", help="only the public tables")
    parser.add_argument(
        "--before", type=Path, help="the trainer folder of an earlier checkout to compare with"
    )
    options = parser.parse_args(arguments)
    everything = options.noise == options.public
    try:
        with tempfile.TemporaryDirectory() as folder:
            if everything or options.noise:
                show_noise(noise_verdicts(Path(folder)))
            if everything or options.public:
                show_public(*public_verdicts(Path(folder), options.before))
    except NotMeasuredError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    return 0


# --- Training ---------------------------------------------------------------------------------------------


def noise_verdicts(folder: Path) -> dict[str, Verdict]:
    """The verdict on each table of noise, by its name."""
    files = {}
    for number, (name, text) in enumerate(noise.tables()):
        files[name] = folder / f"noise-{number}.csv"
        files[name].write_text(text, encoding="utf-8")
    return dict(zip(files, verdicts(list(files.values())), strict=True))


def public_verdicts(
    folder: Path, before: Path | None
) -> tuple[dict[str, Verdict], dict[str, Verdict] | None]:
    """The verdict on each public table, by its key; and that of an earlier trainer."""
    if not PACKAGES.exists():
        raise NotMeasuredError(f"there is no {PACKAGES}: run scripts/setup.sh quality")
    target = folder / "public"
    target.mkdir()
    command = [str(PACKAGES), "-W", "ignore", "-m", "benchmarks.gate_tables", str(target)]
    written = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if written.returncode:
        raise NotMeasuredError(f"the public tables could not be written: {written.stderr[-2000:]}")
    files = sorted(target.glob("*.csv"))
    names = [file.stem for file in files]
    earlier = None
    if before:
        earlier = dict(zip(names, verdicts(files, before, "linear"), strict=True))
    return dict(zip(names, verdicts(files), strict=True)), earlier


def verdicts(
    files: Sequence[Path], trainer: Path = CHECKOUT / "trainer", algorithm: str = "auto"
) -> Iterator[Verdict]:
    """Train each file. Raises NotMeasuredError if the trainer's process ends."""
    command = [str(TRAINER / "bin" / "python"), "-P", str(DRIVER), str(trainer.resolve()), algorithm]
    with (
        console.status("Training …") as status,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        for number, file in enumerate(files):
            status.update(f"Training table {number + 1} of {len(files)} …")
            print(file, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if not line:
                raise NotMeasuredError(f"the trainer's process ended on {file.name}")
            yield json.loads(line)


# --- Results ----------------------------------------------------------------------------------------------


def kind(verdict: Verdict) -> str:
    """deploy, keep_champion, refused or crashed."""
    gate = verdict.get("gate")
    return str(gate["verdict"]) if gate else next(iter(verdict))


def show_noise(found: dict[str, Verdict]) -> None:
    deployed = [name for name, verdict in found.items() if kind(verdict) == "deploy"]
    console.print(f"Noise: {len(deployed)} of {len(found)} tables deployed, at most {MOST_NOISE} allowed")
    show_reasons(found, deployed)


def show_public(found: dict[str, Verdict], before: dict[str, Verdict] | None) -> None:
    counts = {each: sum(kind(verdict) == each for verdict in found.values()) for each in kinds(found)}
    told = ", ".join(f"{count} {each}" for each, count in counts.items())
    console.print(f"Public tables: {len(found)}, of which {told}")
    left_out = [name for name in found if kind(found[name]) != "deploy"]
    if before is not None:
        deployed = [name for name, verdict in before.items() if kind(verdict) == "deploy"]
        left_out = [name for name in deployed if kind(found[name]) != "deploy"]
        kept = 1 - len(left_out) / len(deployed)
        console.print(
            f"Of {len(deployed)} deployed before, {len(deployed) - len(left_out)} still are:"
            f" {kept:.1%}, at least {LEAST_KEPT:.1%} wanted"
        )
    show_reasons(found, left_out)


def kinds(found: dict[str, Verdict]) -> list[str]:
    return sorted({kind(verdict) for verdict in found.values()})


def show_reasons(found: dict[str, Verdict], names: Sequence[str]) -> None:
    """The metric, both values and both intervals of some tables, or why there are none."""
    table = Table("table", "model", "baseline", "hold-out rows: interval", "all rows: interval", box=None)
    for name in names:
        gate = found[name].get("gate")
        if not gate:
            table.add_row(name, f"{kind(found[name])}: {found[name][kind(found[name])][-200:]}")
            continue
        trivial = gate["baseline"]
        table.add_row(
            name,
            f"{gate['metric']} {gate['value']:.3g}",
            f"{trivial['value']:.3g}",
            shown(trivial),
            shown(trivial.get("out_of_fold")),
        )
    console.print(table, markup=False)


def shown(compared: Verdict | None) -> str:
    if not compared:
        return "none"
    low, high = compared.get("interval") or (None, None)
    return f"{compared['rows']}: " + ("too few" if low is None else f"{low:.2g} to {high:.2g}")


if __name__ == "__main__":
    sys.exit(main())
