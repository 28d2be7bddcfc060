"""What trainer and deployed model import, and that what they put off is there once it is asked for."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.trainer.conftest import MAIN, Trainer
from tests.trainer.storage import without_azure

DEFERRED = """
import sys
import touchdown_model
import sklearn.linear_model, sklearn.ensemble

statistics = sys.modules["scipy.stats"]
assert "norm" not in vars(statistics), "scipy.stats was executed"

import numpy as np
from lean_imports import geometric_mean

shares = np.random.default_rng(5).dirichlet(np.ones(9), size=400)
ours = geometric_mean(shares, axis=1)
from sklearn.metrics._ranking import rankdata

assert list(rankdata([30, 10, 20])) == [3, 1, 2]
import scipy.stats

assert scipy.stats is statistics
assert scipy.stats.norm.cdf(0) == 0.5
assert scipy.stats.gmean(shares, axis=1).tobytes() == ours.tobytes()
assert np.isnan(scipy.stats.gmean([1.0, np.nan]))
from scipy.stats._stats_py import gmean

assert scipy.stats.gmean is gmean
try:
    scipy.stats.of_no_such_name
except AttributeError as error:
    assert "of_no_such_name" in str(error)
else:
    raise AssertionError("a name that does not exist was found")
"""
TRAINING = """
import sys
import main

assert main.main(sys.argv[1:]) == 0
for module, name in (("scipy.stats", "norm"), ("matplotlib.dviread", "DviFont")):
    assert name not in vars(sys.modules[module]), f"{module} was executed"
assert "databricks.sdk" not in sys.modules
assert ("sklearn.ensemble" in sys.modules) == ("linear" not in sys.argv), "a linear model has no trees"
from matplotlib import artist, figure

assert "alpha" in artist.kwdoc(figure.Figure)
"""


def run(program: str, *arguments: str, python: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, "-c", program, *arguments],
        cwd=cwd,
        env=without_azure(os.environ) | {"PYTHONPATH": str(MAIN.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_module_that_is_put_off_is_whole_once_something_of_it_is_used(
    trainer_python: str, tmp_path: Path
) -> None:
    done = run(DEFERRED, python=trainer_python, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("algorithm", ["auto", "linear"])
def test_a_training_uses_nothing_of_what_is_put_off(
    algorithm: str, trainer_python: str, iris_csv: Path, tmp_path: Path
) -> None:
    done = run(
        TRAINING, "--csv", str(iris_csv), "--algorithm", algorithm, python=trainer_python, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_all_output_is_there_when_the_process_ends(trainer: Trainer, iris_csv: Path, tmp_path: Path) -> None:
    done = trainer("--csv", str(iris_csv), "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.rstrip().splitlines()[-1].startswith("model kept in ")
