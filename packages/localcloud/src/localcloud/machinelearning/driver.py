"""Scores files with an MLflow model, as the driver of a batch deployment without code does.

Runs in a fresh process of the nodes' Python (3.10 or 3.11), knows nothing of localcloud, and needs only
what the model needs: mlflow and the model's own libraries. The request is one JSON line on standard input:

    {"model": folder, "inputs": [file, ...], "predictions": file, "logs": folder, "miniBatchSize": int,
     "errorThreshold": int, "maxRetries": int, "timeout": seconds of one mini batch}

Standard input stays open. It ends when the process that started this one has ended, and this process ends
too. Exit code 0 means that the predictions are written; 42, as in Azure, that the job has failed, for which
`logs/user/error.txt` and `outcome.json` in the log folder give the reason. Source: "Deploy MLflow models in
batch deployments"; "Troubleshoot batch endpoints"; published copies of Azure's own driver, which read a CSV
and put predictions into a table as this one does.
"""

import csv
import gc
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

FAILED = 42


class JobFailedError(Exception):
    """The job has failed; the text says why."""


class MiniBatchTimeoutError(Exception):
    """A mini batch took longer than the deployment allows."""


def die_with_parent() -> None:
    """End this process and its children when standard input ends."""
    sys.stdin.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def say(text: str) -> None:
    print(f"[{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}] {text}", flush=True)


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def column_types(model: Any) -> dict[str, Any]:
    """Return the pandas type of each column in the model's signature; none without a signature.

    A CSV has no types: by default a column of whole numbers is read as integers, which MLflow refuses for a
    double, and 007 as seven. So the file is read with the signature's types. Text stays text; an empty cell
    is a missing value in a column of texts or doubles, and an error in one of integers or booleans, which
    have no missing value. Columns that the signature does not name keep pandas' default; MLflow drops them.
    """
    schema = model.metadata.get_input_schema()
    if schema is None or not schema.has_input_names() or schema.is_tensor_spec():
        return {}
    return dict(zip(schema.input_names(), schema.pandas_types(), strict=True))


def read_table(path: Path, types: dict[str, Any] | None = None) -> Any:
    """Return the rows of one input file as a DataFrame. Raises ValueError for an unsupported file type."""
    import pandas

    extension = path.suffix
    if extension == ".csv":
        return pandas.read_csv(path, engine="c", dtype=types)
    if extension in (".parquet", ".pqt"):
        return pandas.read_parquet(path)
    raise ValueError(f"File type '{extension}' is not supported")


def lines_of(predictions: Any, name: str) -> str:
    """Return predictions as lines of CSV: row, prediction, `name` of the file.

    A table of predictions contributes all its columns, in order, as pandas writes them (a missing value is
    empty), with its index as the row. Anything else is one prediction, or one list of them, per row.
    """
    if isinstance(predictions, dict):
        import pandas

        predictions = pandas.DataFrame(predictions)
    if hasattr(predictions, "to_frame") and not hasattr(predictions, "columns"):
        predictions = predictions.to_frame()
    out = io.StringIO()
    if hasattr(predictions, "columns"):
        # By position, because two columns of the model may have the same name, or the name of this one.
        table = predictions.copy(deep=False)
        table.insert(table.shape[1], "file", name, allow_duplicates=True)
        table.to_csv(out, header=False, lineterminator="\n")
        return out.getvalue()
    rows = predictions.tolist() if hasattr(predictions, "tolist") else list(predictions)
    csv.writer(out, lineterminator="\n").writerows(
        [index, *(plain(value) for value in (row if isinstance(row, list) else [row])), name]
        for index, row in enumerate(rows)
    )
    return out.getvalue()


def plain(value: Any) -> Any:
    """Return `value`, or "" for a missing one; NaN is the only value that does not equal itself."""
    return "" if value is None or value != value else value


def score(model: Any, files: list[Path], read: Callable[[Path], Any]) -> str:
    """Return the prediction lines of the files of one mini batch."""
    return "".join(lines_of(model.predict(read(path)), path.name) for path in files)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise MiniBatchTimeoutError in the block if it takes longer than `seconds`."""

    def expired(*_: object) -> None:
        raise MiniBatchTimeoutError(f"the mini batch took longer than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class NotFound(Exception):  # noqa: N818 - it stands for the SDK's class of this name
    """Stands for the error of that name of Databricks' SDK, which nothing raises here."""


@contextmanager
def without_databricks() -> Iterator[None]:
    """Import MLflow without Databricks' SDK, a third of the import's time.

    MLflow's stores for Databricks need one class of it, and import all of it for that (mlflow 2.22,
    mlflow/store/artifact/databricks_sdk_models_artifact_repo.py). A model on disk is in none of these stores.
    A model that uses the SDK finds it, if it is installed.
    """
    stand_in = ModuleType("databricks.sdk.errors.platform")
    vars(stand_in)["NotFound"] = NotFound
    sys.modules[stand_in.__name__] = stand_in
    try:
        yield
    finally:
        del sys.modules[stand_in.__name__]


def trust_metadata() -> None:
    """Let MLflow compare the requirements of a model with the packages here by their metadata alone.

    Else it reads the list of files of every package, for those whose metadata gives no version (mlflow 2.22,
    mlflow/utils/requirements_utils.py).
    """
    from mlflow.utils import requirements_utils

    vars(requirements_utils)["_MODULES_TO_PACKAGES"] = {}


class Run:
    """One job: its settings, its predictions so far, and its failures."""

    def __init__(self, request: dict[str, Any], read: Callable[[Path], Any] | None = None) -> None:
        self.request = request
        self.read = read
        self.logs = Path(request["logs"])
        self.files = [Path(file) for file in request["inputs"]]
        self.scored: list[str] = []
        self.failed_items = 0
        self.errors: list[str] = []

    def run(self) -> None:
        """Score everything and write the predictions. Raises JobFailedError."""
        if not self.files:
            raise JobFailedError("The input has no files.")
        self.score_all(self.load_model())
        with Path(self.request["predictions"]).open("w", newline="", encoding="utf-8") as out:
            out.writelines(self.scored)

    def load_model(self) -> Any:
        started = time.monotonic()
        with without_databricks():
            import mlflow.pyfunc

        say(f"mlflow imported in {time.monotonic() - started:.2f} s")
        started = time.monotonic()
        trust_metadata()
        model = mlflow.pyfunc.load_model(self.request["model"])
        say(f"model loaded in {time.monotonic() - started:.2f} s")
        return model

    def score_all(self, model: Any) -> None:
        """Score all mini batches. Raises JobFailedError if too many files fail, or all of them."""
        threshold, size = self.request["errorThreshold"], self.request["miniBatchSize"]
        succeeded = 0
        for start in range(0, len(self.files), size):
            files = self.files[start : start + size]
            lines = self.attempt(model, files)
            if lines is None:
                self.failed_items += len(files)
            else:
                succeeded += 1
                self.scored.append(lines)
            if 0 <= threshold < self.failed_items:
                raise JobFailedError(
                    f"The run() function in the entry script had failed for {self.failed_items} items,"
                    f" more than the error threshold of {threshold}."
                )
        if not succeeded:
            raise JobFailedError("No succeeded mini batch item returned from run().")

    def attempt(self, model: Any, files: list[Path]) -> str | None:
        """Return the prediction lines of one mini batch, or None if every attempt at it failed."""
        names = ", ".join(path.name for path in files)
        read = self.read or partial(read_table, types=column_types(model))
        for attempt in range(1 + self.request["maxRetries"]):
            started = time.monotonic()
            try:
                with time_limit(self.request["timeout"]):
                    lines = score(model, files, read)
            except Exception as error:
                self.note(f"mini batch of {names} failed, attempt {attempt + 1}", error)
            else:
                say(f"mini batch of {names} in {time.monotonic() - started:.2f} s")
                return lines
        return None

    def note(self, what: str, error: Exception) -> None:
        """Log a failure: one line on standard output, the trace in error.txt."""
        say(f"{what}: {describe(error)}")
        self.errors.append(describe(error))
        file = self.logs / "logs" / "user" / "error.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(f"{what}\n")
            traceback.print_exception(type(error), error, error.__traceback__, file=out)

    def write_outcome(self, error: str | None) -> None:
        done = len(self.files) - self.failed_items
        overview = f"{len(self.files)} items: {done} processed, {self.failed_items} failed\n"
        folder = self.logs / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job_progress_overview.txt").write_text(overview, encoding="utf-8")
        (self.logs / "outcome.json").write_text(json.dumps({"error": error}), encoding="utf-8")


def main() -> int:
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=die_with_parent, daemon=True).start()
    run = Run(request)
    try:
        run.run()
    except Exception as error:
        because = f" {run.errors[-1]}" if run.errors else ""
        run.note("the job failed", error)
        run.write_outcome(f"{describe(error)}{because}")
        return FAILED
    run.write_outcome(None)
    say(f"{len(run.files) - run.failed_items} files scored")
    return 0


if __name__ == "__main__":
    # The imports create hundreds of thousands of objects that stay. Collecting garbage less often makes a
    # small job a tenth faster.
    gc.set_threshold(200_000)
    code = main()
    sys.stdout.flush()
    # This skips the interpreter's shutdown, which is slow once mlflow's libraries are imported.
    os._exit(code)
