"""The driver's own rules, without a model; test_scoring.py runs it as a process."""

import csv
import importlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from localcloud.machinelearning import driver


class Table:
    """A table with one row for each line of its file; these tests use only its length."""

    def __init__(self, path: Path) -> None:
        self.rows = len(path.read_text().splitlines())

    def __len__(self) -> int:
        return self.rows


class Model:
    """Predicts the number of rows of the file, for each row; refuses an empty file."""

    def predict(self, table: Table) -> list[int]:
        if not len(table):
            raise ValueError("no rows")
        return [len(table)] * len(table)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def make(files: dict[str, str], **settings: Any) -> driver.Run:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        request = {
            "logs": str(tmp_path),
            "inputs": [str(tmp_path / name) for name in files],
            "miniBatchSize": 10,
            "errorThreshold": -1,
            "maxRetries": 0,
            "timeout": 30,
        }
        return driver.Run(request | settings, read=Table)

    return make


def test_rows_are_numbered_per_file(run: Any) -> None:
    job = run({"a.csv": "x\ny\n", "b.csv": "x\n"})
    job.score_all(Model())
    assert job.scored == ["0,2,a.csv\n1,2,a.csv\n0,1,b.csv\n"]


def test_a_failing_file_fails_its_mini_batch_and_no_other(run: Any) -> None:
    job = run({"a.csv": "x\n", "b.csv": "", "c.csv": "x\n"}, miniBatchSize=2)
    job.score_all(Model())
    assert (job.scored, job.failed_items) == (["0,1,c.csv\n"], 2)


def test_more_failed_files_than_the_threshold_fail_the_job(run: Any) -> None:
    run({"a.csv": "", "b.csv": "x\n"}, miniBatchSize=1, errorThreshold=1).score_all(Model())
    with pytest.raises(driver.JobFailedError, match="more than the error threshold of 0"):
        run({"a.csv": "", "b.csv": "x\n"}, miniBatchSize=1, errorThreshold=0).score_all(Model())


def test_a_job_whose_every_file_failed_has_failed(run: Any) -> None:
    job = run({"a.csv": ""}, maxRetries=3)
    with pytest.raises(driver.JobFailedError, match="No succeeded mini batch item"):
        job.score_all(Model())
    assert job.errors == ["ValueError: no rows"] * 4


def test_predictions_may_have_several_columns() -> None:
    assert driver.lines_of([[0.1, 0.9], [0.8, 0.2]], "a.csv") == "0,0.1,0.9,a.csv\n1,0.8,0.2,a.csv\n"


def test_a_prediction_that_holds_separators_is_one_cell() -> None:
    said = driver.lines_of(['low, "very"', "two\nlines"], "a,b.csv")
    assert list(csv.reader(io.StringIO(said))) == [
        ["0", 'low, "very"', "a,b.csv"],
        ["1", "two\nlines", "a,b.csv"],
    ]


def test_a_prediction_that_is_missing_is_an_empty_cell() -> None:
    assert driver.lines_of([float("nan"), None, 0.0, False], "a.csv") == (
        "0,,a.csv\n1,,a.csv\n2,0.0,a.csv\n3,False,a.csv\n"
    )


def test_mlflow_is_imported_without_databricks_and_a_model_finds_it_later() -> None:
    name = "databricks.sdk.errors.platform"
    with driver.without_databricks():
        assert importlib.import_module(name).NotFound is driver.NotFound
    assert name not in sys.modules
