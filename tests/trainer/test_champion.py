"""The gate with real models: a champion predicts the challenger's hold-out rows in a process of its own."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.trainer.conftest import DEFAULT_SETTINGS, MAIN, Trainer, write_activity
from tests.trainer.storage import Identity, Storage
from tests.trainer.workshop import Training, Workshop, table
from trainer.model_digest import digest_of_folder


def corners(rows: int = 2000, names: tuple[str, str] = ("a", "b")) -> bytes:
    """Two classes that trees can separate and a line cannot quite; the smaller has a fifth of the rows."""
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(rows)]
    return table([*names, "y"], [[a, b, "uv"[(a > 60) != (b > 70)]] for a, b in cells]).encode()


def slope(rows: int = 1000, bend: float = 0.0) -> bytes:
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(rows)]
    return table(
        ["a", "b", "y"], [[a, b, 2.5 * a - b + 0.25 + bend * (a - 48) ** 2] for a, b in cells]
    ).encode()


@pytest.fixture(scope="module")
def champion(workshop: Workshop) -> Training:
    training = workshop.trained(corners(), "--algorithm", "boosting", "--epochs", "40")
    assert training.document["metrics"]["accuracy"] > 0.97
    return training


def judged(training: Training) -> dict[str, Any]:
    gate: dict[str, Any] = training.document["gate"]
    assert (gate["verdict"] == "keep_champion") == bool(gate["reasons"])
    assert f"verdict: {gate['verdict']}" in training.stdout
    return gate


def test_a_worse_challenger_is_rejected(workshop: Workshop, champion: Training) -> None:
    training = workshop.trained(corners(), "--epochs", "5", "--champion", str(champion.model))
    gate = judged(training)
    assert gate["verdict"] == "keep_champion"
    assert gate["baseline"]["passed"]
    compared = gate["champion"]
    assert (compared["model"], compared["passed"], compared["error"]) == ("model", False, "")
    assert compared["value"] == pytest.approx(champion.document["metrics"]["accuracy"])
    assert compared["challenger"] == pytest.approx(training.document["metrics"]["accuracy"])
    assert compared["interval"][0] > compared["tolerance"] == 0.01
    (reason,) = gate["reasons"]
    assert f"accuracy {compared['challenger']:.4g} is worse" in reason
    assert f"({compared['value']:.4g})" in reason
    assert f"{compared['rows']} hold-out rows" in reason


def test_a_somewhat_worse_challenger_is_deployed_within_the_tolerance(
    workshop: Workshop, champion: Training
) -> None:
    where = ["--champion", str(champion.model), "--tolerance", "0.9"]
    gate = judged(workshop.trained(corners(), "--epochs", "5", *where))
    assert gate["verdict"] == "deploy"
    assert (gate["champion"]["passed"], gate["champion"]["tolerance"]) == (True, 0.9)
    assert gate["champion"]["value"] > gate["champion"]["challenger"]


def test_an_equal_challenger_is_deployed(workshop: Workshop, champion: Training) -> None:
    where = ["--champion", str(champion.model), "--tolerance", "0"]
    gate = judged(workshop.trained(corners(), "--algorithm", "boosting", "--epochs", "40", *where))
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["value"] == gate["champion"]["challenger"]


@pytest.mark.parametrize("line_ends", [["\n"], ["\r\n"], ["\r"], ["\n", "\r", "\r\n", "\n"]])
def test_champion_and_challenger_are_compared_on_the_hold_out_however_its_rows_are_written(
    line_ends: list[str], workshop: Workshop
) -> None:
    """The sampled rows stay text, to be scored raw; some of them have quotes, line breaks and blank lines."""
    lines = ["a,note,b,y"]
    for n in range(1200):
        a, b = n * 7919 % 97, n * 104_729 % 89
        note = 'say ""no""' + line_ends[n % len(line_ends)] + ", twice" if n // 100 % 2 and n % 3 == 0 else ""
        lines += [""] * (n % 150 == 5)
        lines.append(f'{a},"{note}",{b},{"uv"[(a > 60) != (b > 70)]}' if note else f"{a},,{b},{'uv'[a > 60]}")
    data = "".join(line + line_ends[n % len(line_ends)] for n, line in enumerate(lines)).strip().encode()
    first = workshop.trained(data, "--epochs", "5", block_bytes=2000)
    training = workshop.trained(data, "--epochs", "5", "--champion", str(first.model), block_bytes=2000)
    compared = judged(training)["champion"]
    assert compared["value"] == compared["challenger"]
    assert compared["challenger"] == pytest.approx(training.document["metrics"]["accuracy"])


def test_fewer_rows_are_compared_if_their_texts_are_long(workshop: Workshop, champion: Training) -> None:
    """The texts of all sampled rows would fill the memory."""
    compared = judged(
        workshop.trained(
            corners(), "--epochs", "5", "--champion", str(champion.model), block_bytes=999, sample_bytes=999
        )
    )["champion"]
    assert compared["rows"] == 200
    assert compared["value"] > 0.9


def test_a_missing_and_a_surplus_line_end_do_not_shift_the_rows_that_are_compared(
    workshop: Workshop, champion: Training
) -> None:
    """A lone carriage return ends a row, an empty line does not, so there are as many line feeds as rows."""
    lines = corners().splitlines()
    data = b"\n".join([lines[0], b"\r".join(lines[1:3]), *lines[3:-2], b"", *lines[-2:], b""])
    training = workshop.trained(data, "--epochs", "5", "--champion", str(champion.model), sample_bytes=999)
    compared = judged(training)["champion"]
    assert compared["rows"] == 200
    assert compared["value"] > 0.95


def test_a_regression_is_compared_by_its_error(workshop: Workshop) -> None:
    better = workshop.trained(slope(bend=0.05), "--algorithm", "boosting", "--epochs", "30")
    gate = judged(workshop.trained(slope(bend=0.05), "--epochs", "5", "--champion", str(better.model)))
    assert (gate["verdict"], gate["metric"]) == ("keep_champion", "rmse")
    assert gate["champion"]["value"] < gate["champion"]["challenger"]
    assert gate["champion"]["value"] == pytest.approx(better.document["metrics"]["rmse"])
    again = judged(
        workshop.trained(
            slope(bend=0.05), "--algorithm", "boosting", "--epochs", "30", "--champion", str(better.model)
        )
    )
    assert again["verdict"] == "deploy"


def rare(rows: int = 3000, noise: bool = False) -> bytes:
    """One row in twenty is of class "yes": those with a high `a`, or, for noise, any."""
    random = Random(7)
    cells = [(n * 7919 % 997, n * 104_729 % 89) for n in range(rows)]
    seen = [(random.randrange(997) if noise else a, b, "no" if a < 950 else "yes") for a, b in cells]
    return table(["a", "b", "y"], seen).encode()


def test_of_rare_classes_the_probabilities_are_compared(workshop: Workshop) -> None:
    better = workshop.trained(rare(), "--epochs", "20")
    assert better.document["gate"]["metric"] == "average_precision"
    assert better.document["metrics"]["average_precision"] > 0.95
    (note,) = better.document["notes"]
    assert note.startswith('class "no" has 95.')
    assert "average precision" in note
    gate = judged(workshop.trained(rare(), "--epochs", "20", "--champion", str(better.model)))
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["value"] == pytest.approx(gate["champion"]["challenger"])
    assert gate["champion"]["challenger"] == pytest.approx(gate["value"])
    worse = judged(workshop.trained(rare(noise=True), "--epochs", "20"))
    assert (worse["verdict"], worse["baseline"]["name"]) == ("keep_champion", "base rate")
    assert "is not better than that of putting the rows in a random order" in worse["reasons"][0]


def test_of_several_rare_classes_the_probability_of_any_of_them_is_compared(workshop: Workshop) -> None:
    """The rare rows lie in the middle of `a`, which no line can tell from both sides."""
    kinds = ["no"] * 480 + ["fire"] * 15 + ["theft"] * 15 + ["no"] * 487
    cells = [(n * 7919 % 997, n * 104_729 % 89) for n in range(3000)]
    data = table(["a", "b", "y"], [[a, b, kinds[a]] for a, b in cells]).encode()
    better = workshop.trained(data, "--algorithm", "boosting", "--epochs", "20")
    assert better.document["gate"]["metric"] == "average_precision"
    gate = judged(workshop.trained(data, "--epochs", "5", "--champion", str(better.model)))
    compared = gate["champion"]
    assert compared["value"] == pytest.approx(better.document["gate"]["value"], abs=0.01)
    assert compared["value"] > 0.9 > 0.3 > compared["challenger"]
    assert compared["challenger"] == pytest.approx(gate["value"])
    assert (gate["verdict"], compared["passed"], compared["error"]) == ("keep_champion", False, "")
    assert "average precision 0.0" in gate["reasons"][1]
    assert "is worse than that of " in gate["reasons"][1]


def test_a_champion_of_other_classes_gives_no_probability_to_compare(
    workshop: Workshop, champion: Training, tmp_path: Path
) -> None:
    alone = shutil.copytree(champion.model, tmp_path / "model")
    gate = judged(workshop.trained(rare(), "--epochs", "20", "--champion", str(alone)))
    assert gate["verdict"] == "deploy"
    assert "its answer has no column probability_no" in gate["champion"]["error"]


def test_a_champion_takes_its_columns_in_any_order_and_ignores_new_ones(
    workshop: Workshop, champion: Training
) -> None:
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(1000)]
    rows = [["xyz"[a % 3], b, a, "uv"[(a > 60) != (b > 70)]] for a, b in cells]
    training = workshop.trained(
        table(["new", "b", "a", "y"], rows, separator=";").encode("utf-16"),
        "--epochs", "5", "--champion", str(champion.model),
    )  # fmt: skip
    compared = judged(training)["champion"]
    assert compared["error"] == ""
    assert compared["value"] > 0.95


# --- A champion that cannot take part ------------------------------------------------------------------


def model_of(folder: Path, code: str) -> Path:
    """An MLflow model that is this code, with a function _load_pyfunc."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "stranger.py").write_text(code)
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: stranger\n    code: code\n"
    )
    return folder


STRANGERS: dict[str, tuple[str, str]] = {
    "crashes": (
        "import os, sys\nprint('x' * 20_000_000, flush=True)\n"
        "sys.stderr.write('y' * 1_000_000 + '\\nluck\\n')\nsys.stderr.flush()\nos._exit(7)\n",
        "its process ended with exit code 7: luck",
    ),
    "is killed": (
        "import os\nos.kill(os.getpid(), 9)\n",
        "its process ended with exit code -9: it said nothing",
    ),
    "raises": ("raise RuntimeError('first line\\nsecond line')\n", "RuntimeError: first line second line"),
    "answers too little": (
        "class Model:\n    def predict(self, rows): return ['u']\ndef _load_pyfunc(path): return Model()\n",
        "it gave 1 answers for ",
    ),
    "answers too much": (
        "class Model:\n    def predict(self, rows): return ['u' * 200_000] * len(rows)\n"
        "def _load_pyfunc(path): return Model()\n",
        "its answers take more than 16,777,216 bytes",
    ),
    "answers no JSON": (
        "class Model:\n    def predict(self, rows): return [object()] * len(rows)\n"
        "def _load_pyfunc(path): return Model()\n",
        "its process ended with exit code 1: TypeError: Object of type object is not JSON serializable",
    ),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_a_champion_that_fails_is_reported_and_does_not_block(
    case: str, workshop: Workshop, tmp_path: Path
) -> None:
    code, words = STRANGERS[case]
    folder = model_of(tmp_path / "stranger", code)
    gate = judged(workshop.trained(corners(600), "--epochs", "20", "--champion", str(folder)))
    assert gate["verdict"] == "deploy"
    assert words in gate["champion"]["error"]
    assert (gate["champion"]["value"], gate["champion"]["passed"]) == (None, True)


SPY = """
import json, os, pathlib
def read(path):
    try:
        return pathlib.Path(path).read_bytes().decode()
    except OSError as error:
        return type(error).__name__
def write(path):
    try:
        return pathlib.Path(path).write_bytes(bytes(17 << 20))
    except OSError as error:
        return error.strerror
def _load_pyfunc(path):
    parent = os.getppid()
    pathlib.Path(path, "seen.json").write_text(json.dumps({
        "own": dict(os.environ),
        "parent": read(f"/proc/{parent}/environ"),
        "memory": read(f"/proc/{parent}/mem"),
        "maps": read(f"/proc/{parent}/maps"),
        "long file": write(os.path.join(path, "long")),
    }))
"""
"""Code of a model that writes down what it can read of the process that compares it, and write."""

AS_A_USER = """
import ctypes, os, sys
for capability in range(64):  # what root may do beyond its user id; of another user, nothing is taken
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
COMPARE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from champion import ChampionProcess
model, rows, answers = map(Path, sys.argv[2:])
print(ChampionProcess(model, rows, answers).predictions())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux's")
def test_a_champion_sees_neither_the_environment_nor_the_memory_of_the_trainer(
    trainer_python: str, tmp_path: Path
) -> None:
    folder = model_of(tmp_path / "spy", SPY)
    (tmp_path / "rows.csv").write_text("a\n1\n")
    paths = (MAIN.parent, folder, tmp_path / "rows.csv", tmp_path / "answers.json")
    done = subprocess.run(
        [trainer_python, "-c", AS_A_USER, COMPARE, *map(str, paths)],
        env={"IDENTITY_HEADER": "the-secret", "AZ_BATCH_ACCOUNT_URL": "https://batch.example"},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads((folder / "seen.json").read_text())
    # Python itself sets LC_CTYPE where there is no locale.
    assert set(seen["own"]) <= {"OMP_WAIT_POLICY", "LC_CTYPE"}, done.stdout
    assert (seen["parent"], seen["memory"], seen["maps"]) == ("PermissionError",) * 3
    assert "the-secret" not in json.dumps(seen)
    assert seen["long file"] == "File too large"


BESIDE = """
import os, subprocess, sys
main, dataset = sys.argv[1:]
os.mkfifo(dataset)
trainer = subprocess.Popen([sys.executable, main, "--iris-csv", dataset])
with open(dataset, "wb"):  # the trainer has opened its dataset, and waits for the first byte
    try:
        print(open(f"/proc/{trainer.pid}/environ").read())
    except OSError as error:
        print(type(error).__name__)
trainer.wait()
"""
"""Reads the environment of a trainer that compares nothing, as the champion of another task could."""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux's")
def test_a_trainer_without_a_champion_cannot_be_read_by_another_tasks(
    trainer_python: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [trainer_python, "-c", AS_A_USER, BESIDE, str(MAIN), str(tmp_path / "d.csv")],
        env={"IDENTITY_HEADER": "the-secret"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "PermissionError\n", done.stderr


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "nowhere"),
        (lambda folder: folder.mkdir(), "MLmodel"),
        (lambda folder: (folder.mkdir(), (folder / "MLmodel").write_text("{]")), ""),
    ],
    ids=["no folder", "an empty folder", "a broken MLmodel"],
)
def test_a_champion_that_is_not_a_model_is_reported_and_does_not_block(
    prepare: Callable[[Path], object], words: str, workshop: Workshop, tmp_path: Path
) -> None:
    prepare(tmp_path / "nowhere")
    gate = judged(workshop.trained(corners(600), "--epochs", "20", "--champion", str(tmp_path / "nowhere")))
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["error"]
    assert words in gate["champion"]["error"]


NO_BINS = '{"columns": [{"name": "a", "bins": {"kind": "number", "shares": [1]}}]}'


TWICE = '{"columns": [{"name": "a"}, {"name": "a"}]}'


@pytest.mark.parametrize(
    "text", ["{]", "[]", '{"columns": 5}', '{"columns": [7]}', NO_BINS, TWICE, "[" * 100_000]
)
def test_a_profile_that_cannot_be_read_has_no_columns(text: str, workshop: Workshop) -> None:
    assert workshop.call("challenge", "profiled_columns", text) == []


def test_a_profile_that_cannot_be_read_prevents_the_drift_but_not_the_training(
    workshop: Workshop, tmp_path: Path, champion: Training
) -> None:
    shutil.copytree(champion.model, tmp_path / "artifacts" / "model")
    (tmp_path / "artifacts" / "profile.json").write_text(NO_BINS)
    training = workshop.trained(
        corners(600), "--epochs", "20", "--champion", str(tmp_path / "artifacts" / "model")
    )
    assert judged(training)["champion"]["error"] == ""
    assert "profile.json cannot be read, so drift is not measured" in training.stdout


def test_a_file_beside_a_champion_that_is_too_long_is_named_and_does_not_block(
    workshop: Workshop, tmp_path: Path, champion: Training
) -> None:
    shutil.copytree(champion.model, tmp_path / "artifacts" / "model")
    (tmp_path / "artifacts" / "metrics.json").write_bytes(b" " * ((16 << 20) + 1))
    gate = judged(
        workshop.trained(corners(600), "--epochs", "5", "--champion", str(tmp_path / "artifacts" / "model"))
    )
    assert "metrics.json has more than 16,777,216 bytes" in gate["champion"]["error"]
    assert (gate["champion"]["value"], gate["champion"]["passed"]) == (None, True)


def test_a_champion_whose_columns_are_gone_is_reported_and_does_not_block(
    workshop: Workshop, champion: Training
) -> None:
    data = corners(600, names=("a", "renamed"))
    training = workshop.trained(data, "--epochs", "20", "--champion", str(champion.model))
    gate = judged(training)
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["error"] == 'it needs columns that this dataset does not have: "b"'
    # The report says the same, and how the column has changed.
    report = (training.artifacts / "report.html").read_text()
    assert "it needs columns that this dataset does not have" in report
    assert "the column is gone" in report


def test_drift_of_a_column_that_changed_its_kind_is_reported(workshop: Workshop) -> None:
    def rows(size: Callable[[int], Any], place: Callable[[int], Any]) -> bytes:
        cells = [(n * 7919 % 97, n % 7, n % 5) for n in range(600)]
        return table(
            ["a", "size", "place", "y"], [[a, size(s), place(p), "uv"[a > 60]] for a, s, p in cells]
        ).encode()

    first = workshop.trained(rows(lambda s: f"size {s}", int), "--epochs", "5")
    data = rows(lambda s: s, lambda p: f"place {p}")
    training = workshop.trained(data, "--epochs", "5", "--champion", str(first.model))
    report = (training.artifacts / "report.html").read_text()
    lines = report.partition('id="drift"')[2].partition("</section>")[0].split("<tr")
    (place,) = (line for line in lines if ">place<" in line)
    assert "it was a number and is a category now" in place
    # The champion's texts are compared with those in the file now, none of which it knew.
    (size,) = (line for line in lines if ">size<" in line)
    assert float(re.findall(r"<td[^>]*>([0-9.]+)", size)[0]) > 1
    assert "it was" not in size


def test_a_champion_that_predicts_words_cannot_be_compared_with_numbers(
    workshop: Workshop, champion: Training, tmp_path: Path
) -> None:
    """Its own metrics.json says so; of a model that has none, its answers show it."""
    gate = judged(workshop.trained(slope(), "--epochs", "20", "--champion", str(champion.model)))
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["error"] == ('it was trained for "classification", and this model for regression')
    alone = shutil.copytree(champion.model, tmp_path / "model")
    gate = judged(workshop.trained(slope(), "--epochs", "20", "--champion", str(alone)))
    assert re.search(r'it answers "[uv]", which is no number', gate["champion"]["error"])


def leaking(label: str = "seen") -> bytes:
    """The same rows with a last column, which their `a` gives away: any model of it is right."""
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(2000)]
    rows = [[a, b, "uv"[(a > 60) != (b > 70)], "uv"[a > 60]] for a, b in cells]
    return table(["a", "b", "y", label], rows).encode()


def test_a_champion_of_another_label_does_not_lose_against_a_column_that_was_added(
    workshop: Workshop, champion: Training
) -> None:
    """It would answer its own label, and score next to nothing."""
    training = workshop.trained(leaking(), "--epochs", "20", "--champion", str(champion.model))
    compared = judged(training)["champion"]
    assert compared["error"] == 'it predicts "y", and this model "seen"'
    assert (compared["value"], compared["interval"]) == (None, None)


def test_the_case_of_a_label_makes_no_other_label(workshop: Workshop, champion: Training) -> None:
    data = corners().replace(b"a,b,y", b"a,b, Y ")
    gate = judged(workshop.trained(data, "--epochs", "5", "--champion", str(champion.model)))
    assert gate["champion"]["error"] == ""


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"v": "w"}, 'only it has "v"; only this model has "w"'),
        ({"v": "u, again"}, 'only it has "v"; only this model has "u, again"'),
    ],
)
def test_a_champion_of_other_classes_is_not_compared(
    names: dict[str, str], words: str, workshop: Workshop, champion: Training
) -> None:
    lines = corners().decode().splitlines()
    for old, new in names.items():
        lines = [f'{line[:-1]}"{new}"' if line.endswith(old) else line for line in lines]
    data = "\n".join(lines).encode()
    gate = judged(workshop.trained(data, "--epochs", "20", "--champion", str(champion.model)))
    assert gate["champion"]["error"] == f"it tells other classes apart than this model: {words}"


def test_a_class_that_is_missing_makes_other_classes(workshop: Workshop) -> None:
    """A model that has forgotten a class would otherwise replace one that knows it."""
    cells = [(n * 7919 % 97, n * 104_729 % 89) for n in range(1500)]
    three = table(["a", "b", "y"], [[a, b, "uvw"[(a > 40) + (a > 70)]] for a, b in cells]).encode()
    two = b"\n".join(line for line in three.splitlines() if not line.endswith(b"w"))
    first = workshop.trained(three, "--epochs", "20")
    gate = judged(workshop.trained(two, "--epochs", "20", "--champion", str(first.model)))
    assert gate["champion"]["error"].endswith('than this model: only it has "w"')


@pytest.mark.parametrize(
    ("columns", "words"),
    [(1, '"c0"'), (7, '"c0", "c1", "c2", "c3", "c4" and 2 more')],
)
def test_the_columns_that_a_champion_lacks_are_named(
    columns: int, words: str, workshop: Workshop, champion: Training, tmp_path: Path
) -> None:
    shutil.copytree(champion.model, tmp_path / "artifacts" / "model")
    told = champion.document | {"features": [f"c{number}" for number in range(columns)]}
    (tmp_path / "artifacts" / "metrics.json").write_text(json.dumps(told))
    where = ["--champion", str(tmp_path / "artifacts" / "model")]
    gate = judged(workshop.trained(corners(), "--epochs", "5", *where))
    assert gate["champion"]["error"] == f"it needs columns that this dataset does not have: {words}"


# --- Limits and the trivial baseline --------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "verdict"), [("0.5", "deploy"), ("0.999", "keep_champion")])
def test_a_model_below_the_accuracy_floor_is_rejected(limit: str, verdict: str, workshop: Workshop) -> None:
    gate = judged(workshop.trained(corners(), "--epochs", "5", "--min-accuracy", limit))
    assert gate["verdict"] == verdict
    assert gate["floor"] == {
        "setting": "min_accuracy", "limit": float(limit), "passed": verdict == "deploy"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "verdict"), [("1000", "deploy"), ("1e-9", "keep_champion"), ("0", "deploy")]
)
def test_a_model_above_the_rmse_limit_is_rejected(limit: str, verdict: str, workshop: Workshop) -> None:
    gate = judged(workshop.trained(slope(), "--epochs", "20", "--max-rmse", limit))
    assert gate["verdict"] == verdict
    assert gate["floor"] == (
        {"setting": "max_rmse", "limit": float(limit), "passed": verdict == "deploy"}
        if limit != "0"
        else None
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_model_no_better_than_the_baseline_is_rejected(task: str, workshop: Workshop) -> None:
    """The label does not depend on the column."""
    rows = [[n * 7919 % 97, (n * 104_729 % 1009) % 10 < 3] for n in range(3000)]
    data = table(["a", "y"], [[a, int(y)] for a, y in rows]).encode()
    gate = judged(workshop.trained(data, "--epochs", "5", "--task", task))
    assert gate["verdict"] == "keep_champion"
    assert gate["baseline"]["name"] == ("majority class" if task == "classification" else "mean")
    assert not gate["baseline"]["passed"]
    (reason,) = gate["reasons"]
    assert "is not better than that of always predicting the m" in reason
    assert reason.endswith(
        'the label is the last column, "y": if another one is meant, name it; check that the columns say'
        " something about the label, or add rows"
    )


# --- On Batch -------------------------------------------------------------------------------------------


def test_a_champion_in_the_container_is_fetched_compared_and_drift_is_measured(
    workshop: Workshop,
    champion: Training,
    trainer: Trainer,
    storage: Storage,
    identity: Identity,
    tmp_path: Path,
) -> None:
    container = storage.new_container()
    for path in champion.artifacts.rglob("*"):
        if path.is_file():
            name = f"runs/old/0/m/artifacts/{path.relative_to(champion.artifacts).as_posix()}"
            container.upload_blob(name, path.read_bytes())
    # The same classes by the same rule, of rows where "a" is never small.
    cells = [(40 + n * 7919 % 57, n * 104_729 % 89) for n in range(2000)]
    data = table(["a", "b", "y"], [[a, b, "uv"[(a > 60) != (b > 70)]] for a, b in cells]).encode()

    def task(champion_path: str) -> dict[str, Any]:
        run_id = f"run-{len(list(tmp_path.iterdir()))}"
        etag = container.upload_blob("datasets/d.csv", data, overwrite=True).get_blob_properties().etag
        folder = tmp_path / run_id
        folder.mkdir()
        settings = DEFAULT_SETTINGS | {"champion": champion_path, "championModel": "corners:3"}
        settings |= {"championDigest": digest_of_folder(champion.model)}
        write_activity(
            folder, runId=run_id, accountUrl=storage.account_url, container=container.container_name,
            dataset="datasets/d.csv", etag=etag.strip('"'), outputPrefix=f"runs/{run_id}", epochs=2, lr=0.1,
            **settings,
        )  # fmt: skip
        process = trainer(cwd=folder, env=storage.trust | identity.environment)
        assert (process.returncode, process.stderr) == (0, "")
        assert not list(folder.glob("training-*"))
        mlflow_run = json.loads((folder / "outputs.json").read_text())["mlflow_run_id"]
        found = container.download_blob(f"runs/{run_id}/0/{mlflow_run}/artifacts/metrics.json").readall()
        report = container.download_blob(f"runs/{run_id}/report.html").readall().decode()
        return {"gate": json.loads(found)["gate"], "report": report}

    met = task("runs/old/0/m/artifacts/model")
    compared = met["gate"]["champion"]
    assert (compared["model"], compared["error"], compared["passed"]) == ("corners:3", "", False)
    assert compared["value"] > compared["challenger"] + 0.01
    assert met["gate"]["verdict"] == "keep_champion"
    assert "corners:3" in met["report"]
    drift = met["report"].split('<section id="drift">')[1].split("</section>")[0]
    assert "1 of the columns has moved far." in drift
    a, b = re.findall(r'<tr><td class="column">([ab])</td>(.*?)</tr>', drift, re.DOTALL)
    assert (a[0], "flagged" in a[1], b[0], "flagged" in b[1]) == ("a", True, "b", False)

    container.delete_blob("runs/old/0/m/artifacts/metrics.json")
    silent = task("runs/old/0/m/artifacts/model")["gate"]["champion"]
    assert "its metrics.json is missing" in silent["error"]
    assert silent["value"] is None

    # Whoever can write to the container adds a module, which Python would run before the model is loaded.
    container.upload_blob("runs/old/0/m/artifacts/model/code/sitecustomize.py", b"open('ran', 'w')")
    changed = task("runs/old/0/m/artifacts/model")["gate"]["champion"]
    assert (
        "model are not those that were registered as this version, so it was not loaded" in changed["error"]
    )
    assert changed["value"] is None

    gone = task("runs/never/0/m/artifacts/model")["gate"]
    assert gone["verdict"] == "deploy"
    assert "runs/never/0/m/artifacts/model is empty or gone" in gone["champion"]["error"]


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        ('"two"', '"two"'),
        ("None", '"None"'),
        ("[1]", '"[1]"'),
        ("10**400", '"1000'),
    ],
    ids=["a word", "nothing", "a list", "a number beyond any float"],
)
def test_the_answer_that_is_no_number_is_the_one_that_is_quoted(
    answer: str, quoted: str, workshop: Workshop, tmp_path: Path
) -> None:
    code = (
        f"class Model:\n    def predict(self, rows): return [1.5] * (len(rows) - 1) + [{answer}]\n"
        "def _load_pyfunc(path): return Model()\n"
    )
    folder = model_of(tmp_path / "stranger", code)
    gate = judged(workshop.trained(slope(600), "--epochs", "20", "--champion", str(folder)))
    assert gate["verdict"] == "deploy"
    assert gate["champion"]["error"].startswith(f"it answers {quoted}")
    assert gate["champion"]["error"].endswith(", which is no number to compare")
