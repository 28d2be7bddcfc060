"""Categories with too many levels to tell apart: what the label is like at each, without a leak."""

import random
from typing import Any

import numpy as np
import pytest

from tests.trainer.flat import flat_module
from tests.trainer.workshop import Training, Workshop, table

encoding: Any = flat_module("target_encoding")
holdout: Any = flat_module("holdout")


def drawn(rows: int, levels: int, effect: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The level of each row, and its label: the level's effect and noise of standard deviation 2."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(levels, size=rows)
    return codes, effect * generator.normal(size=levels)[codes] + 2 * generator.normal(size=rows)


def parts(rows: int) -> np.ndarray:
    found: np.ndarray = encoding.parts_of(holdout.row_hashes(0, rows))
    return found


def encoded(
    codes: np.ndarray, levels: int, target: np.ndarray, fold: slice | None = None, classes: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    labels = encoding.Labels.of(target, classes, 10)
    found: tuple[np.ndarray, np.ndarray] = encoding.encoded(codes, levels, labels, parts(len(codes)), fold)
    return found


@pytest.mark.parametrize("classes", [0, 2, 5])
def test_labels_of_rows_that_are_predicted_change_no_value(classes: int) -> None:
    codes, target = drawn(900, 60, 2.0)
    target = np.digitize(target, np.linspace(-2, 2, classes - 1)) if classes else target
    other = target.copy()
    other[200:500] = other[200:500][::-1]
    one, two = (encoded(codes, 60, each, slice(200, 500), classes) for each in (target, other))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])
    assert not np.array_equal(encoded(codes, 60, target, None, classes)[1], one[1])


def test_a_row_that_is_trained_on_gets_what_other_parts_give_its_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoding, "strength_of", lambda *_: 2.0)
    codes, target = drawn(300, 7, 1.0)
    target -= target.mean()
    part = parts(300)
    found, table_of_levels = encoded(codes, 7, target)
    for row in (0, 17, 299):
        others = (codes == codes[row]) & (part != part[row])
        assert found[row, 0] == pytest.approx(target[others].sum() / (others.sum() + 2))
    every = codes == 3
    assert table_of_levels[3, 0] == pytest.approx(target[every].sum() / (every.sum() + 2))


def test_levels_of_one_row_and_unknown_ones_have_the_mean_of_all_rows() -> None:
    codes, target = drawn(500, 20, 3.0)
    codes[0], codes[1], codes[2] = 20, -1, -2
    found, table_of_levels = encoded(codes, 21, target)
    assert found[:3, 0].tolist() == [0, 0, 0]
    assert table_of_levels[[-1, -2], 0].tolist() == [0, 0]
    assert table_of_levels[20, 0] != 0


def test_means_are_drawn_together_by_the_ratio_of_the_variances() -> None:
    codes, target = drawn(40_000, 400, 1.0)
    counts, sums = np.bincount(codes), np.bincount(codes, target)[:, np.newaxis]
    assert encoding.strength_of(counts, sums, float(target @ target)) == pytest.approx(4, rel=0.2)
    codes, target = drawn(40_000, 400, 0.0)
    counts, sums = np.bincount(codes), np.bincount(codes, target)[:, np.newaxis]
    assert encoding.strength_of(counts, sums, float(target @ target)) > 500


@pytest.mark.parametrize("seed", range(5))
def test_values_of_levels_that_say_nothing_tell_no_label(seed: int) -> None:
    codes, target = drawn(6000, 900, 0.0, seed)
    found, _ = encoded(codes, 900, target)
    values = found[:, 0]
    assert np.square(values).mean() < 0.01 * target.var()
    assert not values.any() or abs(np.corrcoef(values, target)[0, 1]) < 0.05


def test_values_of_levels_that_say_much_tell_labels_of_other_rows() -> None:
    codes, target = drawn(6000, 900, 2.0)
    found, _ = encoded(codes, 900, target, slice(0, 1000))
    assert np.corrcoef(found[:1000, 0], target[:1000])[0, 1] > 0.6


def test_of_many_classes_the_most_frequent_ones_are_encoded() -> None:
    generator = np.random.default_rng(4)
    target = np.minimum(generator.geometric(0.1, size=5000), 40)
    found, _ = encoded(generator.integers(300, size=5000), 300, target, None, 41)
    assert found.shape == (5000, 10)
    assert encoding.Labels.of(target, 41, 10).classes.tolist() == sorted(np.bincount(target).argsort()[-10:])


# --- What it means for a training ---------------------------------------------------------------------------

AUTO = ("--algorithm", "auto")
LEVELS = 400


def shops(effect: float, rows: int = 2400, classes: int = 0) -> bytes:
    """The label is that of a shop and an age, nearly, or of the age and chance."""
    chance = random.Random(6)
    level = [chance.gauss(0, 1) * effect for _ in range(LEVELS)]
    lines: list[list[object]] = []
    for _ in range(rows):
        shop, age = chance.randrange(LEVELS), chance.random()
        label = level[shop] + age + chance.gauss(0, 0.5)
        lines.append([age, f"shop {shop}", f"class {round(label * 2) % classes}" if classes else label])
    return table(["age", "shop", "y"], lines).encode()


@pytest.fixture(scope="module")
def learned(workshop: Workshop) -> Training:
    return workshop.trained(shops(1.0), *AUTO)


def test_a_model_learns_from_more_levels_than_have_features(learned: Training) -> None:
    """The 250 most frequent shops have two thirds of the rows."""
    document = learned.document
    assert document["metrics"]["r2"] > 0.7
    (note,) = [note for note in document["notes"] if "too rare for a feature" in note]
    assert note.startswith('column "shop": 143 of its values are too rare for a feature of their own')
    assert note in learned.stdout
    report = (learned.artifacts / "report.html").read_text(encoding="utf-8")
    assert report.index(">shop<") < report.index(">age<"), "columns stand in the order of their importance"


def test_a_deployed_model_answers_every_level_alone_as_with_others(
    learned: Training, workshop: Workshop
) -> None:
    header, *lines = shops(1.0, 60).splitlines(keepends=True)
    lines += [b"0.5,a new shop,0\n", b"0.5,,0\n"]
    together = workshop.score(learned, header + b"".join(lines))["prediction"]
    for place in (0, 31, 60, 61):
        assert workshop.score(learned, header + lines[place])["prediction"] == together[place : place + 1]
    assert -0.5 < together[60] < 1.5, "about the mean of all shops"


def test_what_the_choice_scored_is_true_of_new_rows_too(learned: Training) -> None:
    scores = [each["score"] for each in learned.document["choice"]["candidates"]]
    assert min(scores) > 0.85 * learned.document["metrics"]["rmse"]


def test_a_champion_with_encoded_levels_is_compared(learned: Training, workshop: Workshop) -> None:
    training = workshop.trained(shops(1.0), *AUTO, "--champion", str(learned.model))
    champion = training.document["gate"]["champion"]
    assert "error" not in champion or not champion["error"]
    assert training.document["gate"]["verdict"] == "deploy"


def test_levels_of_chance_are_not_deployed(workshop: Workshop) -> None:
    training = workshop.trained(shops(0.0, classes=2), *AUTO)
    scores = [each["score"] for each in training.document["choice"]["candidates"]]
    assert min(scores) > 0.68
    assert training.document["gate"]["verdict"] == "keep_champion"


def test_a_linear_model_by_itself_takes_the_most_frequent_levels_alone(workshop: Workshop) -> None:
    training = workshop.trained(shops(1.0), "--algorithm", "linear", "--epochs", "2")
    assert not [note for note in training.document["notes"] if "too rare" in note]
