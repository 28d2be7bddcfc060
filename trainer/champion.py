"""Scores a CSV with an MLflow model in a process of its own: the champion, on its challenger's hold-out rows.

    python -I champion.py MODEL_FOLDER ROWS.csv COLUMN > PREDICTIONS.json

The champion's model brings its own code, of the version that trained it, which would clash with this
version's code in the challenger's process. That code gets no environment, and cannot read this process's. It
is no sandbox: which code may run at all is decided by the hash of the model's files (challenge.py). But of
what it writes, no more is kept than the constants below say.

The CSV is read as a batch deployment reads it: by pandas, with the types of the model's signature. COLUMN:
the one of the model's answer that is wanted; "" for the first.
PREDICTIONS.json holds {"predictions": [...]} or {"error": one sentence}. Nothing else that the model's code
prints is kept.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import IO, Any

TIMEOUT = 3600
"""Seconds that a champion may take."""
CHUNK_ROWS = 5000
MAX_ERROR = 500
"""Characters of an exception's message."""
MAX_STDERR = 1 << 16
"""Bytes, from the end of what the process says, that are kept in memory."""
LONGEST_ANSWERS = 16 << 20
"""Bytes of PREDICTIONS.json: 1.6 KB for each of 10,000 rows. The process cannot make a longer file."""
LONGEST_MLMODEL = 16 << 20
"""Bytes of an MLmodel, as many as the app reads (services/blobs.py): MLflow reads it into memory."""
NEEDED = ("SYSTEMROOT",)
"""The variables without which Python cannot start: one, on Windows."""


class ChampionProcess:
    """The champion's process, which starts at once and scores the rows beside the training."""

    def __init__(self, folder: Path, rows: Path, predictions: Path, column: str = "") -> None:
        # The process itself runs this file alone, and finds no module beside it.
        from hiding import hide_this_process

        hide_this_process()
        # The file is read through this handle: what lies at its path later may be a pipe without an end.
        self._predictions = predictions.open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(folder), str(rows), column],
            stdout=self._predictions,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={name: os.environ[name] for name in NEEDED if name in os.environ},
        )
        assert self._process.stderr is not None
        self._said = bytearray()
        self._listener = threading.Thread(target=_keep_end, args=(self._process.stderr, self._said))
        self._listener.daemon = True
        self._listener.start()

    def predictions(self) -> tuple[list[Any], str]:
        """Wait for the predictions, one for each row. The text says why there are none, or is empty."""
        try:
            code = self._process.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.stop()
            return [], f"it did not answer within {TIMEOUT} s"
        if code != 0:
            # A process that the champion has started may hold the stream open.
            self._listener.join(timeout=5)
            lines = bytes(self._said).decode(errors="replace").strip().splitlines()
            reason = lines[-1][:MAX_ERROR] if lines else "it said nothing"
            return [], f"its process ended with exit code {code}: {reason}"
        self._predictions.seek(0)
        return answers_in(self._predictions.read(LONGEST_ANSWERS + 1))

    def stop(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._predictions.close()


def _keep_end(stream: IO[bytes], end: bytearray) -> None:
    """Read a stream until it is closed, and keep its last MAX_STDERR bytes in `end`."""
    with stream:
        while piece := os.read(stream.fileno(), MAX_STDERR):
            end += piece
            del end[:-MAX_STDERR]


def answers_in(content: bytes) -> tuple[list[Any], str]:
    """The predictions in what a champion has written, and why there are none, or ""."""
    if len(content) > LONGEST_ANSWERS:
        return [], f"its answers take more than {LONGEST_ANSWERS:,} bytes"
    try:
        result = json.loads(content)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict):
        return [], "what it has written are no answers"
    error, predictions = result.get("error", ""), result.get("predictions", [])
    if not isinstance(error, str) or not isinstance(predictions, list):
        return [], "what it has written are no answers"
    return predictions, error[: 2 * MAX_ERROR]


def score(folder: str, rows: str, column: str) -> list[Any]:
    """One column of a model's predictions for a CSV, the first one for "": one entry for each row.

    Raises LookupError if its answer has no such column, ValueError if its MLmodel is too long.
    """
    mlmodel = Path(folder, "MLmodel")
    if mlmodel.is_file() and mlmodel.stat().st_size > LONGEST_MLMODEL:
        raise ValueError(f"its MLmodel has more than {LONGEST_MLMODEL:,} bytes")
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


def keep_files_short() -> None:
    """Have the system refuse this process, and those that it starts, any file longer than the answers may be.

    That is setrlimit(2), RLIMIT_FSIZE; Windows has no such limit. The model's code cannot raise it again.
    """
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = LONGEST_ANSWERS + 1
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def own_output() -> IO[str]:
    """This process's standard output, of which nobody else has the number; what others print is dropped."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return output


def main(folder: str, rows: str, column: str) -> int:
    """Score the rows, and write the predictions or the error."""
    keep_files_short()
    output = own_output()
    try:
        result: dict[str, Any] = {"predictions": score(folder, rows, column)}
    except (
        Exception
    ) as error:  # any model may fail on columns that it was not made for; the gate reports that
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        result = {"error": f"{type(error).__name__}: {' '.join(lines)[:MAX_ERROR]}"}
    text = json.dumps(result)
    if len(text) > LONGEST_ANSWERS:
        text = json.dumps({"error": f"its answers take more than {LONGEST_ANSWERS:,} bytes"})
    with output:
        output.write(text)
    return 0


if __name__ == "__main__":
    # As in main.py, whose environment does not reach this process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.simplefilter("ignore")
    # As in main.py: fewer garbage collections among the imports, and none of the interpreter's shutdown.
    gc.set_threshold(200_000)
    os._exit(main(*sys.argv[1:]))
