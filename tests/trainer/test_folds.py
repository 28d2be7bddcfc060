"""The folds of the training rows: copies together, some of each class in each."""

import random
from typing import Any

import numpy as np
import pytest

from tests.trainer.flat import flat_module
from tests.trainer.workshop import Workshop, table

folds: Any = flat_module("folds")
holdout: Any = flat_module("holdout")
FOLDS = folds.FoldLimits()
SPLIT = folds.FoldLimits(many_rows=0)


def drawn(rows: int, different: int, classes: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The group of copies and the class of each row. About one group in ten has several labels."""
    generator = np.random.default_rng(seed)
    group = generator.integers(different, size=rows)
    mixed = generator.random(different) < 0.1
    return group, np.where(mixed[group], generator.integers(classes, size=rows), group % classes)


def hashes(group: np.ndarray) -> np.ndarray:
    found: np.ndarray = holdout.hashes_of(group)
    return found


@pytest.mark.parametrize("limits", [FOLDS, SPLIT], ids=["folds", "split"])
@pytest.mark.parametrize("rows", [60, 2000])
def test_copies_lie_in_one_fold(rows: int, limits: Any) -> None:
    group, classes = drawn(rows, rows // 4, 3)
    fold, _ = folds.folds_of(classes, hashes(group), limits)
    assert len({(one, each) for one, each in zip(group, fold, strict=True)}) == len(set(group))


def test_folds_are_of_about_the_same_size_and_have_some_of_each_class() -> None:
    group, classes = drawn(3000, 500, 4)
    fold, count = folds.folds_of(classes, hashes(group), FOLDS)
    shares = np.array([np.bincount(classes[fold == each], minlength=4) for each in range(count)])
    assert count == 5
    assert shares.min() > 0.7 * shares.mean()


def test_a_split_predicts_about_its_share_of_each_class() -> None:
    group, classes = drawn(5000, 900, 4)
    fold, count = folds.folds_of(classes, hashes(group), SPLIT)
    assert count == 1
    held = np.bincount(classes[fold == 0]) / np.bincount(classes)
    assert (held > 0.1).all()
    assert (held < 0.3).all()


def test_without_copies_the_rows_of_a_class_are_dealt_by_their_hashes() -> None:
    rows = holdout.row_hashes(0, 100)
    fold, _ = folds.folds_of(None, rows, FOLDS)
    assert fold[np.argsort(rows)].tolist() == [place % 5 for place in range(100)]


def test_the_only_row_of_a_class_is_always_trained_on() -> None:
    fold, _ = folds.folds_of(np.array([0] * 9 + [1]), holdout.row_hashes(0, 10), FOLDS)
    assert fold[-1] == -1
    assert (fold[:-1] >= 0).all()


@pytest.mark.parametrize("limits", [FOLDS, SPLIT], ids=["folds", "split"])
def test_a_class_of_copies_alone_is_trained_on_and_predicted(limits: Any) -> None:
    group = np.append(np.arange(100), np.full(50, 100))
    fold, _ = folds.folds_of(np.minimum(group // 100, 1), hashes(group), limits)
    assert len(set(fold[100:])) > 1


def test_one_row_with_most_copies_is_not_all_that_a_split_predicts() -> None:
    group = np.append(np.full(500, 7), 1000 + np.arange(100))
    fold, _ = folds.folds_of(None, hashes(group), SPLIT)
    assert (fold[:500] == -1).all()
    assert (fold[500:] == 0).sum() >= 90


def test_rows_have_the_hash_of_one_of_their_copies() -> None:
    content = np.array([5, 3, 5, 9, 3, 5], dtype=np.uint64)
    rows = holdout.row_hashes(0, 6)
    found = folds.copies_of(content, rows)
    assert len(set(found)) == 3
    assert found[0] == found[2] == found[5] == min(rows[[0, 2, 5]])
    assert found[3] == rows[3]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_is_chosen_does_not_score_by_remembering_copies(task: str, workshop: Workshop) -> None:
    random_ = random.Random(12)
    labels = ["no", "yes"] if task == "classification" else [random_.gauss(0, 10) for _ in range(200)]
    once = [[random_.random(), random_.random(), random_.choice(labels)] for _ in range(200)]
    rows = once * 5
    random_.shuffle(rows)
    training = workshop.trained(
        table(["a", "b", "y"], rows).encode(), "--algorithm", "auto", "--training-budget", "2"
    )
    choice = training.document["choice"]
    nothing = 0.6 if task == "classification" else float(np.std([row[-1] for row in rows])) * 0.97
    assert min(each["score"] for each in choice["candidates"]) > nothing
