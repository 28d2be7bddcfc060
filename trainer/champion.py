"""Scores a CSV with an MLflow model in a process of its own: the champion, on its challenger's hold-out rows.

    python -I champion.py MODEL_FOLDER ROWS.csv PREDICTIONS.json [COLUMN]

The champion's model brings its own code, of the version that trained it, which would clash with this
version's code in the challenger's process. That code gets no environment, and cannot read this process's. It
is no sandbox: which code may run at all is decided by the hash of the model's files (challenge.py).

The CSV is read as a batch deployment reads it: by pandas, with the types of the model's signature. COLUMN:
the one of the model's answer that is wanted, if not the first.
PREDICTIONS.json holds {"predictions": [...]} or {"error": one sentence}.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

TIMEOUT = 3600
"""Seconds that a champion may take."""
CHUNK_ROWS = 5000
MAX_ERROR = 500
"""Characters of an exception's message."""
PR_SET_DUMPABLE = 4
"""prctl(2). No other process of its user can read or trace one that is not dumpable, unless it has a
capability such as CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode checking")."""
NEEDED = ("SYSTEMROOT",)
"""The variables without which Python cannot start: one, on Windows."""


class ChampionProcess:
    """The champion's process, which starts at once and scores the rows beside the training."""

    def __init__(self, folder: Path, rows: Path, predictions: Path, column: str = "") -> None:
        hide_this_process()
        self._predictions = predictions
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(folder), str(rows), str(predictions), column],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={name: os.environ[name] for name in NEEDED if name in os.environ},
        )

    def predictions(self) -> tuple[list[Any], str]:
        """Wait for the predictions, one for each row. The text says why there are none, or is empty."""
        try:
            _, stderr = self._process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.stop()
            return [], f"it did not answer within {TIMEOUT} s"
        if self._process.returncode != 0 or not self._predictions.exists():
            lines = stderr.decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else "it said nothing"
            return [], f"its process ended with exit code {self._process.returncode}: {reason}"
        result = json.loads(self._predictions.read_text(encoding="utf-8"))
        return result.get("predictions", []), result.get("error", "")

    def stop(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def hide_this_process() -> None:
    """Keep other processes of the same user from reading the environment and the memory of this one.

    Both hold what signs in to storage. Linux only; elsewhere nothing changes. Raises OSError if it fails.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


def score(folder: str, rows: str, column: str) -> list[Any]:
    """One column of a model's predictions for a CSV, the first one for "": one entry for each row.

    Raises LookupError if its answer has no such column.
    """
    imports = _lean_imports()
    imports.defer_statistics()
    with imports.without_databricks():
        import mlflow.pyfunc
    import pandas

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    model = mlflow.pyfunc.load_model(folder, suppress_warnings=True)
    schema = model.metadata.get_input_schema()
    types = None
    if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
        types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    predictions: list[Any] = []
    for chunk in pandas.read_csv(rows, engine="c", dtype=types, chunksize=CHUNK_ROWS):
        output = model.predict(chunk)
        if column:
            if column not in getattr(output, "columns", ()):
                raise LookupError(f"its answer has no column {column}")
            answer = output[column]
        else:
            answer = output.iloc[:, 0] if hasattr(output, "iloc") and output.ndim > 1 else output
        predictions += answer.tolist() if hasattr(answer, "tolist") else list(answer)
    return predictions


def _lean_imports() -> Any:
    """The module beside this one, under a name that leaves its own to the champion's code."""
    spec = importlib.util.spec_from_file_location(
        "_lean_imports", Path(__file__).with_name("lean_imports.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main(folder: str, rows: str, predictions: str, column: str = "") -> int:
    """Score the rows, and write the predictions or the error."""
    try:
        result: dict[str, Any] = {"predictions": score(folder, rows, column)}
    except (
        Exception
    ) as error:  # any model may fail on columns that it was not made for; the gate reports that
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        result = {"error": f"{type(error).__name__}: {' '.join(lines)[:MAX_ERROR]}"}
    Path(predictions).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    # As in main.py, whose environment does not reach this process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.simplefilter("ignore")
    # As in main.py: fewer garbage collections among the imports, and none of the interpreter's shutdown.
    gc.set_threshold(200_000)
    os._exit(main(*sys.argv[1:]))
