"""The lab's dataset is the one that scikit-learn loads."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts import make_iris
from tests.checkout import CHECKOUT

LOADED = """
import json
from sklearn.datasets import load_iris

iris = load_iris()
print(json.dumps([[*row, iris.target_names[target]] for row, target in zip(iris.data.tolist(), iris.target)]))
"""


def test_the_rows_are_those_that_scikit_learn_loads() -> None:
    python = CHECKOUT / ".venv-trainer" / "bin" / "python"
    loaded = subprocess.run([python, "-c", LOADED], capture_output=True, text=True, check=True).stdout
    assert [[*map(float, row[:4]), row[4]] for row in make_iris.rows()] == json.loads(loaded)
    assert len(make_iris.HEADER) == 5


def test_without_the_trainers_environment_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(make_iris, "TRAINER", tmp_path / ".venv-trainer")
    with pytest.raises(FileNotFoundError, match=r"\.venv-trainer has no scikit-learn.*: run make setup"):
        make_iris.rows()
