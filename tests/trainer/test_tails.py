"""A few absurd values ruin no model, and a long tail is kept as it is."""

import math
import random
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import MAIN
from tests.trainer.flat import flat_module
from tests.trainer.workshop import Training, Workshop, table

number_features: Any = flat_module("number_features")
tails: Any = flat_module("tails")
REGRESSION = ["--algorithm", "linear", "--task", "regression"]


def rmse(training: Training) -> float:
    return float(training.document["metrics"]["rmse"])


def income_table(absurd: list[object] | None = None, rows: int = 400) -> bytes:
    """Prices that depend on income and age, with noise of 500, and a last row, which is trained on."""
    chance = random.Random(1)
    made: list[list[object]] = []
    for _ in range(rows):
        age, income = chance.randint(18, 80), math.exp(chance.gauss(8.2, 0.5))
        made.append([age, round(income, 2), round(income + 30 * age + chance.gauss(0, 500), 2)])
    return table(["age", "income", "price"], made + ([absurd] if absurd else [])).encode()


@pytest.mark.parametrize(
    ("absurd", "named"),
    [
        ([50, 1e12, 5000], ["income"]),
        ([50, 4000, -1e12], ["price"]),
        ([-999, 1.75e6, 1.89e6], ["age", "income", "price"]),
        ([50, 1e99, 1e99], ["income", "price"]),
    ],
)
def test_one_absurd_row_ruins_no_model_and_is_noted(
    absurd: list[object], named: list[str], workshop: Workshop
) -> None:
    training = workshop.trained(income_table(absurd), *REGRESSION)
    assert rmse(training) < 600
    notes = [note for note in training.document["notes"] if "far from the others" in note]
    assert [
        name for name in ("age", "income", "price") if any(f'"{name}"' in note for note in notes)
    ] == named


def test_one_absurd_label_ruins_no_model_that_is_chosen_by_itself(workshop: Workshop) -> None:
    training = workshop.trained(income_table([50, 4000, -1e12]), "--algorithm", "auto")
    assert rmse(training) < 700


def test_a_table_without_absurd_values_has_no_note_on_them(workshop: Workshop) -> None:
    training = workshop.trained(income_table(), *REGRESSION)
    assert rmse(training) < 600
    assert training.document["notes"] == []


TAILS: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda chance: chance.uniform(0, 1),
    "normal": lambda chance: chance.gauss(0, 1),
    "exponential": lambda chance: chance.expovariate(1),
    "log-normal": lambda chance: math.exp(chance.gauss(0, 2)),
    "Pareto": lambda chance: chance.paretovariate(1.2),
    "negative log-normal": lambda chance: -math.exp(chance.gauss(0, 1.5)),
    "mostly zero": lambda chance: 0 if chance.random() < 0.9 else math.exp(chance.gauss(0, 1.5)),
    "counts": lambda chance: round(math.exp(chance.gauss(0, 1.5))),
    "rare flag": lambda chance: int(chance.random() < 0.01),
    "two groups": lambda chance: chance.gauss(0, 1) if chance.random() < 0.98 else chance.gauss(1e4, 1),
}


def test_no_long_tail_is_taken_for_absurd(workshop: Workshop) -> None:
    chance = random.Random(3)
    rows = [[*(tail(chance) for tail in TAILS.values()), chance.choice("uv")] for _ in range(2000)]
    training = workshop.trained(table([*TAILS, "y"], rows).encode(), "--epochs", "1")
    assert [note for note in training.document["notes"] if "far from" in note] == []


def test_absurd_dates_are_cut_and_noted_as_dates(workshop: Workshop) -> None:
    chance = random.Random(4)
    days = [chance.randint(1, 28) for _ in range(200)]
    rows = [[f"2026-03-{day:02}", "uv"[day > 14]] for day in days]
    rows[0][0] = "1900-01-01"
    training = workshop.trained(table(["when", "y"], rows).encode())
    assert training.document["metrics"]["accuracy"] > 0.9
    repeated, note = training.document["notes"]
    assert "of the hold-out rows are equal to rows that were trained on" in repeated
    assert note == (
        'column "when": values below 2026-03-01 count as 2026-03-01,'
        " because 1900-01-01 is far from the others"
    )


NARROW = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, touchdown_model as model

days = np.arange(0.0, 400.0, 0.25)
parts = model.date_parts(days).T
circles = parts.shape[1] - 1
mean, scale = (200.0, *[0.0] * circles), (400.0, *[1.0] * circles)
column = model.Column("d", model.DATE, pattern="ISO8601", mean=mean, scale=scale, reach=(-0.1, 0.2))
features = np.empty(parts.shape)
column.write(days, features)
assert (features[:, 1:] == parts[:, 1:]).all()
assert (features[:, 0].min(), features[:, 0].max()) == (-0.1, 0.2)
"""


def test_a_date_that_is_cut_keeps_its_month_and_weekday(trainer_python: str) -> None:
    command = [trainer_python, "-c", NARROW, str(MAIN.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- The logarithm of a long tail ---------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("algorithm", ["linear", "auto"])
def test_a_linear_model_gets_the_logarithm_of_a_long_tail(
    algorithm: str, gaps: bool, workshop: Workshop
) -> None:
    """The label is a multiple of a logarithm, and depends on two columns more: trees alone cannot tell."""
    chance = random.Random(8)
    rows: list[list[object]] = []
    for number in range(500):
        wealth, age, flag = math.exp(chance.gauss(7, 2)), chance.uniform(0, 90), chance.random()
        label = 3 * math.log(wealth) + 0.1 * age + chance.gauss(0, 0.3)
        rows.append(["" if gaps and number % 9 == 0 else wealth, age, flag, label])
    training = workshop.trained(
        table(["wealth", "age", "flag", "y"], rows).encode(), "--algorithm", algorithm
    )
    known = [row[3] for row in rows if row[0] != ""]
    spread = math.sqrt(sum((float(str(y)) - 25) ** 2 for y in known) / len(known))
    assert rmse(training) < (0.5 if gaps else 0.25) * spread
    if algorithm == "auto":
        (found, *_) = training.document["choice"]["candidates"]
        assert found["score"] < 0.5 * spread


def test_long_tails_are_those_of_a_written_rule() -> None:
    chance = random.Random(3)
    found = {
        name: tails.logarithm_of(np.sort([float(tail(chance)) for _ in range(2000)]))
        for name, tail in TAILS.items()
        if not name.startswith("negative") and name not in ("normal", "two groups")
    }
    assert [name for name, logarithm in found.items() if logarithm] == [
        "exponential",
        "log-normal",
        "Pareto",
        "mostly zero",
        "counts",
    ]


def test_logarithms_of_a_deployed_model_take_any_number() -> None:
    """Also what training has not seen: a negative one, none, and the largest ones."""
    found = number_features.logarithms(np.array([-1e99, -3.0, -0.0, 0.0, 3.0, 1e99]), 3.0)
    assert found[1:5] == pytest.approx([-math.log(2), 0.0, 0.0, math.log(2)])
    assert found[0] == -found[5]
    assert math.isfinite(found[5])
