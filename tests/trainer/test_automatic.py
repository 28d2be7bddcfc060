"""The algorithm auto: what it chooses, that it chooses the same each time, and what it says of it."""

import csv
import io
import math
import re
from random import Random
from typing import Any

import pytest

from tests.trainer.workshop import Training, Workshop, table

AUTO = ("--algorithm", "auto")
LEAN = (*AUTO, "--training-budget", "0.2")


def hashed(number: int, salt: int = 0) -> float:
    """A number in [0, 1) that looks random and is always the same."""
    return (number * 2654435761 + salt * 40503) % 2**32 / 2**32


def checkers(rows: int = 400) -> bytes:
    """The label is whether exactly one of two numbers is large: no linear model can tell."""
    points = [(hashed(n, 1), hashed(n * 7 + 3, 2)) for n in range(rows)]
    return table(["x", "y", "side"], [[x, y, "ab"[(x > 0.5) != (y > 0.5)]] for x, y in points]).encode()


def straight(rows: int = 300) -> bytes:
    """The label is a multiple of a number, nearly."""
    random = Random(3)
    points = [(random.random(), random.random()) for _ in range(rows)]
    return table(["x", "y"], [[x, 250 * x + 20 * noise] for x, noise in points]).encode()


def bent(rows: int = 300) -> bytes:
    """Slopes, which a linear model sees, and a step, which trees see."""
    random = Random(7)
    points = [[random.random() for _ in range(8)] for _ in range(rows)]
    lines = [
        [*each[:7], 20 * sum(each[:7]) + 8 * (each[0] > 0.5) * (each[1] > 0.5) + each[7]] for each in points
    ]
    return table([*"abcdefg", "label"], lines).encode()


def growing(rows: int = 300, low: float = 0.0) -> bytes:
    """Effects on the label multiply, as they do on prices; none of them is below `low`."""
    random = Random(4)
    lines = []
    for _ in range(rows):
        a, b, c = random.gauss(0, 1), random.gauss(0, 1), random.choice("xyz")
        price = math.exp(a + 0.7 * b + 0.5 * (c == "x") + random.gauss(0, 0.1))
        lines.append([a, b, c, round(1000 * price) + low])
    return table(["a", "b", "c", "price"], lines).encode()


def split(rows: int = 400) -> bytes:
    """Two classes, divided by slopes, a step and chance: both linear model and trees see a part of it."""
    random = Random(5)
    lines = []
    for _ in range(rows):
        each = [random.random() for _ in range(6)]
        score = sum(each) + (each[0] > 0.5) * (each[1] > 0.5) + random.random()
        lines.append([*each, "ab"[score > 3.7]])
    return table([*"uvwxyz", "label"], lines).encode()


def choice(training: Training) -> dict[str, Any]:
    found: dict[str, Any] = training.document["choice"]
    return found


def test_trees_are_chosen_where_no_line_can_tell(workshop: Workshop) -> None:
    training = workshop.trained(checkers(), *AUTO)
    weights = {each["name"]: each["weight"] for each in choice(training)["candidates"]}
    assert weights["boosting"] > 0.5
    assert training.document["metrics"]["accuracy"] > 0.85


def test_a_line_is_chosen_where_it_is_straight(workshop: Workshop) -> None:
    training = workshop.trained(straight(), *AUTO)
    weights = {each["name"]: each["weight"] for each in choice(training)["candidates"]}
    assert weights["ridge regression"] > 0.5
    assert training.document["metrics"]["r2"] > 0.99


def test_a_blend_scores_in_its_choice_at_least_as_well_as_its_parts(workshop: Workshop) -> None:
    found = choice(workshop.trained(split(), *AUTO))
    scores = {each["name"]: each["score"] for each in found["candidates"]}
    assert found["selected"] == "blend"
    assert scores["blend"] <= min(scores["logistic regression"], scores["boosting"])


def test_trees_correct_a_line_that_has_a_step(workshop: Workshop) -> None:
    found = choice(workshop.trained(bent(), *AUTO))
    scores = {each["name"]: each["score"] for each in found["candidates"]}
    weights = {each["name"]: each["weight"] for each in found["candidates"]}
    assert scores["boosted ridge regression"] < 0.8 * min(scores["ridge regression"], scores["boosting"])
    assert weights["boosted ridge regression"] > 0.5


def test_trees_that_only_fit_the_noise_of_a_straight_line_do_not_correct_it(workshop: Workshop) -> None:
    found = choice(workshop.trained(straight(), *AUTO))
    weights = {each["name"]: each["weight"] for each in found["candidates"]}
    assert weights["boosted ridge regression"] == 0


def test_a_line_is_not_corrected_where_the_budget_is_small_which_is_noted(workshop: Workshop) -> None:
    training = workshop.trained(bent(1000), *LEAN)
    assert "boosted ridge regression" not in [each["name"] for each in choice(training)["candidates"]]
    note = "boosted ridge regression was not tried, to stay within training_budget"
    assert note in training.document["notes"]


def test_what_is_said_and_reported_names_every_candidate_with_its_score_and_time(workshop: Workshop) -> None:
    training = workshop.trained(bent(), *AUTO)
    found = choice(training)
    report = (training.artifacts / "report.html").read_text(encoding="utf-8")
    assert found["metric"] == "RMSE"
    for each in found["candidates"]:
        assert each["seconds"] >= 0
        assert f"{each['name']}: RMSE {each['score']:.4f} in the choice" in training.stdout
        assert each["name"] in report
    assert f"{found['selected']} was chosen by the RMSE of {found['rows']} training rows" in training.stdout
    assert not [note for note in training.document["notes"] if "was chosen" in note], "the choice has it"
    assert training.document["algorithm"] == found["selected"]
    assert training.document["metrics"]["rmse"] not in [each["score"] for each in found["candidates"]]


def test_the_logarithm_of_a_label_is_learned_where_effects_multiply(workshop: Workshop) -> None:
    training = workshop.trained(growing(), *AUTO)
    logarithm = "ridge regression of the logarithm"
    candidates = choice(training)["candidates"]
    # Alone, or corrected by trees.
    assert (
        sum(
            each["weight"]
            for each in candidates
            if each["name"] == logarithm or each["settings"].endswith(f"after {logarithm}")
        )
        > 0.8
    )
    assert training.document["metrics"]["r2"] > 0.9
    scored = workshop.score(training, growing(20) + b"90,90,x,0\n-90,-90,x,0\n")
    *_, most, least = scored["prediction"]
    assert 0 <= least < most <= max(float(line.split(b",")[-1]) for line in growing().splitlines()[1:])


def test_labels_below_0_have_no_logarithm_to_learn(workshop: Workshop) -> None:
    found = choice(workshop.trained(growing(60, -500), *LEAN))
    assert "ridge regression of the logarithm" not in [each["name"] for each in found["candidates"]]


@pytest.mark.parametrize(
    "data", [checkers(120), bent(240), growing(120)], ids=["classes", "numbers", "logarithm"]
)
def test_the_deployed_model_answers_what_was_measured_row_by_row(data: bytes, workshop: Workshop) -> None:
    """One row alone, as all rows together: no answer depends on what it is predicted with."""
    training = workshop.trained(data, *AUTO)
    header, *lines = data.splitlines(keepends=True)
    together = workshop.score(training, data)
    for place in (0, 57, 119):
        alone = workshop.score(training, header + lines[place])
        assert {name: values[0] for name, values in alone.items()} == {
            name: values[place] for name, values in together.items()
        }


def test_many_classes_do_not_diverge(workshop: Workshop) -> None:
    lines = [[n % 55 + hashed(n), hashed(n, 5), f"class {n % 55}"] for n in range(1100)]
    training = workshop.trained(table(["x", "y", "label"], lines).encode(), *AUTO, "--training-budget", "2")
    assert training.document["metrics"]["accuracy"] > 0.5


def test_a_class_with_one_training_row_is_trained(workshop: Workshop) -> None:
    lines = [[hashed(n), "abc"[(n % 2) if n > 1 else 2]] for n in range(80)]
    training = workshop.trained(table(["x", "label"], lines).encode(), *AUTO)
    assert training.document["classes"] == ["a", "b", "c"]


@pytest.mark.parametrize("rows", [2, 5, 12])
def test_a_few_numbers_are_trained_on(rows: int, workshop: Workshop) -> None:
    training = workshop.train(straight(rows), *AUTO)
    assert training.code == 0, training.stderr
    alone = "there were too few rows to compare models, so ridge regression (alpha 1) was trained"
    assert (alone in training.document["notes"]) == (rows == 2)


def test_what_a_small_budget_leaves_out_is_noted(workshop: Workshop) -> None:
    training = workshop.trained(bent(4000), *LEAN)
    noted = [note for note in training.document["notes"] if "to stay within training_budget" in note]
    assert noted
    assert all(note in training.stdout for note in noted)


def test_a_line_that_takes_many_iterations_is_judged_on_fewer_rows_which_is_noted(workshop: Workshop) -> None:
    """How many it takes is known only once a part of the rows is predicted: here, twice the usual number."""

    def row(n: int) -> list[object]:
        v = n * 7919 % 1009
        alike = [v, v + n % 2 / 7, v + n % 3 / 9, v + n % 5 / 11, f"{math.log(v + 1):.4f}"]
        return [*alike, "abcd"[(v > 200) + (v > 500) + (v > 800)]]

    data = table([*"abcde", "y"], map(row, range(1500))).encode()
    noted = {
        budget: [
            note
            for note in workshop.trained(data, *AUTO, "--training-budget", budget).document["notes"]
            if note.startswith("logistic regression was judged on ")
        ]
        for budget in ("0.9", "1.2")
    }
    assert len(noted["0.9"]) == 1
    assert noted["1.2"] == []


def test_a_thousand_classes_by_sixty_categories_stay_within_the_budget(workshop: Workshop) -> None:
    """Counted in work: each iteration of a logistic regression takes as much as twenty small trainings."""

    def row(n: int) -> list[str]:
        label, copy = n % 1000, n // 1000
        levels = (int(40 * hashed(label * 61 + place, copy * (place % 5 == 0))) for place in range(60))
        return [*(f"v{level}" for level in levels), f"c{label}"]

    names = [*(f"k{place}" for place in range(60)), "label"]
    data = table(names, map(row, range(3000))).encode()
    training = workshop.trained(data, *AUTO, "--training-budget", "3")
    taken = re.search(r"choosing and training took ([\d.]+) of 3 units of work", training.stdout)
    assert taken is not None
    assert float(taken[1]) <= 3
    assert "boosting was not tried, to stay within training_budget" in training.document["notes"]


def test_without_a_budget_the_linear_model_is_left(workshop: Workshop) -> None:
    training = workshop.trained(checkers(), *AUTO, "--training-budget", "0.001", "--epochs", "20")
    assert [each["name"] for each in choice(training)["candidates"]] == ["logistic regression"]
    notes = training.document["notes"]
    assert any("training_budget" in note for note in notes)
    assert any("auto takes no epochs" in note for note in notes)


def test_a_file_whose_features_exceed_memory_is_sampled_which_is_noted(workshop: Workshop) -> None:
    training = workshop.trained(bent(4000), *LEAN, feature_bytes=120_000)
    found = choice(training)
    assert found["candidates"][0]["rows"] < 1500
    note = f"the model was chosen and trained on {found['candidates'][0]['rows']} rows, a sample"
    assert any(note in each for each in training.document["notes"])


def test_many_rows_are_chosen_on_by_a_single_split(workshop: Workshop) -> None:
    found = choice(workshop.trained(bent(1200), *LEAN, many_rows=500))
    assert found["folds"] == 1
    assert found["rows"] < 250


def test_dates_are_chosen_by_their_calendar(workshop: Workshop) -> None:
    """The label depends on the weekday and the hour."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["when", "load"])
    for n in range(700):
        hour = n * 5 % 24
        day = n * 3 % 365
        month, of_month = day // 31 + 1, day % 28 + 1
        when = f"2024-{month:02}-{of_month:02} {hour:02}:00:00"
        writer.writerow([when, 5 * (hour in range(8, 18)) + (month == 3) * 10 + hashed(n)])
    training = workshop.trained(out.getvalue().encode(), *AUTO)
    assert training.document["metrics"]["r2"] > 0.95
    assert math.isfinite(training.document["metrics"]["rmse"])
