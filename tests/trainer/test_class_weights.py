"""The setting class_weights: each class counts alike in training, whatever algorithm is trained."""

from random import Random
from typing import Any

import numpy as np
import pytest

from tests.trainer.flat import flat_module
from tests.trainer.workshop import Training, Workshop, table

class_weights: Any = flat_module("class_weights")
BALANCED = ("--class-weights", "balanced")
NOTE = "rows are weighted by class_weights"


def imbalanced(rows: int = 1500, share: float = 0.06) -> bytes:
    """Two numbers that differ by class, but not so far that they tell the classes apart."""
    drawn = Random(5)
    lines = []
    for number in range(rows):
        rare = number < share * rows
        lines.append([drawn.gauss(1.2 * rare, 1), drawn.gauss(rare, 1), "yes" if rare else "no"])
    drawn.shuffle(lines)
    return table(["x", "z", "y"], lines).encode()


def probability_of_the_true_class(workshop: Workshop, training: Training, data: bytes) -> dict[str, float]:
    """The mean over the rows of each class."""
    answer = workshop.score(training, data)
    true = [line.rsplit(",", 1)[1] for line in data.decode().splitlines()[1:]]
    return {
        name: float(np.mean([p for p, label in zip(answer[f"probability_{name}"], true, strict=True)
                             if label == name]))
        for name in ("no", "yes")
    }  # fmt: skip


def test_a_class_counts_inversely_to_its_rows_and_the_mean_row_counts_1() -> None:
    counts = np.array([6, 3, 0, 1])
    found = class_weights.balanced(counts)
    assert found.tolist() == pytest.approx([10 / 18, 10 / 9, 0, 10 / 3])
    assert (found * counts).sum() == pytest.approx(counts.sum())


@pytest.mark.parametrize(
    ("algorithm", "limits"),
    [("linear", {}), ("linear", {"block_bytes": 6000}), ("boosting", {}), ("auto", {})],
    ids=["linear", "linear in chunks", "boosting", "auto"],
)
def test_a_rare_class_is_answered_as_surely_as_a_frequent_one(
    algorithm: str, limits: dict[str, Any], workshop: Workshop
) -> None:
    data = imbalanced()
    given = ("--algorithm", algorithm, *(() if algorithm == "auto" else ("--epochs", "20")))
    training = workshop.trained(data, *given, *BALANCED, **limits)
    sure = probability_of_the_true_class(workshop, training, data)
    # Unweighted, they are about 0.25 and 0.96: the answers follow the classes' shares.
    assert sure["yes"] == pytest.approx(sure["no"], abs=0.12)
    assert sure["yes"] > 0.6
    document = training.document
    assert document["parameters"]["class_weights"] == "balanced"
    (note,) = [each for each in document["notes"] if each.startswith(NOTE)]
    assert note in training.stdout.splitlines()
    assert "training starts again" not in training.stdout
    if algorithm == "auto":
        assert document["choice"]["metric"] == "balanced log loss"
        assert "was chosen by the balanced log loss of " in training.stdout


def test_a_class_of_few_rows_among_many_does_not_throw_a_linear_model_off(workshop: Workshop) -> None:
    data = imbalanced(3000, share=0.001)
    training = workshop.trained(data, "--epochs", "10", *BALANCED)
    assert training.document["metrics"]["train_loss"] < np.log(2)
    assert "training starts again" not in training.stdout


def test_a_regression_says_that_it_has_no_classes_to_weigh(workshop: Workshop) -> None:
    drawn = Random(6)
    rows = [[each, 2 * each + drawn.random()] for each in (drawn.random() for _ in range(60))]
    data = table(["x", "y"], rows).encode()
    training = workshop.trained(data, "--epochs", "2", *BALANCED)
    assert "class_weights was not used, because a regression has no classes" in training.document["notes"]
