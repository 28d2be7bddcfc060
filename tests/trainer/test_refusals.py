"""What cannot be trained is refused with one line that names it and says what to do."""

import json
from pathlib import Path

import pytest

from tests.trainer.conftest import Trainer, write_activity

GOOD = "a,b,y\n1,2,u\n3,4,v\n5,6,u\n7,8,v\n"
BAD = {
    "empty file": (b"", ["is empty"]),
    "blank lines only": (b"\n\r\n\n", ["is empty"]),
    "header only": (b"a,b,y\n", ["no row"]),
    "one column": (b"a;b;y\n1;2;u\n", ['only the column "a;b;y"', "commas"]),
    "not UTF-8": (b"a,b,y\n1,2,u\n3,4,v\xff\n", ["row 3", "0xff", "UTF-8"]),
    "UTF-16": (GOOD.encode("utf-16"), ["row 1", "UTF-8"]),
    "binary": (bytes(range(256)) * 64, ["row ", "UTF-8"]),
    "zeros": (bytes(4096), ["row 1", "control characters"]),
    "a column twice": (b"a,b,a,y\n1,2,3,u\n", ['"a" stands twice', "columns 1 and 3"]),
    "a column without name": (b",a,y\n1,2,u\n", ["column 1 has no name", "row 1"]),
    "a short row": (b"a,b,y\n1,2,u\n\n3,v\n", ["row 4 has 2 cells", "3 columns"]),
    "a long row": (b"a,b,y\n1,2,u,9\n", ["row 2 has 4 cells"]),
    "an open quote": (b'a,b,y\n1,2,"u\n3,4,v\n', ["row 3", "quotes"]),
    "an endless cell": (b"a,b,y\n1,2," + b"u" * 200_000, ["row 2", "field"]),
    "text in a feature": (b"a,b,y\n1,2,u\n3,abc,v\n", ['column "b", row 3', '"abc" is not a number']),
    "text after a cell of two lines": (b'a,b,y\n1,2,"u\nu"\n3,abc,v\n', ['column "b", row 4']),
    "an underscore number": (b"a,b,y\n1_0,2,u\n", ['column "a", row 2', "not a number"]),
    "digits of another script": ("a,b,y\n\uff11,2,u\n".encode(), ['column "a", row 2', "not a number"]),
    "a missing value": (b"a,b,y\n1,2,u\n3,,v\n", ['column "b", row 3', "missing"]),
    "NaN": (b"a,b,y\n1,2,u\nnan,4,v\n", ['column "a", row 3', "missing"]),
    "NA": (b"a,b,y\n1,2,u\nNA,4,v\n", ['column "a", row 3', "missing"]),
    "infinity": (b"a,b,y\n1,2,u\n3,-inf,v\n", ['column "b", row 3', "-inf"]),
    "an overflow": (b"a,b,y\n1,2,u\n3,1e999,v\n", ['column "b", row 3', "1e999"]),
    "a missing label": (b"a,b,y\n1,2,u\n3,4,\n", ['column "y", row 3', "label is missing"]),
    "one class": (b"a,b,y\n1,2,u\n3,4,u\n", ['column "y"', 'only class is "u"']),
    "a class of one row": (b"a,b,y\n1,2,u\n3,4,u\n5,6,v\n", ['column "y", row 4', 'class "v"']),
    "a label that is no class": (
        b"a,y\n" + b"".join(b"1,%d\n" % n for n in range(2000)),
        ['column "y"', "1000", "row 1002"],
    ),
    "a row that would break the line": (b'a,b,y\n1,"x\ny\x1b[31m",u\n', ["column", r"x\ny\x1b[31m"]),
}
SECRET = "AccountKey=c2VjcmV0"


def refused(process: "object", *named: str) -> None:
    import subprocess

    assert isinstance(process, subprocess.CompletedProcess)
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stdout == ""
    for name in named:
        assert name in process.stderr


@pytest.mark.parametrize("case", BAD)
def test_bad_dataset_is_one_line_naming_column_and_row(case: str, trainer: Trainer, tmp_path: Path) -> None:
    data, named = BAD[case]
    (tmp_path / "bad.csv").write_bytes(data)
    refused(trainer("--iris-csv", "bad.csv", cwd=tmp_path), "dataset bad.csv", *named)
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["--iris-csv", "activity.json"]),
        (["--epochs", "5"], ["--iris-csv"]),
        (["--iris-csv", "no such.csv"], ["dataset no such.csv", "No such file"]),
        (["--iris-csv", "."], ["dataset .", "directory"]),
        (["--iris-csv", "good.csv", "--label", "z"], ['label column "z"', '"a", "b", "y"']),
        (["--iris-csv", "good.csv", "--epochs", "0"], ["epochs", '"0"']),
        (["--iris-csv", "good.csv", "--epochs", "1.5"], ["epochs", '"1.5"']),
        (["--iris-csv", "good.csv", "--epochs", "inf"], ["epochs", '"inf"']),
        (["--iris-csv", "good.csv", "--lr", "-1"], ["lr", '"-1"']),
        (["--iris-csv", "good.csv", "--lr", "nan"], ["lr", '"nan"']),
        (["--iris-csv", "good.csv", "--containerName", "c"], ["--connectionString", "--accountUrl"]),
        (["--iris-csv", "good.csv", "--accountUrl", "https://x"], ["--containerName"]),
        (["--iris-csv", "good.csv", "--connectionstring", SECRET], ['"--connectionstring"']),
        (["--iris-csv", "good.csv", f"--connectionstring={SECRET}"], ['"--connectionstring"']),
        (["--iris-csv", "good.csv", SECRET], ["unexpected value"]),
        (
            ["--iris-csv", "good.csv", "--connectionString", SECRET, "--containerName", "c"],
            ["connection string"],
        ),
    ],
)
def test_bad_arguments_are_one_line_without_the_secret(
    arguments: list[str], named: list[str], trainer: Trainer, tmp_path: Path
) -> None:
    (tmp_path / "good.csv").write_text(GOOD)
    process = trainer(*arguments, cwd=tmp_path)
    refused(process, *named)
    assert SECRET not in process.stderr


def test_learning_rate_that_diverges_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("a,y\n" + "0,u\n0,v\n" * 99 + "9,u\n9,v\n" * 5)
    process = trainer("--iris-csv", "far.csv", "--lr", "1.7e308", cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.splitlines() == [
        "training diverged in epoch 1 at learning rate 1.7e+308; choose a smaller lr"
    ]


COMPLETE = {
    "runId": "r",
    "pipelineRunId": "p",
    "accountUrl": "https://127.0.0.1:1/a",
    "clientId": "",
    "container": "c",
    "dataset": "datasets/d.csv",
    "etag": "0x1",
    "outputPrefix": "runs/r",
    "label": "",
    "epochs": "50",
    "lr": "0.1",
}


@pytest.mark.parametrize(
    "missing", ["runId", "accountUrl", "container", "dataset", "etag", "outputPrefix", "epochs", "lr"]
)
def test_activity_without_a_parameter_is_refused_by_its_name(
    missing: str, trainer: Trainer, tmp_path: Path
) -> None:
    write_activity(tmp_path, **{name: value for name, value in COMPLETE.items() if name != missing})
    refused(trainer(cwd=tmp_path), "activity.json", f"no {missing};")


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps({"typeProperties": None})])
def test_activity_of_another_shape_is_refused(text: str, trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "activity.json").write_text(text)
    refused(trainer(cwd=tmp_path), "activity.json", "extendedProperties")


def test_activity_with_bad_hyperparameters_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    write_activity(tmp_path, **COMPLETE | {"epochs": "many"})
    refused(trainer(cwd=tmp_path), "epochs", '"many"')
