"""The predictions of a scoring job, as Azure's driver writes them, are read in row order or refused."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.predictions import Returned, UnsoundPredictionsError, read, returned

FILE = "sample.csv"
KINDS = frozenset({"setosa", "virginica", "a", "b", "c", "d", "x", "y", "7", "3", "a, b", "a" * 150_000})
NUMBER = Returned(1, None)


def classes(width: int = 1, *known: str) -> Returned:
    return Returned(width, frozenset(known) or KINDS)


@pytest.mark.parametrize(
    ("text", "model", "found"),
    [
        ("0,setosa,sample.csv\n1,virginica,sample.csv\n", classes(), ["setosa", "virginica"]),
        ("0,setosa,sample.csv\r\n1,virginica,sample.csv\r\n", classes(), ["setosa", "virginica"]),
        ("1,b,sample.csv\n0,a,sample.csv\n10,d,sample.csv\n2,c,sample.csv\n", classes(), list("abcd")),
        ("0,b,0.25,0.75,sample.csv\n1,a,0.9,,sample.csv\n", classes(3), ["b", "a"]),
        ("0,12.5,sample.csv\n1,7,sample.csv\n2,-1e-05,sample.csv\n", NUMBER, ["12.5", "7", "-1e-05"]),
        ("sample.csv,x\nsample.csv,y\n", classes(), ["x", "y"]),
        ("sample.csv,7\nsample.csv,3\n", classes(), ["7", "3"]),
        ("sample.csv,7\nsample.csv,3\n", NUMBER, ["7", "3"]),
        ("0,in/sample.csv,a\n", classes(), ["a"]),
        ('0,"a, b",sample.csv\n', classes(), ["a, b"]),
        (f"0,{'a' * 150_000},sample.csv\n", classes(), ["a" * 150_000]),
        ("0,sample.csv,sample.csv\n", classes(1, FILE), [FILE]),
        ("sample.csv,sample.csv\n", classes(1, FILE), [FILE]),
        ("sample.csv,0\nsample.csv,0\n", classes(1, "0"), ["0", "0"]),
    ],
    ids=[
        "documented",
        "line ends of Windows",
        "out of order",
        "a table",
        "numbers",
        "an array",
        "an array of classes that are numbers",
        "an array of numbers",
        "the file before the prediction, with its folder",
        "quoted",
        "longer than csv's own limit",
        "a class that is called as the file",
        "an array of a class that is called as the file",
        "an array of a class that looks like a row number",
    ],
)
def test_predictions_are_read_whatever_the_model_answers_with(
    text: str, model: Returned, found: list[str]
) -> None:
    assert read(text, FILE, model) == found


@pytest.mark.parametrize(
    ("text", "model", "why"),
    [
        ("\n", classes(), "it is empty"),
        ("0,,sample.csv\n", classes(), "prediction 1 is '', not a class"),
        ("0,a,sample.csv\n1,,sample.csv\n", classes(), "prediction 2 is '', not a class"),
        ("0, ,0.5,sample.csv\n", classes(2), "prediction 1 is ' ', not a class"),
        ("0,a,sample.csv\n1,b,0.5,sample.csv\n", classes(), "3 or 4 columns"),
        ("sample.csv\n", classes(), "1 columns"),
        ("0,a,other.csv\n", classes(), "no column holds the name of the scored file, sample.csv"),
        ("0,a,sample.csv\n0,b,sample.csv\n", classes(), "a row number comes twice"),
        ("²,a,sample.csv\n", classes(), "3 columns"),
        ("0,e,sample.csv\n", classes(), "prediction 1 is 'e', not a class of the model"),
        ("0,Setosa,sample.csv\n", classes(), "not a class of the model"),
        ("0,nan,sample.csv\n", NUMBER, "prediction 1 is 'nan', not a finite number"),
        ("0,inf,sample.csv\n", NUMBER, "not a finite number"),
        ("0,1e999,sample.csv\n", NUMBER, "not a finite number"),
        ("0,1_0,sample.csv\n", NUMBER, "not a finite number"),
        ("0,\u0661,sample.csv\n", NUMBER, "not a finite number"),
        ('0,"1,5",sample.csv\n', NUMBER, "not a finite number"),
    ],
)
def test_a_file_without_usable_predictions_is_refused(text: str, model: Returned, why: str) -> None:
    with pytest.raises(UnsoundPredictionsError) as refused:
        read(text, FILE, model)
    assert why in str(refused.value).replace('"', "'")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("0,5.1,3.5,setosa,sample.csv\n1,6.2,2.9,virginica,sample.csv\n", classes()),
        ("0,5.1,3.5,setosa,0.9,0.1,sample.csv\n", classes(3)),
        ("0,setosa,0.9,0.1,5.1,3.5,sample.csv\n", classes(3)),
        ("0,setosa,5.1,0.9,sample.csv\n".replace("setosa,5.1", "5.1,setosa"), classes(3)),
        ("0,5.1,3.5,12.5,sample.csv\n1,6.2,2.9,7,sample.csv\n", NUMBER),
        ("5.1,12.5,sample.csv\n6.2,7,sample.csv\n", NUMBER),
    ],
)
def test_a_driver_that_writes_columns_of_the_input_is_not_believed(text: str, model: Returned) -> None:
    """As reported in Azure/azure-sdk-for-python#30741."""
    with pytest.raises(UnsoundPredictionsError):
        read(text, FILE, model)


# --- Labels that are hostile --------------------------------------------------------------------------

labels = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda label: label.strip() != ""
)


def written(rows: list[list[str]], *, quoting_carriage_returns: bool) -> str:
    """The rows as the csv module writes them, which before Python 3.13 quotes no carriage return."""
    out = io.StringIO(newline="")
    stand_in = "\r" if quoting_carriage_returns else "\ue000"
    csv.writer(out, lineterminator="\n").writerows(
        [[cell.replace("\r", stand_in) for cell in row] for row in rows]
    )
    return out.getvalue().replace("\ue000", "\r")


@given(st.lists(labels, min_size=1, max_size=8), st.booleans(), st.booleans(), st.randoms())
def test_every_label_that_a_model_knows_is_read_back(
    predicted: list[str], table: bool, quoting: bool, random: Any
) -> None:
    known = frozenset(predicted)
    model = Returned(1 + len(known) if table else 1, known)
    extra = ["0.5"] * (model.width - 1)
    rows = [[str(number), label, *extra, FILE] for number, label in enumerate(predicted)]
    random.shuffle(rows)
    found = read(written(rows, quoting_carriage_returns=quoting), FILE, model)
    assert [label.split() for label in found] == [label.split() for label in predicted]
    assert set(found) <= known


@given(labels, st.lists(labels, min_size=1, max_size=4))
def test_no_label_that_a_model_does_not_know_is_read(label: str, known: list[str]) -> None:
    if label.split() in [each.split() for each in known]:
        return
    with pytest.raises(UnsoundPredictionsError):
        read(written([["0", label, FILE]], quoting_carriage_returns=True), FILE, classes(1, *known))


@given(st.text())
def test_any_text_at_all_is_read_or_refused(text: str) -> None:
    for model in (NUMBER, classes(1, "a"), classes(2, "a")):
        try:
            found = read(text, FILE, model)
        except UnsoundPredictionsError:
            continue
        assert found


# --- What a model returns -------------------------------------------------------------------------------


def described(*outputs: dict[str, Any]) -> dict[str, Any]:
    return {"signature": {"outputs": json.dumps(list(outputs))}}


TABLE = described(
    {"name": "prediction", "type": "string"},
    {"name": "probability_a", "type": "double"},
    {"name": "probability_b", "type": "double"},
)


def test_a_model_returns_the_columns_of_its_signature_and_predicts_its_classes() -> None:
    known = {"classes": ["a", "b"]}
    assert returned(TABLE, known, "classification") == Returned(3, frozenset({"a", "b"}))
    assert returned(TABLE, {}, "regression") == Returned(3, None)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"signature": None},
        {"signature": {"outputs": None}},
        {"signature": {"outputs": "{"}},
        {"signature": {"outputs": '{"name": "x"}'}},
        described({"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}),
    ],
)
def test_a_model_whose_signature_names_no_columns_returns_one(document: dict[str, Any]) -> None:
    assert returned(document, {}, "regression") == NUMBER


@pytest.mark.parametrize("metrics", [{}, {"classes": []}, {"classes": "ab"}, {"classes": ["a", 1]}])
def test_a_classification_without_classes_is_refused(metrics: dict[str, Any]) -> None:
    with pytest.raises(UnsoundPredictionsError, match=r"its metrics\.json names no classes"):
        returned(TABLE, metrics, "classification")
