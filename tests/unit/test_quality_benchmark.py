"""The scores of the benchmark of quality, and its report. What trains for it runs outside of the tests."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality_report, quality_scores
from benchmarks.quality_tables import BY_KEY, TABLES
from tests.checkout import CHECKOUT

CLASSES = BY_KEY["sklearn-iris"]
NUMBERS = BY_KEY["sklearn-diabetes"]
SCIKIT_LEARN = """
import json, sys
import numpy as np
from sklearn import metrics
classes, numbers = json.load(sys.stdin)
truth, answers = classes
guessed = np.array(["a", "b", "c"])[np.array(answers).argmax(axis=1)]
print(json.dumps({
    "accuracy": metrics.accuracy_score(truth, guessed),
    "log_loss": metrics.log_loss(truth, answers),
    "macro_f1": metrics.f1_score(truth, guessed, average="macro"),
    "rmse": metrics.root_mean_squared_error(*numbers),
    "r2": metrics.r2_score(*numbers),
}))
"""


def test_there_are_at_least_60_tables_and_none_is_listed_twice() -> None:
    assert len(TABLES) >= 60
    assert len(BY_KEY) == len(TABLES)
    assert {table.task for table in TABLES} == {"classification", "regression"}


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    truth, answers = random.choice(["a", "b", "c"], 200), random.dirichlet([1, 1, 1], 200)
    numbers, estimates = random.normal(size=100), random.normal(size=100)
    metrics, right = quality_scores.of_classes(list(truth), answers, ["a", "b", "c"])
    of_numbers, squares = quality_scores.of_numbers(numbers, estimates)
    asked = [[truth.tolist(), answers.tolist()], [numbers.tolist(), estimates.tolist()]]
    computed = subprocess.run(
        [CHECKOUT / ".venv-trainer" / "bin" / "python", "-c", SCIKIT_LEARN],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {**metrics, **of_numbers} == pytest.approx(json.loads(computed))
    assert list(right) == list(np.array(["a", "b", "c"])[answers.argmax(axis=1)] == truth)
    assert squares.mean() == pytest.approx(of_numbers["rmse"] ** 2)


def test_a_class_that_a_contender_has_never_seen_costs_as_much_as_certainty_of_another_one() -> None:
    metrics, right = quality_scores.of_classes(["a", "z"], np.array([[1.0, 0.0], [0.5, 0.5]]), ["a", "b"])
    assert metrics["log_loss"] == pytest.approx(-np.log(quality_scores.SMALLEST) / 2)
    assert list(right) == [1, 0]


@pytest.mark.parametrize(("better", "beyond"), [(0.0, False), (0.1, True)])
def test_the_interval_of_two_accuracies_leaves_out_no_difference_only_where_there_is_one(
    better: float, beyond: bool
) -> None:
    random = np.random.default_rng(3)
    theirs = (random.random(4000) < 0.7).astype(float)
    ours = np.where(random.random(4000) < better, 1.0, theirs)
    low, high = quality_scores.interval("classification", ours, theirs)
    assert low <= ours.mean() - theirs.mean() <= high
    assert (low > 0) == beyond


def test_the_interval_of_two_rmses_is_around_their_ratio() -> None:
    errors = np.random.default_rng(4).normal(size=1000)
    low, high = quality_scores.interval("regression", np.square(1.2 * errors), np.square(errors))
    assert low == pytest.approx(1.2)
    assert high == pytest.approx(1.2)


def write(folder: Path, key: str, name: str, **answers: np.ndarray) -> None:
    where = folder / key / "0"
    where.mkdir(parents=True, exist_ok=True)
    np.savez(where / f"{name}.npz", **answers)  # type: ignore[arg-type]
    (where / f"{name}.json").write_text(json.dumps({"seconds": 2.0, "processors": 1.0, "peak": 2**28}))


def test_the_report_says_which_targets_are_met_and_where_the_default_is_clearly_worse(tmp_path: Path) -> None:
    truth = ["x", "y"] * 500
    sure = np.array([[0.9, 0.1], [0.1, 0.9]] * 500)
    (tmp_path / CLASSES.key / "0").mkdir(parents=True)
    (tmp_path / CLASSES.key / "0" / "truth.csv").write_text("label\n" + "\n".join(truth) + "\n")
    worse = sure.copy()
    worse[:100] = worse[:100, ::-1]
    for name, answers in (("auto", worse), ("flaml", sure), ("plain_linear", sure)):
        write(tmp_path, CLASSES.key, name, answers=answers, classes=np.array(["x", "y"]))
    estimates = np.arange(1000.0)
    (tmp_path / NUMBERS.key / "0").mkdir(parents=True)
    (tmp_path / NUMBERS.key / "0" / "truth.csv").write_text("label\n" + "\n".join(map(str, estimates)) + "\n")
    for name, error in (("auto", 1.0), ("flaml", 1.0), ("plain_linear", 2.0)):
        write(tmp_path, NUMBERS.key, name, answers=estimates + error)
    text = quality_report.text(tmp_path, [CLASSES, NUMBERS, BY_KEY["sklearn-wine"]], 1)
    assert "2 tables, 1 hold-outs of each" in text
    assert "| accuracy less FLAML's | -0.1000 | -0.0050 | missed |" in text
    assert "| RMSE relative to FLAML's, geometric mean | 1.000 | 1.030 | met |" in text
    assert "| tables clearly worse than logistic or ridge regression | 1 | 0 | missed |" in text
    assert "| seconds of a training, median | 2.0 | 1.5 | missed |" in text
