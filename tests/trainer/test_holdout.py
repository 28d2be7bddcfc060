"""Which rows are held out: copies together, the same ones again when an upload grows, some of each class."""

import random
from typing import Any

import numpy as np
import pytest

from tests.trainer.flat import flat_module
from tests.trainer.workshop import Training, Workshop, table

holdout: Any = flat_module("holdout")
equal_rows: Any = flat_module("equal_rows")


def columns(rows: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(column, dtype=np.float64) for column in rows.T]


def hashes(blocks: list[np.ndarray], labels: list[np.ndarray]) -> np.ndarray:
    """The hashes of rows that come block by block, each of shape (rows, columns)."""
    found, start, chosen = [], 0, equal_rows.RowHashes()
    for block, label in zip(blocks, labels, strict=True):
        nothing = np.empty((0, len(block)), dtype=np.int32)
        found.append(chosen.of(columns(block), nothing, label.astype(np.float64), start))
        start += len(block)
    return np.concatenate(found)


def numbers(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3))


@pytest.mark.parametrize("copies", [1, 20])
def test_copies_have_one_hash_also_in_a_later_block(copies: int) -> None:
    first = numbers(600)
    first[:copies] = first[-1]
    again = numbers(50, seed=1)
    again[7] = first[42 + copies]
    found = hashes([first, again], [first[:, 0] > 0, again[:, 0] > 0])
    assert found[600 + 7] == found[42 + copies]
    assert len(set(found[:copies]) | {found[599]}) == 1
    assert len(set(found)) == 650 - copies - 1


def test_without_copies_the_number_of_a_row_decides_whatever_its_values() -> None:
    rows = numbers(500)
    assert hashes([rows], [rows[:, 0] > 0]).tolist() == holdout.row_hashes(0, 500).tolist()


def test_equal_rows_with_other_labels_are_observations_and_not_copies() -> None:
    """As in a table of a few categories: held out as a whole, there would be nothing to learn them from."""
    rows = np.random.default_rng(2).integers(3, size=(2000, 2))
    labels = np.random.default_rng(3).random(2000) < 0.4
    assert hashes([rows], [labels]).tolist() == holdout.row_hashes(0, 2000).tolist()
    assert not equal_rows.are_copies(np.arange(2000, dtype=np.uint64) % 9, labels.astype(float))


def test_so_few_different_rows_that_none_might_be_held_out_are_divided_by_number() -> None:
    groups = np.arange(2000, dtype=np.uint64) % 30
    assert not equal_rows.are_copies(groups, (groups > 9).astype(float))
    groups = np.arange(6000, dtype=np.uint64) % 90
    assert equal_rows.are_copies(groups, (groups > 9).astype(float))
    assert not equal_rows.are_copies(groups, (groups > 3).astype(float))


def test_many_rows_without_a_label_are_no_class_when_copies_are_looked_for() -> None:
    labels = np.where(np.arange(1000) < 300, np.nan, np.arange(1000) % 2)
    groups = np.arange(1000, dtype=np.uint64)
    groups[999] = groups[997]
    assert equal_rows.are_copies(groups, labels)


@pytest.mark.parametrize("copies", [1, 4])
def test_an_upload_that_grows_keeps_its_hold_out(copies: int) -> None:
    rows = np.repeat(numbers(300), copies, axis=0)
    more = np.concatenate([rows, numbers(100, seed=5), rows[:9]])
    short, long = (hashes([each], [each[:, 0] > 0]) for each in (rows, more))
    assert long[: len(rows)].tolist() == short.tolist()
    assert long[-9:].tolist() == short[:9].tolist()


@pytest.mark.parametrize("sizes", [[1, 1], [5, 5, 5, 5], [1] * 30, [60, 3, 2], [40, 1], [9]])
def test_a_small_class_is_on_both_sides_and_its_copies_on_one(sizes: list[int]) -> None:
    pairs, row = [], 0
    for number, size in enumerate(sizes):
        pairs += [(number * 7919 % 101, row + place) for place in range(size)]
        row += size
    split = holdout.Split.with_small_classes([pairs])
    held = split.of(np.arange(row))
    assert 0 < held.sum() < row
    if len(sizes) > 1:
        hash_of = np.array([one for one, _ in pairs])
        assert not set(hash_of[held]) & set(hash_of[~held])
    assert split.mask(0, row).tolist() == held.tolist()


def test_after_the_remembered_rows_the_features_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equal_rows, "MOST_KNOWN", 500)
    blocks = [numbers(300, seed) for seed in range(4)]
    blocks[3][0], blocks[3][1] = blocks[0][7], blocks[2][8]
    found = hashes(blocks, [block[:, 0] > 0 for block in blocks])
    assert found[:600].tolist() == holdout.row_hashes(0, 600).tolist()
    assert found[900] == found[7]
    assert found[901] == found[608]
    assert len(set(found)) == 1198
    assert 0.1 < (found[600:] < holdout.HELD_OUT_BELOW).mean() < 0.3


def test_packed_sides_are_found_by_row_and_by_range() -> None:
    held = np.random.default_rng(1).random(1003) < 0.3
    split = holdout.Split(bits=np.packbits(held))
    assert split.mask(17, 900).tolist() == held[17:917].tolist()
    assert split.of(np.array([0, 8, 1002])).tolist() == held[[0, 8, 1002]].tolist()


# --- What it means for a training ---------------------------------------------------------------------------


def repeated(rows: int, copies: int) -> bytes:
    """Random labels, each row several times."""
    drawn = random.Random(11)
    once = [[drawn.random(), drawn.randrange(50), drawn.choice(["no", "yes"])] for _ in range(rows)]
    every = once * copies
    drawn.shuffle(every)
    return table(["a", "b", "churn"], every).encode()


def notes(training: Training) -> list[str]:
    found: list[str] = training.document["notes"]
    return found


def test_copies_of_rows_with_random_labels_are_not_learned_and_are_told(workshop: Workshop) -> None:
    training = workshop.trained(repeated(80, 6), "--algorithm", "boosting", "--epochs", "30")
    gate = training.document["gate"]
    assert gate["verdict"] == "keep_champion"
    assert gate["baseline"]["rows"] <= 40, "copies tell no more than one row"
    first = notes(training)[0]
    assert first.startswith("83.3 % of the rows repeat another row: equal rows are all")
    assert first in training.stdout.splitlines()


def test_few_different_rows_are_told_if_they_lie_on_both_sides(workshop: Workshop) -> None:
    drawn = random.Random(5)
    cells = [[drawn.randrange(3), drawn.randrange(3)] for _ in range(900)]
    data = table(["a", "b", "y"], [[a, b, "uv"[drawn.random() < 0.2 + 0.3 * (a > 1)]] for a, b in cells])
    training = workshop.trained(data.encode(), "--epochs", "5")
    assert notes(training)[0].startswith("100 % of the hold-out rows are equal to rows that were trained on")


@pytest.mark.parametrize("task", ["classification", "classes that take turns", "regression"])
def test_a_column_that_alone_gives_the_label_away_is_named(task: str, workshop: Workshop) -> None:
    drawn = random.Random(3)
    ages = [(drawn.randrange(20, 80), drawn.random()) for _ in range(400)]
    label = [("yes" if spread + age / 80 > 1.1 else "no") for age, spread in ages]
    if task == "classes that take turns":
        task, label = "classification", ["yes", "no"] * 200
    rows: list[list[Any]]
    if task == "regression":
        rows = [[age, int(age * 1000 + spread), age * 1000 + spread] for age, spread in ages]
    else:
        rows = [[age, int(each == "yes"), each] for (age, _), each in zip(ages, label, strict=True)]
    training = workshop.trained(table(["age", "leak", "y"], rows).encode(), "--epochs", "5", "--task", task)
    (note,) = [note for note in notes(training) if "gives the label away" in note and '"leak"' in note]
    assert note.startswith('column "leak" alone gives the label away: it explains ')
    assert note.endswith("of it; leave the column out if it is not known before the label is")
    assert note in training.stdout.splitlines()
    assert note in training.document["suspicions"]
    report = next(training.folder.glob("mlruns/0/*/artifacts/report.html")).read_text(encoding="utf-8")
    assert report.index("alone gives the label away") < report.index('id="verdict"')
