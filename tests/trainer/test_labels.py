"""Labels as people write them, from the file to the deployed model, the report and the champion.

What the texts of a label mean is tested in tests/unit/test_dialect_label.py.
"""

import random
from typing import Any

import pytest

from tests.trainer.workshop import Training, Workshop, table

FEW = ["--epochs", "5", "--algorithm", "linear"]


def labelled(labels: list[str]) -> bytes:
    """Rows whose column "a" goes with the label, but for chance."""
    chance = random.Random(3)
    order = sorted({label.strip().casefold() for label in labels})
    cells = [(order.index(label.strip().casefold()) + chance.gauss(0, 0.3), label) for label in labels]
    return table(["a", "b", "y"], [[f"{a:.3f}", chance.randrange(50), label] for a, label in cells]).encode()


YES_OR_NO = ["Yes", "no", "yes  ", "No", "yes", " no", "YES ", "NO", "yes", "no"] * 20


@pytest.fixture(scope="module")
def variants(workshop: Workshop) -> Training:
    return workshop.trained(labelled(YES_OR_NO), *FEW)


def test_writings_of_one_class_are_one_class_in_all_that_a_training_leaves(
    workshop: Workshop, variants: Training
) -> None:
    document = variants.document
    assert document["classes"] == ["no", "yes"]
    assert document["metrics"]["accuracy"] > 0.9
    [note] = document["notes"]
    assert note.startswith('column "y": writings that differ by case and spaces alone are one class: ')
    for writing in ("Yes", "yes  ", "YES ", " no", "No", "NO"):
        assert f'"{writing}"' in note
    assert note in variants.stdout
    assert "writings that differ by case and spaces alone" in (variants.artifacts / "report.html").read_text()
    answer = workshop.score(variants, b"a,b\n0,1\n1,1\n")
    assert answer["prediction"] == ["no", "yes"]
    assert list(answer) == ["prediction", "probability_no", "probability_yes"]


def test_a_champion_that_writes_the_classes_in_another_way_is_compared_by_class(
    workshop: Workshop, variants: Training
) -> None:
    shouted = labelled([label.strip().upper() for label in YES_OR_NO])
    challenger = workshop.trained(shouted, *FEW, "--champion", str(variants.model))
    assert challenger.document["classes"] == ["NO", "YES"]
    compared: dict[str, Any] = challenger.document["gate"]["champion"]
    assert compared["error"] == ""
    assert compared["value"] == pytest.approx(compared["challenger"], abs=0.1)
    assert challenger.document["notes"] == []


def test_a_class_that_is_called_as_if_it_were_missing_is_trained_and_noted(workshop: Workshop) -> None:
    training = workshop.trained(labelled(["EU"] * 40 + ["NA"] * 70 + ["AP"] * 40), *FEW)
    document = training.document
    assert (document["classes"], document["dropped_rows"]) == (["AP", "EU", "NA"], {"missing_label": 0})
    assert document["notes"] == [
        'column "y": "NA" is a class, because 70 of 150 rows hold it; leave the cells empty where the label'
        " is missing"
    ]
    assert set(workshop.score(training, b"a,b\n0,1\n1,1\n2,1\n")["prediction"]) == {"AP", "EU", "NA"}


def test_a_rare_word_for_missing_is_a_missing_label_and_noted(workshop: Workshop) -> None:
    training = workshop.trained(labelled(["EU"] * 60 + ["AP"] * 60 + ["NA", "null", ""]), *FEW)
    document = training.document
    assert (document["classes"], document["dropped_rows"]) == (["AP", "EU"], {"missing_label": 3})
    assert document["notes"] == [
        'column "y": "NA", "null" stand for a missing label in 2 rows; write another word if they are classes'
    ]


def test_counts_are_estimated_and_noted(workshop: Workshop) -> None:
    sizes = [70, 100, 90, 52, 31, 20, 13, 5, 8, 2, 5, 1, 1, 0, 1]
    labels = [str(value) for value, rows in enumerate(sizes) for _ in range(rows)]
    cells = [[int(label) * 2 + n % 5, n % 13, label] for n, label in enumerate(labels)]
    training = workshop.trained(table(["a", "b", "y"], cells).encode(), *FEW)
    assert training.document["task"] == "regression"
    assert (
        'column "y": its 14 different whole numbers are taken for counts; set task to classification if they'
        " are classes"
    ) in training.document["notes"]


def test_equal_numbers_are_one_class_and_noted(workshop: Workshop) -> None:
    training = workshop.trained(labelled(["1", "1.0", "01", "2", "2.0", "2"] * 20), *FEW)
    assert training.document["classes"] == ["1", "2"]
    [note] = training.document["notes"]
    assert note.startswith('column "y": writings of equal numbers are one class: ')
    assert '"1" is also written "1.0", "01"' in note


def test_several_words_for_yes_are_noted(workshop: Workshop) -> None:
    training = workshop.trained(labelled(["yes", "y", "no", "no"] * 20), *FEW)
    assert training.document["notes"] == [
        'column "y": "yes", "y" are different classes, although some may mean the same; write them in one way'
    ]


def test_a_word_for_missing_among_numbers_is_a_missing_label_of_a_regression(workshop: Workshop) -> None:
    labels = [f"{n * 1.5}" for n in range(80)] + ["."] * 20
    cells = [[n * 3 % 80, n % 7, label] for n, label in enumerate(labels)]
    training = workshop.trained(table(["a", "b", "y"], cells).encode(), *FEW)
    document = training.document
    assert (document["task"], document["dropped_rows"]) == ("regression", {"missing_label": 20})
    assert any('"." stands for a missing label' in note for note in document["notes"])


def test_the_task_is_that_which_all_rows_suggest_unless_it_is_set(workshop: Workshop) -> None:
    """The first megabyte of the file holds two whole numbers alone."""
    first = [["x" * 1000, n % 7, n % 2] for n in range(1200)]
    data = table(["a", "b", "y"], [*first, *(["x", n % 7, n / 4] for n in range(60))]).encode()
    assert workshop.trained(data, *FEW).document["task"] == "regression"
    assert (
        workshop.trained(data, *FEW, "--rare-classes", "merge", "--task", "classification").document["task"]
        == "classification"
    )
    sold = [["x", n % 7, "sold" if n == 9 else n] for n in range(60)]
    document = workshop.trained(table(["a", "b", "y"], [*first, *sold]).encode(), *FEW).document
    assert (document["task"], document["dropped_rows"]) == ("regression", {"missing_label": 1})
    numbers = [["x" * 1000, n % 7, n % 41] for n in range(1200)]
    document = workshop.trained(table(["a", "b", "y"], [*numbers, *sold]).encode(), *FEW).document
    assert (document["task"], document["dropped_rows"]) == ("regression", {"missing_label": 1})
    words = table(["a", "b", "y"], [*first, *(["x", n % 7, "uv"[n % 2]] for n in range(60))]).encode()
    assert workshop.trained(words, *FEW).document["classes"] == ["0", "1", "u", "v"]
    workshop.train(words, *FEW, "--task", "regression").refused('column "y", row 1202', '"u" is not a number')


@pytest.mark.parametrize(
    ("name", "cell"),
    [("customer_id", "{}"), ("Kundennummer", "{}"), ("code", "C-{}"), ("plz", "0{}"), ("price", "ca. {}")],
)
def test_a_label_that_identifies_rows_is_refused_with_what_to_name(
    name: str, cell: str, workshop: Workshop
) -> None:
    rows = [[n % 7, n % 11, cell.format(100_000 + n * 77 % 400)] for n in range(400)]
    workshop.train(table(["a", "b", name], rows).encode(), "--rare-classes", "merge").refused(
        f'column "{name}": each of 400 rows holds another ', "name the column to predict as the label"
    )


def test_a_class_of_one_row_whose_name_is_a_number_is_refused_with_the_other_task(workshop: Workshop) -> None:
    labels = ["1"] * 30 + ["2"] * 30 + ["9"]
    workshop.train(labelled(labels)).refused(
        'class "9"', "set rare_classes to merge", "set task to regression"
    )
    many = [[n % 7, n % 11, n // 2 * 3] for n in range(3000)]
    workshop.train(table(["a", "b", "y"], many).encode(), "--task", "classification").refused(
        "more than 1000 classes", "set task to regression"
    )
    dates = labelled([f"2020-01-{1 + n % 29:02}" for n in range(40)])
    workshop.train(dates).refused("has this one row", "the labels look like dates or times")
    prices = labelled([f"{n}.5" for n in range(60)] + ["on request"] * 9)
    workshop.train(prices).refused('60 of 69 labels are numbers, so if the others, such as "on request"')
    nulls = labelled(["u"] * 9 + ["null"] * 12 + ["v"] * 2)
    workshop.train(nulls).refused(
        'missing in 12 of 23 rows, more than half (also written "null"); fill it in'
    )
    workshop.train(labelled(["u"] * 30 + ["U "])).refused('the only class is "u" (also written "U ")')
