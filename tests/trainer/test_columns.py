"""How columns of every kind become features, labels and tasks, and that the model takes them raw."""

import datetime
import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.workshop import Training, Workshop, table

FEW = ["--epochs", "5"]
MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"]
MISSING += ["<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
"""What pandas.read_csv documents as its default na_values."""

# A fresh process that has nothing of the trainer on its path; the CSV is read as Azure ML's driver reads it.
PREDICT = """
import json, sys
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
schema = model.metadata.get_input_schema()
types = dict(zip(schema.input_names(), schema.pandas_types()))
answer = model.predict(pandas.read_csv(sys.argv[2], engine="c", dtype=types))
assert "training" not in sys.modules and "survey" not in sys.modules
print(json.dumps({name: answer[name].tolist() for name in answer.columns}))
"""


def of(
    cells: Callable[[int], object], rows: int = 60, label: Callable[[int], object] = lambda n: "uv"[n % 2]
) -> str:
    """A table with a column "c", a column of numbers, and a label."""
    return table(["c", "x", "y"], [[cells(n), n * 7 % 13, label(n)] for n in range(rows)])


def profile(training: Training, name: str = "c") -> dict[str, Any]:
    columns: list[dict[str, Any]] = training.json("profile.json")["columns"]
    return next(column for column in columns if column["name"] == name)


def typed(training: Training) -> dict[str, str]:
    import yaml

    described = yaml.safe_load((training.model / "MLmodel").read_text())
    return {each["name"]: each["type"] for each in json.loads(described["signature"]["inputs"])}


# --- Kinds of columns --------------------------------------------------------------------------------

DAY = datetime.datetime(2026, 1, 1, 8, 30, tzinfo=datetime.UTC)


def dates(pattern: str) -> Callable[[int], str]:
    return lambda n: (DAY + datetime.timedelta(days=n * 5, minutes=n)).strftime(pattern)


KINDS: dict[str, tuple[Callable[[int], object], str]] = {
    "whole numbers": (lambda n: n * 5 % 17, "number"),
    "fractions": (lambda n: n * 5 % 17 / 8, "number"),
    "exponents": (lambda n: f"{n * 5 % 17}e-3", "number"),
    "numbers with spaces": (lambda n: f" {n * 5 % 17}.5 ", "number"),
    "signed numbers": (lambda n: f"{n * 5 % 17 - 8:+d}", "number"),
    "numbers among which few are none": (lambda n: "unknown" if n == 30 else n * 5 % 17, "number"),
    "True and False": (lambda n: n % 3 > 0, "boolean"),
    "yes and no": (lambda n: ["yes", "NO"][n % 3 > 0], "boolean"),
    "t and f": (lambda n: "tf"[n % 3 > 0], "boolean"),
    "on and off, with gaps": (lambda n: ["on", "off", ""][n % 3], "boolean"),
    "categories": (lambda n: ["red", "green", "blue"][n % 3], "category"),
    "one category with gaps": (lambda n: "red" if n % 3 else "", "category"),
    "repeating text": (lambda n: f'customer wrote, on day {n % 7}:\n"please call"', "category"),
    "numbers and words": (lambda n: ["12", "12b", "7"][n % 3], "category"),
    "ISO dates": (dates("%Y-%m-%d"), "date"),
    "ISO timestamps": (dates("%Y-%m-%dT%H:%M:%S"), "date"),
    "ISO timestamps with a space": (dates("%Y-%m-%d %H:%M:%S"), "date"),
    "UTC timestamps": (dates("%Y-%m-%dT%H:%M:%SZ"), "date"),
    "timestamps with an offset": (dates("%Y-%m-%d %H:%M:%S+02:00"), "date"),
    "timestamps with fractions": (dates("%Y-%m-%d %H:%M:%S.%f"), "date"),
    "German dates": (dates("%d.%m.%Y"), "date"),
    "German timestamps": (dates("%d.%m.%Y %H:%M"), "date"),
    "American dates": (dates("%m/%d/%Y"), "date"),
    "British dates": (dates("%d/%m/%Y"), "date"),
    "slashed dates": (dates("%Y/%m/%d"), "date"),
    "dates with gaps": (lambda n: "" if n % 7 == 0 else dates("%d.%m.%Y")(n), "date"),
    "dates of three centuries": (lambda n: f"{1700 + n * 5}-06-15", "date"),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_column_is_what_its_cells_look_like(case: str, workshop: Workshop) -> None:
    cells, kind = KINDS[case]
    text = of(cells)
    training = workshop.trained(text.encode(), *FEW)
    assert profile(training)["kind"] == kind
    assert "c" in training.document["features"]
    assert len(workshop.score(training, text.encode())["prediction"]) == 60


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (lambda n: f"order-{n:05d}", "an identifier: every value is different"),
        (lambda n: n + 1, "an identifier: it counts the rows"),
        (lambda n: 1000 - 3 * n, "an identifier: it counts the rows"),
        (lambda n: "same", 'constant: every row holds "same"'),
        (lambda n: 5.0, "constant: every row holds 5"),
        (lambda n: "yes", "constant: every row holds yes"),
        (lambda n: "24.12.2026", "constant: every row holds 2026-12-24"),
        (lambda n: "", "empty: no row has a value"),
        (lambda n: MISSING[n % len(MISSING)], "empty: no row has a value"),
        (lambda n: f"{n * 7919 % 10_007:x}-{n * 104_729:x}", "an identifier: every value is different"),
        (
            lambda n: "" if n % 3 else f"call {n}",
            "nearly empty: 20 of 60 rows have a value, each another one",
        ),
    ],
    ids=["keys", "row numbers", "steps", "text", "number", "yes", "date", "gaps", "words", "hashes", "few"],
)  # fmt: skip
def test_a_column_that_cannot_help_is_left_out_and_reported(
    cells: Callable[[int], object], reason: str, workshop: Workshop
) -> None:
    text = of(cells)
    training = workshop.trained(text.encode(), *FEW)
    assert training.dropped == {"c": reason}
    assert training.document["features"] == ["x"]
    assert 'column "c" is left out, ' in training.stdout
    # A deployment that is handed the whole file leaves it alone.
    assert len(workshop.score(training, text.encode())["prediction"]) == 60


def test_numbers_that_all_differ_under_the_name_of_an_identifier_are_left_out(workshop: Workshop) -> None:
    rows = [[n * 7919 % 10_007, n * 7919 % 10_007, n % 5, "uv"[n % 2]] for n in range(60)]
    training = workshop.trained(table(["customer_id", "amount", "x", "y"], rows).encode(), *FEW)
    assert training.dropped == {"customer_id": "an identifier: every value is different"}


def test_text_of_which_hardly_any_comes_twice_is_left_out_as_free_text(workshop: Workshop) -> None:
    training = workshop.trained(of(lambda n: f"note {n}" if n > 1 else "note", 600).encode(), *FEW)
    assert training.dropped["c"].startswith("free text: hardly any of its 599 values occurs twice")


def test_a_column_that_counts_up_is_kept_where_it_is_all_there_is(workshop: Workshop) -> None:
    text = table(["t", "y"], [[n, 3 * n + 1.5] for n in range(60)])
    training = workshop.trained(text.encode(), "--epochs", "50")
    assert training.document["features"] == ["t"]
    assert training.document["metrics"]["r2"] > 0.9


# --- Gaps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["number", "boolean", "category", "date"])
def test_every_spelling_of_a_gap_is_a_gap(kind: str, workshop: Workshop) -> None:
    known = {"number": "2.5", "boolean": "yes", "category": "red", "date": "2026-03-04"}[kind]
    other = {"number": "3.5", "boolean": "no", "category": "blue", "date": "2025-03-04"}[kind]

    def cell(n: int) -> str:
        return MISSING[n // 4 % len(MISSING)] if n % 4 == 0 else [known, other][n % 4 == 1]

    training = workshop.trained(of(cell, 160).encode(), *FEW)
    assert (profile(training)["kind"], profile(training)["missing"]) == (kind, 40)
    # Whichever spelling: the model gives one and the same answer.
    # A cell of spaces is text to pandas, which a column of the type double may not hold.
    spaced = [] if kind == "number" else ["  ", " NA "]
    rows = [[spelling, 3] for spelling in [*MISSING, *spaced]]
    answer = workshop.score(training, table(["c", "x"], rows).encode())
    assert len(set(answer["probability_u"])) == 1


@pytest.mark.parametrize("algorithm", ["linear", "boosting"])
@pytest.mark.parametrize("known", ["1.5", "red", "yes", "2026-03-04"])
def test_that_a_value_is_missing_is_something_to_learn_from(
    known: str, algorithm: str, workshop: Workshop
) -> None:
    text = of(lambda n: known if n * 7 % 3 else "", 120, lambda n: "known" if n * 7 % 3 else "gap")
    training = workshop.trained(text.encode(), "--epochs", "30", "--algorithm", algorithm)
    assert training.document["metrics"]["accuracy"] == 1


def test_infinities_and_what_is_out_of_range_count_as_missing_and_are_noted(workshop: Workshop) -> None:
    beyond = ["inf", "-inf", "Infinity", "1e999", "-1e300", "+INF"]
    training = workshop.trained(of(lambda n: beyond[n // 10] if n % 10 == 0 else n % 7).encode(), *FEW)
    assert profile(training)["range"] == [0, 6]
    assert profile(training)["missing"] == 6
    assert any('column "c": 6 cells are infinite' in note for note in training.document["notes"])
    answer = workshop.score(training, table(["c", "x"], [[cell, 3] for cell in [*beyond, ""]]).encode())
    assert len(set(answer["probability_u"])) == 1


@pytest.mark.parametrize(
    "cell", ["NAN", "Nan", "+nan", "1e999", "1_000", "0x1F", "\u215f", "--", "n.a.", "?"]
)
def test_what_pandas_takes_for_no_number_reaches_the_model_as_text(cell: str, workshop: Workshop) -> None:
    text = of(lambda n: cell if n == 30 else n % 7)
    training = workshop.trained(text.encode(), *FEW)
    assert (profile(training)["kind"], profile(training)["missing"]) == ("number", 1)
    assert typed(training)["c"] == "string"
    assert len(workshop.score(training, text.encode())["prediction"]) == 60


def test_what_is_no_number_in_a_column_of_numbers_is_missing_and_noted(workshop: Workshop) -> None:
    training = workshop.trained(of(lambda n: "broken" if n in (7, 40) else n % 7).encode(), *FEW)
    assert (profile(training)["kind"], profile(training)["missing"]) == ("number", 2)
    assert (
        'column "c": 2 cells are not numbers and are treated as missing: "broken" (2)'
        in training.document["notes"]
    )
    assert typed(training)["c"] == "string"


def test_rows_without_a_label_are_left_out_and_counted(workshop: Workshop) -> None:
    gaps = {n: MISSING[n % len(MISSING)] for n in range(0, 60, 4)}
    text = of(lambda n: n % 5, 60, lambda n: gaps.get(n, "uv"[n % 2]))
    training = workshop.trained(text.encode(), *FEW)
    assert training.document["dropped_rows"] == {"missing_label": 15}
    assert (training.document["dataset"]["rows"], training.document["classes"]) == (60, ["u", "v"])
    assert "15 rows were left out, because the label is missing" in training.stdout.splitlines()
    regression = workshop.trained(of(lambda n: n % 5, 60, lambda n: gaps.get(n, n / 7)).encode(), *FEW)
    assert regression.document["dropped_rows"] == {"missing_label": 15}
    assert regression.document["task"] == "regression"


@pytest.mark.parametrize("label", [lambda n: "uv"[n % 2], lambda n: n / 7])
def test_more_than_half_of_the_labels_missing_is_refused(
    label: Callable[[int], object], workshop: Workshop
) -> None:
    text = of(lambda n: n % 5, 61, lambda n: "" if n < 31 else label(n))
    workshop.train(text.encode()).refused('column "y"', "missing in 31 of 61 rows, more than half")
    workshop.trained(of(lambda n: n % 5, 60, lambda n: "" if n < 30 else label(n)).encode(), *FEW)


# --- What only shows further down ---------------------------------------------------------------------

MANY, LATE = 6000, 800
"""Rows, and how many of them come last, behind the megabyte from which the format is detected."""


def late(first: Callable[[int], object], then: Callable[[int], object]) -> bytes:
    """A wide cell in each row makes the file long with few rows."""
    cells = [first(n) if n < MANY - LATE else then(n) for n in range(MANY)]
    rows = [[cell, n * 7 % 13, "x" * 300, "uv"[n * 7 % 11 > 5]] for n, cell in enumerate(cells)]
    return table(["c", "x", "wide", "y"], rows).encode()


def test_numbers_that_turn_into_words_further_down_are_a_category(workshop: Workshop) -> None:
    data = late(lambda n: n % 7, lambda n: ["north", "south"][n % 2])
    training = workshop.trained(data, "--epochs", "1")
    column = profile(training)
    assert (column["kind"], column["missing"], column["distinct"]) == ("category", 0, 9)
    assert typed(training)["c"] == "string"


def test_dates_and_booleans_that_turn_into_words_are_categories(workshop: Workshop) -> None:
    for first in (
        lambda n: dates("%Y-%m-%d")(n % 50),
        lambda n: dates("%Y-%m-%d")(n % 3000),
        lambda n: "yes",
    ):
        training = workshop.trained(
            late(first, lambda n: ["later", "soon", "never", "tomorrow"][n % 4]), "--epochs", "1"
        )
        assert (profile(training)["kind"], profile(training)["missing"]) == ("category", 0)


def test_one_word_among_dates_stands_for_a_missing_one_also_further_down(workshop: Workshop) -> None:
    training = workshop.trained(
        late(lambda n: dates("%Y-%m-%d")(n % 3000), lambda n: "later"), "--epochs", "1"
    )
    assert (profile(training)["kind"], profile(training)["missing"]) == ("date", LATE)
    assert any('"later"' in note and "missing" in note for note in training.document["notes"])


def test_a_few_words_further_down_leave_a_column_of_numbers_one(workshop: Workshop) -> None:
    data = late(lambda n: n % 7, lambda n: "broken" if n % 80 == 0 else n % 7)
    training = workshop.trained(data, "--epochs", "1")
    assert (profile(training)["kind"], profile(training)["missing"]) == ("number", LATE // 80)


def test_words_that_turn_into_numbers_further_down_stay_a_category(workshop: Workshop) -> None:
    training = workshop.trained(late(lambda n: ["a", "b"][n % 2], lambda n: n % 7), "--epochs", "1")
    assert (profile(training)["kind"], profile(training)["distinct"]) == ("category", 9)


def test_a_column_that_is_empty_at_first_becomes_what_comes(workshop: Workshop) -> None:
    numbers = workshop.trained(late(lambda n: "", lambda n: n % 7), "--epochs", "1")
    assert profile(numbers)["kind"] == "number"
    words = workshop.trained(late(lambda n: "", lambda n: ["a", "b"][n % 2]), "--epochs", "1")
    assert (profile(words)["kind"], profile(words)["missing"]) == ("category", MANY - LATE)


# --- Labels and tasks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "task", "classes"),
    [
        (lambda n: ["ja", "nein"][n % 2], "classification", ["ja", "nein"]),
        (lambda n: n % 2 == 0, "classification", ["False", "True"]),
        (lambda n: n % 2, "classification", ["0", "1"]),
        (lambda n: f"{n % 3}.0", "classification", ["0.0", "1.0", "2.0"]),
        (lambda n: n % 20, "classification", sorted(map(str, range(20)))),
        (lambda n: f" {'ab'[n % 2]} ", "classification", ["a", "b"]),
        (lambda n: n % 21, "regression", []),
        (lambda n: n / 4, "regression", []),
        (lambda n: f"{n / 4}e3", "regression", []),
        (lambda n: "inf" if n == 5 else n / 4, "regression", []),
    ],
    ids=["text", "bool", "0/1", "floats", "20 numbers", "spaces", "21 numbers", "/4", "exponents", "inf"],
)  # fmt: skip
def test_the_task_follows_from_the_label(
    label: Callable[[int], object], task: str, classes: list[str], workshop: Workshop
) -> None:
    training = workshop.trained(of(lambda n: n * 5 % 7, 120, label).encode(), *FEW)
    assert (training.document["task"], training.document["classes"]) == (task, classes)


def test_the_task_can_be_set(workshop: Workshop) -> None:
    numbers = of(lambda n: n * 5 % 7, 120, lambda n: n % 3)
    assert workshop.trained(numbers.encode(), *FEW, "--task", "regression").document["classes"] == []
    many = of(lambda n: n * 5 % 7, 120, lambda n: n % 40)
    classes = workshop.trained(many.encode(), *FEW, "--task", "classification").document["classes"]
    assert len(classes) == 40


def test_classes_of_one_row_are_merged_where_that_is_set(workshop: Workshop) -> None:
    def label(n: int) -> str:
        return {7: "teal", 20: "mauve", 33: "ochre"}.get(n, "uv"[n % 2])

    text = of(lambda n: n % 5, 60, label)
    refused = workshop.train(text.encode(), *FEW)
    refused.refused(
        'column "y", row 9: class "teal"', "set rare_classes to merge (2 more classes are as small)"
    )
    merged = workshop.trained(text.encode(), *FEW, "--rare-classes", "merge")
    assert merged.document["classes"] == ["(other)", "u", "v"]
    assert '3 classes of one row each were merged into "(other)"' in merged.document["notes"]


def test_a_date_that_stands_for_never_counts_as_missing_and_is_noted(workshop: Workshop) -> None:
    text = of(lambda n: "9999-12-31" if n in (7, 40) else dates("%Y-%m-%d")(n))
    training = workshop.trained(text.encode(), *FEW)
    assert (profile(training)["kind"], profile(training)["missing"]) == ("date", 2)
    assert (
        'column "c": 2 cells are not dates and are treated as missing: "9999-12-31" (2)'
        in training.document["notes"]
    )


def test_a_single_class_of_one_row_is_left_out_where_merging_is_set(workshop: Workshop) -> None:
    text = of(lambda n: n % 5, 60, lambda n: "teal" if n == 7 else "uv"[n % 2])
    training = workshop.trained(text.encode(), *FEW, "--rare-classes", "merge")
    assert training.document["classes"] == ["u", "v"]
    assert 'the one row of class "teal" was left out' in "\n".join(training.document["notes"])


@pytest.mark.parametrize("rows", [2, 3, 5, 40])
@pytest.mark.parametrize("algorithm", ["linear", "boosting"])
def test_every_class_is_on_both_sides_of_the_split(rows: int, algorithm: str, workshop: Workshop) -> None:
    text = of(lambda n: n % 5, 1000, lambda n: "rare" if n % (1000 // rows) == 3 and n < 990 else "common")
    training = workshop.trained(text.encode(), *FEW, "--algorithm", algorithm)
    report = (training.artifacts / "report.html").read_text()
    assert "rare" in report
    answer = workshop.score(training, text.encode())
    assert all(0 < each < 1 for each in answer["probability_rare"]) or max(answer["probability_rare"]) == 1


def test_a_regression_reads_decimal_commas(workshop: Workshop) -> None:
    rows = [[str(n % 17), f"{3 * (n % 17) + 1.25:.2f}".replace(".", ",")] for n in range(200)]
    training = workshop.trained(table(["x", "y"], rows, separator=";").encode(), "--epochs", "50")
    assert training.document["metrics"]["r2"] > 0.99
    answer = workshop.score(training, b"x\n0\n10\n")
    assert answer["prediction"] == pytest.approx([1.25, 31.25], abs=1)


def test_a_regression_of_large_numbers_is_as_good_as_that_of_small_ones(workshop: Workshop) -> None:
    for scale in (1e-30, 1.0, 1e30):
        rows = [[n % 17, (3 * (n % 17) + 1.5) * scale] for n in range(200)]
        data = table(["x", "y"], rows).encode()
        training = workshop.trained(data, "--epochs", "50", "--task", "regression")
        assert training.document["metrics"]["r2"] > 0.99


# --- Algorithms --------------------------------------------------------------------------------------


def checkers(rows: int = 400) -> bytes:
    """Classes that no line can separate, and trees can easily."""
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(rows)]
    return table(["a", "b", "y"], [[a, b, "uv"[(a > 48) ^ (b > 44)]] for a, b in cells]).encode()


def test_boosting_alone_is_reported_alone(workshop: Workshop) -> None:
    document = workshop.trained(checkers(), "--epochs", "30", "--algorithm", "boosting").document
    assert (document["algorithm"], list(document["algorithms"])) == ("boosting", ["boosting"])
    assert document["metrics"]["accuracy"] > 0.8


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    """A metrics.json without the seconds that the candidates took, which differ each time."""
    document["notes"] = [re.sub(r"took \d+\.\d s", "took", note) for note in document["notes"]]
    for each in (document["choice"] or {"candidates": []})["candidates"]:
        del each["seconds"]
    return document


@pytest.mark.parametrize("algorithm", ["linear", "boosting", "auto"])
@pytest.mark.parametrize("block_bytes", [None, 1000])
def test_the_same_bytes_give_the_same_metrics_to_the_last_bit(
    algorithm: str, block_bytes: int | None, workshop: Workshop
) -> None:
    data = of(KINDS["categories"][0], 300, lambda n: "uv"[n * 7 % 11 > 5]).encode()
    one, two = (
        without_times(
            workshop.trained(data, *FEW, "--algorithm", algorithm, block_bytes=block_bytes).document
        )
        for _ in range(2)
    )
    assert one | {"mlflow_run_id": ""} == two | {"mlflow_run_id": ""}


# --- The deployed model -------------------------------------------------------------------------------


def churn(rows: int = 400, seed: int = 7) -> tuple[list[str], list[list[str]]]:
    """Customers as a German spreadsheet exports them; contract and complaints decide who leaves."""
    chance = random.Random(seed)
    header = ["Kunden-ID", "Vorname", "Geburtsdatum", "Vertrag", "Tarif", "Umsatz €", "Beschwerden"]
    header += ["Newsletter", "Notiz", "Stand", "gekündigt"]
    found = []
    for number in range(rows):
        contract = chance.choice(["monatlich", "jährlich", "zweijährlich", ""])
        complaints = chance.choice([0, 0, 0, 1, 2, 5])
        turnover = chance.uniform(5, 90)
        leaving = (contract == "monatlich") + complaints / 2 - turnover / 90 + chance.gauss(0, 0.3) > 0.4
        birthday = datetime.date(1950, 1, 1) + datetime.timedelta(days=chance.randrange(20_000))
        found.append(
            [
                f"K-{number * 7919 % 100_003:06d}",
                chance.choice(["Änne", "Jörg", "Zoë", "Max"]),
                birthday.strftime("%d.%m.%Y") if chance.random() > 0.05 else "",
                contract,
                chance.choice(["S", "M", "L", "XL; Familie"]),
                f"{turnover:.2f}".replace(".", ",") if chance.random() > 0.08 else "",
                str(complaints),
                chance.choice(["ja", "nein", "k.A."]),
                chance.choice(["", "", "", 'sagt "zu teuer"\nRückruf', f"Nr. {number}"]),
                "31.12.2025",
                "" if number % 50 == 3 else "ja" if leaving else "nein",
            ]
        )
    return header, found


def test_an_export_as_people_have_them_is_trained_and_scored_as_it_was_uploaded(
    workshop: Workshop, trainer_python: str, tmp_path: Path
) -> None:
    header, rows = churn()
    data = table(header, rows, separator=";", line_end="\r\n").encode("cp1252")
    training = workshop.trained(data, "--epochs", "20", "--algorithm", "auto")
    document = training.document
    assert document["task"] == "classification"
    assert document["classes"] == ["ja", "nein"]
    assert document["metrics"]["accuracy"] > document["gate"]["baseline"]["value"] + 0.1
    assert document["dropped_rows"] == {"missing_label": 8}
    assert training.dropped["Kunden-ID"] == "an identifier: every value is different"
    assert training.dropped["Stand"].startswith("constant")
    kinds = {column["name"]: column["kind"] for column in training.json("profile.json")["columns"]}
    assert (kinds["Geburtsdatum"], kinds["Umsatz €"], kinds["Beschwerden"]) == ("date", "number", "number")

    # Other columns first, the label among them or not, new categories, and gaps where training saw none.
    order = list(reversed(range(len(header))))
    strange = ["K-1", "Käthe", "kein Datum", "auf Zuruf", "", "viel", "", "", "neu", "", ""]
    asked = [[row[place] for place in order] for row in [*rows[:50], strange, [""] * len(header)]]
    (tmp_path / "rows.csv").write_text(table([header[place] for place in order], asked), encoding="utf-8")
    command = [trainer_python, "-c", PREDICT, str(training.model), str(tmp_path / "rows.csv")]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    assert list(answer) == ["prediction", "probability_ja", "probability_nein"]
    assert len(answer["prediction"]) == 52
    assert set(answer["prediction"]) <= {"ja", "nein"}
    for yes, no, said in zip(
        answer["probability_ja"], answer["probability_nein"], answer["prediction"], strict=True
    ):
        assert yes + no == pytest.approx(1)
        assert said == ("ja" if yes >= no else "nein")
    without = [[row[place] for place in range(len(header) - 1)] for row in rows[:50]]
    assert (
        workshop.score(training, table(header[:-1], without).encode())["prediction"]
        == answer["prediction"][:50]
    )


def held_out(rows: int) -> list[int]:
    """The numbers of the rows whose hash lies below the limit, as the trainer's documentation defines it."""
    found = []
    for row in range(rows):
        z = (row + 1 + 42) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        if (z ^ (z >> 31)) < 0.2 * 2**64:
            found.append(row)
    return found


def log_loss(answer: dict[str, Any], rows: list[list[Any]]) -> float:
    """The log loss of a model's probabilities; the last cell of a row is its label."""
    chances = [answer[f"probability_{row[-1]}"][place] for place, row in enumerate(rows)]
    return -sum(map(math.log, chances)) / len(rows)


@pytest.mark.parametrize("algorithm", ["linear", "boosting"])
def test_the_deployed_model_sees_what_training_has_seen(algorithm: str, workshop: Workshop) -> None:
    """The model's predictions for the raw hold-out rows give the metrics that the trainer wrote."""
    header, rows = churn(3000)
    data = table(header, rows, separator=";").encode("utf-16")
    training = workshop.trained(data, "--epochs", "10", "--algorithm", algorithm)
    held = [rows[place] for place in held_out(len(rows)) if rows[place][-1]]
    answer = workshop.score(training, table(header, held).encode())
    metrics = training.document["metrics"]
    right = sum(said == row[-1] for said, row in zip(answer["prediction"], held, strict=True))
    assert right / len(held) == pytest.approx(metrics["accuracy"])
    assert log_loss(answer, held) == pytest.approx(metrics["log_loss"])


@pytest.mark.parametrize(
    "written",
    ["days", "days and gaps", "times", "now and then a time", "centuries"],
)
def test_the_deployed_model_sees_the_dates_that_training_has_seen(written: str, workshop: Workshop) -> None:
    """Training takes the features of dates without a time from a table; the deployed model computes them."""
    rows = []
    for n in range(4000):
        days = n * 7919 % 2000
        moment = datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=days)
        if written == "times" or (written == "now and then a time" and n % 1500 == 0):
            moment += datetime.timedelta(minutes=n * 31 % 1440)
        if written == "centuries":
            moment = datetime.datetime(1700 + n % 500, 1 + n % 12, 1 + n % 28, tzinfo=datetime.UTC)
        text = moment.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
        text = "" if written == "days and gaps" and n % 7 == 0 else text
        # The second column makes every row another one: copies would be held out with the first of them.
        rows.append([text, n % 5 + n / 10_000, "uv"[(moment.weekday() > 3) != (n % 11 == 0)]])
    training = workshop.trained(table(["when", "a", "y"], rows).encode(), "--epochs", "3", block_bytes=20_000)
    kinds = {column["name"]: column["kind"] for column in training.json("profile.json")["columns"]}
    assert kinds["when"] == "date"
    held = [rows[place] for place in held_out(len(rows))]
    answer = workshop.score(training, table(["when", "a", "y"], held).encode())
    assert log_loss(answer, held) == pytest.approx(training.document["metrics"]["log_loss"], rel=1e-9)


@pytest.mark.parametrize("gaps", [False, True])
def test_the_deployed_model_sees_outliers_and_rare_levels_as_training_has(
    gaps: bool, workshop: Workshop
) -> None:
    """Training clips only columns with outliers and looks up levels; the deployed model does neither."""
    header = ["calm", "wild", "flag", "level", "other", "y"]
    rows = []
    for n in range(4000):
        spread = n * 7919 % 4000
        row = [
            spread % 10,
            spread**3 if n % 97 == 0 else -(spread % 5),
            spread % 3 == 0,
            f"level {spread % 7}",
            f"rare {spread}" if n % 5 == 0 else f"often {spread % 80}",
        ]
        cells = ["" if gaps and (n + 3 * place) % 11 == 0 else cell for place, cell in enumerate(row)]
        rows.append([*cells, "uv"[(spread % 10 > 4) != (n % 13 == 0)]])
    training = workshop.trained(table(header, rows).encode(), "--epochs", "3", block_bytes=20_000)
    held = [rows[place] for place in held_out(len(rows))]
    answer = workshop.score(training, table(header, held).encode())
    assert log_loss(answer, held) == pytest.approx(training.document["metrics"]["log_loss"], rel=1e-9)


def test_the_deployed_regression_sees_what_training_has_seen(workshop: Workshop) -> None:
    header, rows = churn(3000)
    priced = [row for row in rows if row[5]]
    data = table(header, priced, separator=";").encode()
    training = workshop.trained(data, "--epochs", "10", "--label", "Umsatz €")
    assert training.document["task"] == "regression"
    held = [priced[place] for place in held_out(len(priced))]
    answer = workshop.score(training, table(header, held).encode())
    assert list(answer) == ["prediction"]
    errors = [
        said - float(row[5].replace(",", ".")) for said, row in zip(answer["prediction"], held, strict=True)
    ]
    assert math.sqrt(sum(error**2 for error in errors) / len(held)) == pytest.approx(
        training.document["metrics"]["rmse"]
    )


def test_the_signature_calls_clean_numbers_doubles_and_everything_else_text(workshop: Workshop) -> None:
    columns: Sequence[tuple[str, Callable[[int], object]]] = [
        ("whole", lambda n: n * 5 % 17),
        ("gaps", lambda n: "" if n % 9 == 0 else n * 5 % 17),
        ("words", lambda n: "broken" if n == 30 else n * 5 % 17),
        ("flag", lambda n: n % 3 > 0),
        ("when", dates("%Y-%m-%d")),
        ("what", lambda n: "abc"[n % 3]),
    ]
    rows = [[*(cells(n) for _, cells in columns), "uv"[n % 2]] for n in range(60)]
    training = workshop.trained(table([*(name for name, _ in columns), "y"], rows).encode(), *FEW)
    assert typed(training) == {
        "whole": "double", "gaps": "double",
        "words": "string", "flag": "string", "when": "string", "what": "string",
    }  # fmt: skip


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("first", [True, False])
def test_long_stretches_of_rows_without_a_label_are_left_out(
    task: str, first: bool, workshop: Workshop
) -> None:
    """All batches that are shuffled together may lack labels; here, the seventeenth is shuffled alone."""
    labels = [("uv"[n % 2] if task == "classification" else str(n % 2 + 0.5)) for n in range(450)]
    labels = [*labels, *[""] * 430] if first else [*[""] * 430, *labels]
    cells = [[n % 2 + n % 7 / 10, label] for n, label in enumerate(labels)]
    training = workshop.trained(table(["a", "y"], cells).encode(), *FEW, block_bytes=300)
    assert training.document["task"] == task
    assert training.document["dropped_rows"] == {"missing_label": 430}
