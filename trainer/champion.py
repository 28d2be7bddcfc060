"""Score a CSV with an MLflow model, in a process of its own: how a champion meets the rows of its challenger.

    python -I champion.py MODEL_FOLDER ROWS.csv ANSWERS.json

The champion brings code of its own, of the version that trained it, which in the challenger's process would
meet another version under the same name. The CSV is read as a batch deployment reads it: by pandas, with the
types of the model's signature. ANSWERS.json holds {"answers": [...]} or {"error": one sentence}.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

LIMIT = 3600
"""Seconds that a champion may take."""
ROWS_AT_ONCE = 5000


class ChampionProcess:
    """The champion at work beside the training. It is started at once, and asked for its answers later."""

    def __init__(self, folder: Path, rows: Path, answers: Path) -> None:
        self._answers = answers
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(folder), str(rows), str(answers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def answers(self) -> tuple[list[Any], str]:
        """Its answers, one for each row, or why it has none."""
        try:
            _, said = self._process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.stop()
            return [], f"it did not answer within {LIMIT} s"
        if self._process.returncode != 0 or not self._answers.exists():
            words = said.decode(errors="replace").strip().splitlines()
            why = words[-1] if words else "it said nothing"
            return [], f"its process ended with exit code {self._process.returncode}: {why}"
        found = json.loads(self._answers.read_text(encoding="utf-8"))
        return found.get("answers", []), found.get("error", "")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def score(folder: str, rows: str) -> list[Any]:
    import mlflow.pyfunc
    import pandas

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    model = mlflow.pyfunc.load_model(folder)
    schema = model.metadata.get_input_schema()
    types = None
    if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
        types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    answers: list[Any] = []
    for chunk in pandas.read_csv(rows, engine="c", dtype=types, chunksize=ROWS_AT_ONCE):
        found = model.predict(chunk)
        column = found.iloc[:, 0] if hasattr(found, "iloc") and found.ndim > 1 else found
        answers += column.tolist() if hasattr(column, "tolist") else list(column)
    return answers


def main(folder: str, rows: str, answers: str) -> int:
    try:
        found: dict[str, Any] = {"answers": score(folder, rows)}
    except Exception as error:  # any model may fail at columns it was not made for: that is an answer, too
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        found = {"error": f"{type(error).__name__}: {' '.join(lines)[:500]}"}
    Path(answers).write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(*sys.argv[1:]))
