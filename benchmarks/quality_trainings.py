"""Trains with the trainer and scores through the saved model, for the benchmark of quality.

    python -P quality_trainings.py          (the trainer's Python)

It imports the trainer once and answers a request per line:

    {"folder": WITH_TRAIN_AND_HOLDOUT, "label": COLUMN, "task": TASK, "algorithm": ALGORITHM, "name": NAME}

The trainer holds out a fifth of every file, on which it measures its model. It gets the whole table, and the
benchmark's hold-out is made its own: so it trains on the same rows as the other contenders.

It writes NAME.npz, the predictions for the hold-out, and NAME.json: what it took, without imports, and what
was chosen. The answer is {"code": 0}, or the exit code and the error of a training that failed.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TRAINER = Path(__file__).resolve().parents[1] / "trainer"


def warm_up_rows() -> str:
    """A small table, whose training imports what any training does."""
    rows = (f"{number},{'ab'[number % 2]},{number % 3}\n" for number in range(100))
    return "number,letter,label\n" + "".join(rows)


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Keep what is printed meanwhile; gives what goes to stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield err


def start_of_peak() -> None:
    """Forget how much memory this process used earlier, as far as it has given it back."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most memory that this process has used since `start_of_peak`, in bytes."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each)
    return int(line.split()[1]) * 1024


def whole_table(folder: Path, to: Path) -> int:
    """Write the training rows and then the hold-out with its labels. Returns how many the former are."""
    with (
        (folder / "train.csv").open(newline="") as train,
        (folder / "holdout.csv").open(newline="") as hold_out,
        (folder / "truth.csv").open(newline="") as truth,
        to.open("w", newline="") as whole,
    ):
        writer = csv.writer(whole)
        rows = -1  # the header is none
        for row in csv.reader(train):
            writer.writerow(row)
            rows += 1
        both = zip(csv.reader(hold_out), csv.reader(truth), strict=True)
        next(both)
        writer.writerows(features + label for features, label in both)
        return rows


@contextlib.contextmanager
def holding_out(first: int) -> Iterator[None]:
    """Meanwhile, the trainer holds out exactly the rows from this number on."""
    numpy: Any = importlib.import_module("numpy")
    label_choice: Any = importlib.import_module("label_choice")
    theirs = label_choice.Split

    class Split(theirs):  # type: ignore[misc, valid-type]
        @classmethod
        def with_small_classes(cls, classes: list[list[tuple[int, int]]], bits: Any = None) -> Any:
            rows = numpy.array(sorted(row for pairs in classes for _, row in pairs), dtype=numpy.int64)
            return cls(rows, rows >= first, bits)

        def _below(self, rows: Any) -> Any:
            return rows >= first

    label_choice.Split = Split
    try:
        yield
    finally:
        label_choice.Split = theirs


def train(request: dict[str, str]) -> dict[str, Any]:
    """Do what a request asks for, in a working folder that is deleted at the end."""
    main: Any = importlib.import_module("main")
    folder = Path(request["folder"])
    arguments = ["--label", request["label"], "--task", request["task"], "--algorithm", request["algorithm"]]
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        first = whole_table(folder, Path("table.csv"))
        with quiet() as err, holding_out(first):
            start_of_peak()
            wall, processors = time.perf_counter(), time.process_time()
            code = main.main(["--csv", "table.csv", *arguments])
            took = {
                "seconds": time.perf_counter() - wall,
                "processors": time.process_time() - processors,
                "peak": peak(),
            }
        if code:
            return {"code": code, "error": err.getvalue()}
        (run,) = Path().glob("mlruns/0/*/")
        document = json.loads((run / "artifacts" / "metrics.json").read_text())
        score(run / "artifacts" / "model", folder, request["name"], document["classes"])
    told = {
        name: document[name]
        for name in ("algorithm", "choice", "gate", "notes", "dropped_columns")
        if name in document
    }
    (folder / f"{request['name']}.json").write_text(json.dumps(took | told))
    return {"code": 0}


def score(model: Path, folder: Path, name: str, classes: list[str]) -> None:
    """Predict the hold-out as a batch deployment does, and keep the answers."""
    numpy: Any = importlib.import_module("numpy")
    pandas: Any = importlib.import_module("pandas")
    pyfunc: Any = importlib.import_module("mlflow.pyfunc")
    loaded = pyfunc.load_model(str(model))
    schema = loaded.metadata.get_input_schema()
    types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    answer = loaded.predict(pandas.read_csv(folder / "holdout.csv", dtype=types))
    if classes:
        columns = answer[[f"probability_{each}" for each in classes]]
        numpy.savez(folder / f"{name}.npz", answers=columns.to_numpy(), classes=numpy.array(classes))
    else:
        numpy.savez(folder / f"{name}.npz", answers=answer["prediction"].to_numpy())


def answered(request: dict[str, str]) -> dict[str, Any]:
    try:
        return train(request)
    except Exception:
        return {"code": 1, "error": traceback.format_exc()}


def serve() -> None:
    sys.path.insert(0, str(TRAINER))
    with tempfile.TemporaryDirectory() as work, quiet():
        os.chdir(work)
        main: Any = importlib.import_module("main")
        importlib.import_module("mlflow.pyfunc")
        Path("warm.csv").write_text(warm_up_rows())
        for task in ("classification", "regression"):
            main.main(["--csv", "warm.csv", "--algorithm", "auto", "--task", task])
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
