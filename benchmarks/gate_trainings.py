"""Trains tables one after the other, for the benchmark of the gate, and prints each verdict.

    python -P gate_trainings.py TRAINER_FOLDER ALGORITHM          (the trainer's Python)

It imports the trainer of that folder once. On stdin, it gets the path of a CSV in each line; on stdout, it
answers a line of JSON: {"gate": ...} as in metrics.json, {"refused": REASON}, or {"crashed": TRACEBACK}.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any


def train(file: str, arguments: list[str]) -> dict[str, Any]:
    """The gate of a training. What is said, saved or warned of meanwhile is dropped."""
    main, job, experiment, reading, refusals = map(
        importlib.import_module, ("main", "job", "experiment", "reading", "refusals")
    )
    described: Any = job.job_by_hand(["--csv", file, *arguments])
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            source = reading.Source(file, lambda: main.dataset_chunks(None, described))
            return {"gate": experiment.train(described, source, None, Path(folder)).document["gate"]}
    except refusals.BadInputError as refusal:
        return {"refused": str(refusal)}
    except Exception:
        return {"crashed": traceback.format_exc()}


def serve(trainer: str, algorithm: str) -> None:
    sys.path.insert(0, trainer)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(train(line.strip(), ["--algorithm", algorithm])), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
