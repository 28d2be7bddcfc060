"""What cannot be trained is refused with one line that names it and says what to do."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.trainer.conftest import DEFAULT_SETTINGS, MAIN, Trainer, write_activity
from tests.trainer.workshop import Workshop

GOOD = "a,b,y\n1,2,u\n3,4,v\n5,6,u\n7,8,v\n"
BAD_AT_FIRST_SIGHT = {
    "empty file": (b"", ["is empty", "upload"]),
    "blank lines only": (b"\n\r\n\n", ["is empty"]),
    "zeros": (bytes(4096), ["is empty"]),
    "header only": (b"a,b,y\n", ["no data row"]),
    "one column": (b"y\nu\nv\n", ["only the column", "'y'", "commas, semicolons, tabs or pipes"]),
    "binary": (bytes(range(256)) * 64, ["not text", "export the data as CSV"]),
    "a short row": (b"a,b,y\n1,2,u\n\n3,v\n", ["row 4 has 2 cells", "3 columns", "complete"]),
    "a long row": (b"a,b,y\n1,2,u,9\n", ["row 2 has 4 cells", "remove"]),
    "an open quote": (b'a,b,y\n1,2,"u\n3,4,v\n', ["row 3", "quotes"]),
    "a name of many letters": (b"a," + b"b" * 300 + b",y\n1,2,u\n", ["column 2", "300 characters"]),
    "half a UTF-16 character": ("\ufeffa,y\n1,u\n".encode("utf-16-le") + b"x", ["not text in UTF-16"]),
    "100,000 columns": (
        b",".join(b"%x" % n for n in range(100_000)) + b"\n" + b",".join([b"1"] * 100_000) + b"\n",
        ["it has 100000 columns", "10000"],
    ),
    "gzip cut off": (gzip.compress(GOOD.encode())[:-9], ["gzip stream is cut off", "upload it again"]),
    "gzip damaged": (gzip.compress(GOOD.encode() * 99)[:30] + b"damage" * 20, ["gzip stream", "again"]),
}
BAD = {
    "one class": (b"a,b,y\n1,2,u\n3,4,u\n", ['column "y"', "row 2", 'only class is "u"', "add rows"]),
    "one class below a gap": (
        b"a,b,y\n1,2,\n3,4,u\n5,6,u\n",
        ['column "y", row 3', 'only class is "u"', "add rows of another class (if an empty cell is a class"],
    ),
    "one word or nothing": (
        b"a,b,y\n1,2,\n3,4,\n5,6,x\n",
        ["missing in 2 of 3 rows", "fill it in (if an empty cell is a class of its own, write a word there)"],
    ),
    "a class of one row": (
        b"a,b,y\n1,2,u\n3,4,u\n5,6,v\n",
        ['column "y", row 4', 'class "v"', "set rare_classes to merge"],
    ),
    "a class of one row after a cell of two lines": (
        b'a,b,y\n"1\n1",2,u\n3,4,u\n\n5,6,v\n',
        ['column "y", row 6', 'class "v"'],
    ),
    "most labels missing": (
        b"a,b,y\n1,2,u\n3,4,\n5,6,NA\n7,8, null \n9,1,u\n",
        ['column "y"', "missing in 3 of 5 rows", "fill it in"],
    ),
    "all labels missing": (b"a,b,y\n1,2,\n3,4,NA\n", ['column "y"', "missing in 2 of 2 rows"]),
    "more classes than a model can distinguish": (
        b"a,y\n" + b"".join(b"%d,c%d\n" % (n % 7, n) for n in range(2000)),
        ['column "y"', "1000 classes", "row 1002", "too many to tell apart; name another label"],
    ),
    "a label that would break the line": (
        b'a,b,y\n1,2,"x\ny\x1b[31m"\n3,4,"x\ny\x1b[31m"\n',
        ['column "y"', r"x\ny\x1b[31m"],
    ),
    "a text of a thousand times the file": (
        gzip.compress(GOOD.encode() * 9 + b"\n" * (80 << 20)),
        ["more than 100 times as long", "upload it uncompressed"],
    ),
    "constant columns only": (
        b"a,b,y\n1,x,u\n1,x,v\n1,x,u\n1,x,v\n",
        ["no column is left", '"a" is constant', '"b" is constant'],
    ),
    "identifiers only": (
        b"who,y\n" + b"".join(b"p%d,%d\n" % (n, n % 2) for n in range(30)),
        ["no column is left", '"who" is an identifier'],
    ),
    "empty columns only": (b"a,b,y\n,NA,u\n,,v\n,,u\n,,v\n", ["no column is left", '"a" is empty']),
}
"""Faults that only a reader of the whole dataset finds."""
SECRET = "AccountKey=c2VjcmV0"


def refused(process: "subprocess.CompletedProcess[str]", folder: Path, *named: str) -> None:
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stdout == ""
    for name in named:
        assert name in process.stderr
    assert not (folder / "mlruns").exists()
    assert not list(folder.glob("training-*"))


@pytest.mark.parametrize("case", BAD_AT_FIRST_SIGHT)
def test_what_the_beginning_shows_is_one_line_naming_the_row(
    case: str, trainer: Trainer, tmp_path: Path
) -> None:
    data, named = BAD_AT_FIRST_SIGHT[case]
    (tmp_path / "bad.csv").write_bytes(data)
    refused(trainer("--iris-csv", "bad.csv", cwd=tmp_path), tmp_path, "dataset bad.csv: ", *named)


@pytest.mark.parametrize("case", BAD)
def test_what_the_whole_dataset_shows_is_one_line_naming_column_and_row(
    case: str, workshop: Workshop
) -> None:
    data, named = BAD[case]
    workshop.train(data).refused("dataset data.csv: ", *named)


def test_a_thousand_classes_by_60_columns_of_categories_are_refused_by_a_linear_model(
    workshop: Workshop,
) -> None:
    names = b",".join(b"c%d" % n for n in range(60)) + b",y\n"
    cells = ([b"v%d" % (n * (c + 61) % 59) for c in range(60)] for n in range(5000))
    rows = b"".join(b"%b,k%d\n" % (b",".join(row), n % 1000) for n, row in enumerate(cells))
    training = workshop.train(names + rows)
    assert training.code == 2
    (line,) = training.stderr.splitlines()
    assert (
        "1000 classes and 3481 features take too long with a linear model; choose the algorithm auto" in line
    )


def test_a_refusal_after_the_survey_is_one_line_of_the_process_too(trainer: Trainer, tmp_path: Path) -> None:
    data, named = BAD["a class of one row"]
    (tmp_path / "bad.csv").write_bytes(data)
    refused(trainer("--iris-csv", "bad.csv", cwd=tmp_path), tmp_path, "dataset bad.csv: ", *named)


@pytest.mark.parametrize("block_bytes", [None, 64, 1000])
@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("1,2", ["has 2 cells where the header has 3 columns", "complete"]),
        ("1,2,u,9", ["has 4 cells where the header has 3 columns", "correct"]),
    ],
)
def test_a_row_of_another_width_far_down_is_named(
    workshop: Workshop, row: str, named: list[str], block_bytes: int | None
) -> None:
    rows = '1,"two\n""lines""",u\n' + "3,4,v\n" * 3
    good = "a,b,y\n" + rows * (70_000 if block_bytes is None else 60)
    if block_bytes is not None:
        # The format is detected from the first megabyte, so a long cell pads the file beyond it.
        good = good.replace("3,4,v\n", f"3,{'x' * 2_000_000},v\n", 1)
    data = f"{good}{row}\n{rows}".encode()
    training = workshop.train(data, block_bytes=block_bytes)
    line = good.count("\n") + 1
    training.refused("dataset data.csv: ", f"row {line} ", *named)


def test_more_rows_than_the_operator_allows_are_refused(workshop: Workshop) -> None:
    data = b"a,b,y\n" + b"".join(b"%d,%d,%c\n" % (n, n % 3, b"uv"[n % 2]) for n in range(40))
    line = workshop.train(data, "--max-rows", "39").refused("dataset data.csv: it has more than 39 rows")
    assert "TOUCHDOWN_MAX_ROWS" in line
    assert workshop.trained(data, "--max-rows", "40", "--epochs", "1").document["dataset"]["rows"] == 40


def test_an_open_quote_far_down_is_named(workshop: Workshop) -> None:
    good = "a,b,y\n" + "1,2,u\n3,4,v\n" * 100_000
    training = workshop.train(f'{good}5,"6,u\n7,8,v\n'.encode())
    training.refused("dataset data.csv: row 200", "quotes")


def test_bytes_that_are_no_text_far_down_are_named(workshop: Workshop) -> None:
    good = "a,b,y\n" + "1,é,u\n3,4,v\n" * 100_000
    training = workshop.train(good.encode() + b"5,\xff,u\n")
    training.refused("dataset data.csv: row 200002 ", "0xff", "UTF-8")


def test_a_header_in_utf_8_and_latin_1_far_down_are_refused(workshop: Workshop) -> None:
    good = "größe,b,y\n" + "1,2,u\n3,4,v\n" * 100_000
    training = workshop.train(good.encode() + b"5,\xe9,u\n")
    training.refused("dataset data.csv: row 200002 ", "0xe9", "UTF-8")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_regression_label_that_is_no_number_is_named_by_its_row(workshop: Workshop, quote: str) -> None:
    rows = "".join(f"{quote}{n % 9}{quote},{n / 7}\n" for n in range(50))
    training = workshop.train(f"a,y\n{rows}3,about 5\n{rows}".encode(), "--task", "regression")
    training.refused('column "y", row 52', '"about 5" is not a number', "task to classification")


def test_a_regression_label_of_one_value_is_refused(workshop: Workshop) -> None:
    training = workshop.train(b"a,y\n1,5\n2,5.0\n3,5\n", "--task", "regression")
    training.refused('column "y"', "every row holds 5", "another label")


def test_a_regression_with_one_label_is_refused(workshop: Workshop) -> None:
    workshop.train(b"a,y\n1,5.5\n2,\n", "--task", "regression").refused('column "y"', "one row")


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
        (["--iris-csv", "good.csv", "--task", "clustering"], ["task", '"clustering"', "regression"]),
        (["--iris-csv", "good.csv", "--algorithm", "deep"], ["algorithm", '"deep"', "boosting"]),
        (["--iris-csv", "good.csv", "--rare-classes", "keep"], ["rare-classes", '"keep"', "merge"]),
        (["--iris-csv", "good.csv", "--class-weights", "none"], ["class-weights", '"none"', "balanced"]),
        (["--iris-csv", "good.csv", "--min-accuracy", "90"], ["min-accuracy", '"90"', "from 0 to 1"]),
        (["--iris-csv", "good.csv", "--max-rmse", "-1"], ["max-rmse", '"-1"', "at least 0"]),
        (["--iris-csv", "good.csv", "--tolerance", "nan"], ["tolerance", '"nan"', "from 0 to 1"]),
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
    refused(process, tmp_path, *named)
    assert SECRET not in process.stderr


def test_learning_rate_that_diverges_is_halved_until_it_does_not(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("a,y\n" + "0,u\n0,v\n" * 99 + "9,u\n9,v\n" * 5)
    process = trainer("--iris-csv", "far.csv", "--lr", "1.7e308", "--algorithm", "linear", cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    assert "that of the classes' shares: training starts again at learning rate 2\n" in process.stdout
    assert not list(tmp_path.glob("training-*"))


NEVER_FITS = """
import sys
sys.path.insert(0, sys.argv[1])
import main
from sklearn.linear_model import SGDRegressor

learn = SGDRegressor.partial_fit

def overflow(self, *arguments, **named):
    learn(self, *arguments, **named)
    self.coef_ = self.coef_ + float("inf")
    return self

SGDRegressor.partial_fit = overflow
sys.exit(main.main(["--csv", "good.csv", "--task", "regression", "--algorithm", "linear"]))
"""


def test_training_that_no_smaller_rate_helps_is_refused(trainer_python: str, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("a,y\n" + "".join(f"{n % 13},{n % 5}\n" for n in range(60)))
    process = subprocess.run(
        [trainer_python, "-c", NEVER_FITS, str(MAIN.parent)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("training diverged: loss inf in epoch 1 is above ")
    assert line.endswith(", that of the mean, even at learning rate 9.53674e-08; choose a smaller lr")
    assert process.stdout.count("training starts again") == 20
    assert not (tmp_path / "mlruns").exists()


BROKEN_LIBRARY = """
import sys
sys.path.insert(0, sys.argv[1])
import main
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import SGDClassifier

def fail(self, *arguments, **named):
    raise ValueError("Input X contains NaN, which is not finite.")

SGDClassifier.partial_fit = HistGradientBoostingClassifier.fit = fail
sys.exit(main.main(["--csv", "good.csv", "--algorithm", sys.argv[2]]))
"""


@pytest.mark.parametrize("algorithm", ["linear", "boosting"])
def test_an_error_that_is_not_an_overflow_is_not_called_divergence(
    algorithm: str, trainer_python: str, tmp_path: Path
) -> None:
    (tmp_path / "good.csv").write_text(GOOD)
    process = subprocess.run(
        [trainer_python, "-c", BROKEN_LIBRARY, str(MAIN.parent), algorithm],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "ValueError: Input X contains NaN, which is not finite." in process.stderr
    assert "diverged" not in process.stderr


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("algorithm", ["linear", "boosting"])
@pytest.mark.parametrize("lr", ["1e3", "1e160", "1.7e308"])
def test_any_learning_rate_trains_or_is_refused_in_one_line(
    workshop: Workshop, task: str, algorithm: str, lr: str
) -> None:
    data = "a,y\n" + "".join(f"{n % 13},{n % 2}\n" for n in range(60))
    training = workshop.train(
        data.encode(), "--epochs", "5", "--lr", lr, "--task", task, "--algorithm", algorithm
    )
    if training.code:
        assert (training.code, algorithm) == (2, "boosting")
        assert len(training.stderr.splitlines()) == 1
        assert "diverged" in training.stderr
        assert "choose a smaller lr" in training.stderr
    else:
        assert training.stderr == ""


def test_boosting_that_diverges_on_large_labels_is_refused(workshop: Workshop) -> None:
    """Its loss is still finite in units of the label's variance, but not in those of the label."""
    data = "a,y\n" + "".join(f"{n % 13},{n % 7 * 1e20}\n" for n in range(60))
    given = ["--epochs", "1", "--lr", "1e150", "--task", "regression", "--algorithm", "boosting"]
    training = workshop.train(data.encode(), *given)
    assert training.code == 2
    assert training.stderr == "boosting diverged at learning rate 1e+150; choose a smaller lr\n"


COMPLETE = DEFAULT_SETTINGS | {
    "runId": "r",
    "pipelineRunId": "p",
    "accountUrl": "https://127.0.0.1:1/a",
    "clientId": "",
    "container": "c",
    "dataset": "datasets/d.csv",
    "etag": "0x1",
    "outputPrefix": "runs/r",
    "epochs": "50",
    "lr": "0.1",
}


@pytest.mark.parametrize(
    "missing",
    [
        "runId",
        "accountUrl",
        "container",
        "dataset",
        "etag",
        "outputPrefix",
        "epochs",
        "lr",
        "algorithm",
        "trainingBudget",
        "rareClasses",
        "classWeights",
        "minAccuracy",
        "maxRmse",
        "tolerance",
        "maxRows",
        "maxTextMib",
        "maxCompressionRatio",
    ],
)
def test_activity_without_a_parameter_is_refused_by_its_name(
    missing: str, trainer: Trainer, tmp_path: Path
) -> None:
    write_activity(tmp_path, **{name: value for name, value in COMPLETE.items() if name != missing})
    refused(trainer(cwd=tmp_path), tmp_path, "activity.json", f"no {missing};")


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps({"typeProperties": None})])
def test_activity_of_another_shape_is_refused(text: str, trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "activity.json").write_text(text)
    refused(trainer(cwd=tmp_path), tmp_path, "activity.json", "extendedProperties")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "many"),
        ("task", "clustering"),
        ("algorithm", "deep"),
        ("trainingBudget", "0"),
        ("rareClasses", "keep"),
        ("classWeights", "none"),
        ("minAccuracy", "2"),
        ("maxRmse", "-1"),
        ("tolerance", "2"),
        ("maxRows", "-1"),
        ("maxTextMib", "0"),
        ("maxCompressionRatio", "1.5"),
    ],
)
def test_activity_with_a_bad_parameter_is_refused_by_its_name(
    name: str, value: str, trainer: Trainer, tmp_path: Path
) -> None:
    write_activity(tmp_path, **COMPLETE | {name: value})
    refused(trainer(cwd=tmp_path), tmp_path, name, f'"{value}"')
