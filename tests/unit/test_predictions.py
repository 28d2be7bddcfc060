"""The predictions of a scoring job, as Azure's driver writes them, are read in row order or refused."""

import pytest

from activities.smoke_test import parse_predictions
from runs.errors import RefusedError


def predictions(text: str) -> list[str]:
    return parse_predictions(text, "run-1", "job-1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0,setosa,sample.csv\n1,virginica,sample.csv\n", ["setosa", "virginica"]),
        ("1,b,sample.csv\n0,a,sample.csv\n10,d,sample.csv\n2,c,sample.csv\n", ["a", "b", "c", "d"]),
        ("0,b,0.25,0.75,sample.csv\n1,a,0.9,,sample.csv\n", ["b", "a"]),
        ("0,12.5,sample.csv\n1,7,sample.csv\n", ["12.5", "7"]),
        ("sample.csv,x\nsample.csv,y\n", ["x", "y"]),
        ("sample.csv,7\nsample.csv,3\n", ["7", "3"]),
        ('0,"a, b",sample.csv\n', ["a, b"]),
        (f"0,{'a' * 150_000},sample.csv\n", ["a" * 150_000]),
    ],
    ids=[
        "documented",
        "out of order",
        "a table",
        "numbers",
        "an array",
        "an array of numbers",
        "quoted",
        "longer than csv's own limit",
    ],
)
def test_predictions_are_read_whatever_the_model_answers_with(text: str, found: list[str]) -> None:
    assert predictions(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0,,sample.csv\n",
        "0,a,sample.csv\n1,,sample.csv\n",
        "0, ,0.5,sample.csv\n",
        "0,a,sample.csv\n1,b,0.5,sample.csv\n",
        "sample.csv\n",
    ],
    ids=["nothing", "empty", "one empty", "empty in a table", "rows of several widths", "only the file"],
)
def test_a_file_without_usable_predictions_fails_the_smoke_test(text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        predictions(text)
    assert refused.value.code == "SmokeTestFailed"
    assert "deployment run-1: " in str(refused.value)


def test_a_job_that_left_no_predictions_is_said_to() -> None:
    with pytest.raises(RefusedError, match=r"scoring job job-1 left no predictions\.$"):
        predictions("")
