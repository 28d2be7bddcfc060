"""Imports the trainer once, for many small tables: one request per line on stdin, one answer on stdout.

    python -P worker.py TRAINER_FOLDER          (the trainer's Python, not that of the tests)

    {"train": [ARGUMENTS], "folder": WORKING_FOLDER, "limits": {LIMIT: BYTES}}
        ->  {"code": EXIT_CODE, "stdout": TEXT, "stderr": TEXT}
    {"score": MODEL_FOLDER, "csv": FILE}
        ->  {"answer": {COLUMN: [VALUES]}}, or {"error": TEXT}
    {"call": [MODULE, FUNCTION], "arguments": [ARGUMENTS]}
        ->  {"answer": WHAT_THE_FUNCTION_RETURNS}

Starting the trainer takes two seconds of imports; training on a table of twenty rows takes a fraction of one.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import traceback
import warnings
from typing import Any

sys.path.insert(0, sys.argv[1])
main: Any = importlib.import_module("main")
reading: Any = importlib.import_module("reading")
sample: Any = importlib.import_module("sample")
storage: Any = importlib.import_module("storage")
BLOCK_BYTES, CHUNK_BYTES = reading.BLOCK_BYTES, storage.CHUNK_BYTES
SAMPLE_BYTES = sample.SAMPLE_BYTES
SLICE_ROWS = 32_768
"""As in chunks.py, which is imported only where it is used."""


def train(
    arguments: list[str],
    folder: str,
    block_bytes: int | None = None,
    sample_bytes: int | None = None,
    feature_bytes: int | None = None,
    many_rows: int | None = None,
    slice_rows: int | None = None,
) -> dict[str, Any]:
    """Run main.py in a working folder, and return its exit code and output.

    block_bytes: the size of the blocks in which the file is read and parsed; a small one gives many blocks of
    few rows. sample_bytes: the most text that the sampled rows may have; a small one makes rows too long for
    it. feature_bytes: of the features that the algorithm auto holds in memory; many_rows: above it, it
    chooses by a single split. slice_rows: the rows of a chunk that the algorithm linear learns from.
    """
    limits = {"bytes": feature_bytes, "many_rows": many_rows}
    if any(limits.values()) or "automatic" in sys.modules:
        automatic: Any = importlib.import_module("automatic")
        rows: Any = importlib.import_module("training_set")
        automatic.LIMITS = rows.Limits(**{name: value for name, value in limits.items() if value})
    if slice_rows or "chunks" in sys.modules:
        chunks: Any = importlib.import_module("chunks")
        chunks.SLICE_ROWS = slice_rows or SLICE_ROWS
    reading.BLOCK_BYTES = block_bytes or BLOCK_BYTES
    storage.CHUNK_BYTES = block_bytes or CHUNK_BYTES
    sample.SAMPLE_BYTES = sample_bytes or SAMPLE_BYTES
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    # Leaving catch_warnings resets the registry of warnings, so each request warns anew.
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.main(arguments)
    return {"code": code, "stdout": out.getvalue(), "stderr": err.getvalue()}


def score(model: str, csv: str) -> dict[str, Any]:
    """A model's predictions for a CSV, read as Azure ML's driver of a batch deployment reads it."""
    import mlflow.pyfunc

    pandas: Any = importlib.import_module("pandas")
    loaded = mlflow.pyfunc.load_model(model)
    schema = loaded.metadata.get_input_schema()
    types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    try:
        answer = loaded.predict(pandas.read_csv(csv, engine="c", dtype=types))
    except Exception:
        return {"error": traceback.format_exc()}
    return {"answer": {name: answer[name].tolist() for name in answer.columns}}


def call(module: str, function: str, arguments: list[Any]) -> dict[str, Any]:
    """What a function of one of the trainer's modules returns: arrays as lists, objects as their fields."""
    return {"answer": getattr(importlib.import_module(module), function)(*arguments)}


def plain(answer: Any) -> Any:
    """What json makes of an array or an object."""
    return answer.tolist() if hasattr(answer, "tolist") else vars(answer)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that bypasses sys.stdout must not print among the answers
    for line in sys.stdin:
        request = json.loads(line)
        if "train" in request:
            answer = train(request["train"], request["folder"], **request["limits"])
        elif "call" in request:
            answer = call(request["call"][0], request["call"][1], request["arguments"])
        else:
            answer = score(request["score"], request["csv"])
        print(json.dumps(answer, default=plain), file=answers, flush=True)


if __name__ == "__main__":
    serve()
