"""The linear model never diverges: not on long rows, nor on many classes, nor at a rate that is too high."""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainer.workshop import Training, Workshop, table

LINEAR = ["--algorithm", "linear"]
HEADER = ["a", "b", "c", "y"]


def metric(training: Training, name: str) -> float:
    return float(training.document["metrics"][name])


def lognormal_rows(chance: random.Random, rows: int) -> list[list[float]]:
    """Three log-normal columns, and a label that is their sum with noise of 10."""
    found = []
    for _ in range(rows):
        values = [round(math.exp(chance.gauss(0, 2)), 4) for _ in range(3)]
        found.append([*values, round(7 * values[0] + 2 * values[1] - values[2] + chance.gauss(0, 10), 4)])
    return found


def pay_rows(chance: random.Random, rows: int) -> list[list[float]]:
    """Weights and hours, and a gain that most rows do not have; a label with noise of 400."""
    found = []
    for _ in range(rows):
        weight, hours = round(math.exp(chance.gauss(8, 1.6))), chance.randint(10, 69)
        gain = round(math.exp(chance.gauss(8, 1.5))) if chance.random() < 0.08 else 0
        pay = 0.5 * weight + 2.5 * gain + 20 * hours + chance.gauss(0, 400)
        found.append([weight, gain, hours, round(pay, 1)])
    return found


@pytest.mark.parametrize(
    ("rows_of", "noise"), [(lognormal_rows, 10), (pay_rows, 400)], ids=["log-normal", "mostly 0"]
)
@pytest.mark.parametrize("block_bytes", [None, 10_000], ids=["one batch", "many batches"])
def test_heavy_tails_cost_hardly_more_than_the_noise(
    rows_of: Callable[[random.Random, int], list[list[float]]],
    noise: float,
    block_bytes: int | None,
    workshop: Workshop,
) -> None:
    data = table(HEADER, rows_of(random.Random(5), 1500)).encode()
    training = workshop.trained(data, *LINEAR, "--task", "regression", block_bytes=block_bytes)
    assert metric(training, "rmse") < 1.1 * noise


def test_a_classification_with_heavy_tails_is_learned(workshop: Workshop) -> None:
    rows = [[*row[:3], "uv"[row[3] > 30]] for row in lognormal_rows(random.Random(6), 1500)]
    training = workshop.trained(table(HEADER, rows).encode(), *LINEAR)
    assert metric(training, "accuracy") > 0.8
    assert metric(training, "log_loss") < 0.5


def test_fifty_classes_in_many_batches_are_learned(workshop: Workshop) -> None:
    """Every class needs an intercept that goes on from one batch to the next."""
    chance = random.Random(7)
    rows = []
    for n in range(3000):
        of = n * 7919 % 50
        rows.append([chance.gauss(of % 10, 0.3), chance.gauss(of // 10, 0.3), f"g{of % 7}", f"class {of:02}"])
    training = workshop.trained(
        table(HEADER, rows).encode(), *LINEAR, "--epochs", "20", "--lr", "1", block_bytes=20_000
    )
    assert metric(training, "accuracy") > 0.5
    assert metric(training, "log_loss") < 2
    assert metric(training, "train_loss") < math.log(50)


@pytest.mark.parametrize(
    ("task", "name", "noise"), [("classification", "log_loss", 0.435), ("regression", "rmse", 1.0)]
)
def test_the_weights_after_many_chunks_are_averaged(
    task: str, name: str, noise: float, workshop: Workshop
) -> None:
    """noise: the metric of the best weights. Those after the last chunk are 20 % worse."""
    chance = random.Random(8)
    rows: list[list[object]] = []
    for _ in range(16_000):
        values = [round(chance.gauss(0, 1), 3) for _ in range(3)]
        score = 2 * values[0] - values[1]
        label = round(score + chance.gauss(0, 1), 3)
        if task == "classification":
            label = int(chance.random() < 1 / (1 + math.exp(-score)))
        rows.append([*values, label])
    arguments = [*LINEAR, "--task", task, "--epochs", "5", "--lr", "0.3"]
    data = table(HEADER, rows).encode()
    training = workshop.trained(data, *arguments, block_bytes=60_000, slice_rows=500)
    assert metric(training, name) < 1.03 * noise


def test_hundreds_of_features_of_a_category_do_not_overshoot(workshop: Workshop) -> None:
    chance = random.Random(8)
    names = [f"c{place}" for place in range(12)]
    rows: list[list[object]] = []
    for _ in range(600):
        cells = [chance.randint(0, 39) for _ in names]
        rows.append([*(f"v{cell}" for cell in cells), sum(cell % 2 for cell in cells) + chance.gauss(0, 0.1)])
    training = workshop.trained(
        table([*names, "y"], rows).encode(), *LINEAR, "--task", "regression", "--lr", "1"
    )
    assert metric(training, "rmse") < training.document["gate"]["baseline"]["value"] / 2


@pytest.mark.parametrize("lr", ["10", "1.7e308"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_rate_that_is_too_high_is_lowered_and_noted(lr: str, task: str, workshop: Workshop) -> None:
    chance = random.Random(9)
    rows = [[chance.gauss(0, 1), chance.gauss(0, 1), chance.gauss(0, 1), n % 2] for n in range(300)]
    training = workshop.trained(table(HEADER, rows).encode(), *LINEAR, "--lr", lr, "--task", task)
    (note,) = training.document["notes"]
    assert note.startswith("linear was trained at learning rate ")
    assert metric(training, "train_loss") <= 1.000001 * (math.log(2) if task == "classification" else 1.0)
    again = [
        line for line in training.stdout.splitlines() if "training starts again at learning rate" in line
    ]
    assert again
    assert note.split(": ")[0].split()[-1] == again[-1].split()[-1]


def test_a_rate_that_suits_is_used_as_it_is(workshop: Workshop) -> None:
    rows = [[n % 7, n % 5, n / 300, n % 7 + n % 5 + n / 300] for n in range(300)]
    training = workshop.trained(table(HEADER, rows).encode(), *LINEAR, "--task", "regression")
    assert training.document["notes"] == []
    assert "starts again" not in training.stdout


SPREADS: dict[str, Callable[[random.Random], float]] = {
    "small": lambda chance: chance.randint(0, 2),
    "normal": lambda chance: chance.gauss(0, 1),
    "tiny": lambda chance: chance.gauss(0, 1e-90),
    "huge": lambda chance: chance.gauss(0, 1e90),
    "far": lambda chance: 1e12 + chance.gauss(0, 1),
    "log-normal": lambda chance: math.exp(chance.gauss(0, 4)),
    "Cauchy": lambda chance: math.tan(math.pi * (chance.random() - 0.5)),
    "rare": lambda chance: float(chance.random() < 0.02),
    "absurd": lambda chance: chance.gauss(0, 1) * 10.0 ** (chance.random() < 0.02) * 12,
    "every size": lambda chance: chance.uniform(-1, 1) * 10.0 ** chance.randint(-99, 99),
}


@dataclass(frozen=True)
class Finite:
    """A table of finite numbers, with some gaps. classes: of the label; 0 for a regression."""

    rows: list[list[object]]
    classes: int
    arguments: tuple[str, ...]
    block_bytes: int | None


@st.composite
def finite_tables(draw: st.DrawFn) -> Finite:
    chance = random.Random(draw(st.integers(0, 2**32)))
    columns = [
        SPREADS[name] for name in draw(st.lists(st.sampled_from(sorted(SPREADS)), min_size=2, max_size=6))
    ]
    classes = draw(st.sampled_from([0, 0, 2, 5]))
    skew = draw(st.sampled_from([1, 4]))
    rows: list[list[object]] = []
    for n in range(draw(st.sampled_from([30, 120, 400]))):
        cells: list[object] = [column(chance) for column in columns]
        label: object = f"k{int(classes * chance.random() ** skew)}" if classes else columns[0](chance)
        if chance.random() < 0.5:
            label = f"k{n % classes}" if classes else cells[0]
        cells[-1] = "" if chance.random() < 0.1 else cells[-1]
        rows.append([*cells, label])
    arguments = (
        *("--epochs", draw(st.sampled_from(["1", "5", "20"]))),
        *("--lr", draw(st.sampled_from(["0.1", "0.1", "3", "1e-9", "1e300"]))),
        *("--rare-classes", "merge"),
        *("--task", "classification" if classes else "regression"),
    )
    return Finite(rows, classes, arguments, draw(st.sampled_from([None, 4_000])))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=finite_tables())
def test_no_finite_table_is_answered_worse_than_by_the_mean(workshop: Workshop, case: Finite) -> None:
    header = [*(f"x{place}" for place in range(len(case.rows[0]) - 1)), "y"]
    data = table(header, case.rows).encode()
    training = workshop.train(data, *LINEAR, *case.arguments, block_bytes=case.block_bytes)
    if training.code:
        assert training.code == 2
        assert "diverged" not in training.stderr
        return
    assert all(math.isfinite(value) for value in training.document["metrics"].values())
    if case.classes:
        shares = [count / len(case.rows) for count in Counter(row[-1] for row in case.rows).values()]
        answered = -sum(share * math.log(share) for share in shares)
    else:
        answered = 1.0
    # The loss is that of the training rows: they may have a larger one than all rows, at most by this factor.
    assert metric(training, "train_loss") < 1.4 * answered
