"""Runs through the command line, from a CSV to predictions, on a real stack."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localcloud.controls import Controls

from runs import remedies
from tests.integration.stack.conftest import Shell, succeeded
from tests.waiting import wait_for
from touchdown import local
from touchdown.client import Client, Json

LINEAR = ("--set", "algorithm=linear")
"""The model that is trained fastest, where the training is not what a test is about."""


@pytest.fixture(scope="module")
def up(shell: Shell) -> Iterator[Shell]:
    succeeded(shell.process("up"))
    yield shell
    shell.process("down")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = ["width,height,kind"]
    lines += [
        f"{number % 7 + 10 * (number % 2)}.{number:03},{number % 5},{'ab'[number % 2]}"
        for number in range(120)
    ]
    file = tmp_path_factory.mktemp("data") / "shapes of things.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="module")
def run(up: Shell, dataset: Path) -> Json:
    """A run that was uploaded and followed to its end."""
    ended: Json = succeeded(up.process("upload", str(dataset), "--set", "epochs=5", "--watch", "--json")).json
    return ended


def test_upload_watches_the_run_to_its_promotion(run: Json) -> None:
    assert run["status"] == "Succeeded"
    assert run["outcome"] == "promoted"
    assert run["settings"]["epochs"] == 5
    assert run["dataset"] == "shapes of things.csv"


def test_runs_and_show_print_it(up: Shell, run: Json) -> None:
    assert run["run_id"] in [each["run_id"] for each in up.json("runs", "--status", "succeeded")]
    assert up.json("show", run["run_id"])["model_name"] == run["model_name"]
    assert run["model_name"].startswith("shapes-of-things_classification")
    printed = up.run("show").out
    for part in (
        run["run_id"],
        "Succeeded",
        f"{run['model_name']} version 1",
        run["endpoint"],
        run["deployment"],
        "smoke_test",
    ):
        assert part in printed


def test_score_gives_one_prediction_for_each_row(up: Shell, run: Json, tmp_path: Path) -> None:
    features = tmp_path / "features.csv"
    features.write_text("width,height\n1,1\n12,3\n")
    scored = up.json("score", run["endpoint"], str(features))
    assert scored["predictions"] == ["a", "b"]
    assert scored["deployment"] == run["deployment"]


def test_score_takes_another_dialect_and_names_what_the_model_answers(
    up: Shell, run: Json, tmp_path: Path
) -> None:
    features = tmp_path / "features.csv.gz"
    features.write_bytes(gzip.compress("height;kind;width\n1;unknown;1\n3;;12\n".encode("utf-16")))
    scored = up.json("score", run["endpoint"], str(features))
    assert scored["predictions"] == ["a", "b"]
    assert scored["columns"] == ["prediction", "probability_a", "probability_b"]
    assert all(float(row[1]) + float(row[2]) == pytest.approx(1) for row in scored["rows"])
    printed = up.run("score", run["endpoint"], str(features)).out
    assert "probability_b" in printed.splitlines()[0]


def test_the_report_is_saved_where_it_is_wanted(up: Shell, run: Json, tmp_path: Path) -> None:
    file = tmp_path / "shapes.html"
    saved = up.json("report", run["run_id"], "--out", str(file))
    assert saved == {"run_id": run["run_id"], "path": run["report"], "file": str(file)}
    assert file.read_text().lstrip().lower().startswith("<!doctype html")
    assert f"report {run['run_id']}" in up.run("show", run["run_id"]).out


def wait(up: Shell, run_id: str, until: Callable[[Json], bool]) -> Json:
    """Wait for a run to be as wanted; return it."""
    with Client(local.target(up.home)) as client:
        return client.wait(run_id, until=until, limit=120)


def test_a_job_that_fails_says_why_and_fails_the_command(up: Shell, run: Json, tmp_path: Path) -> None:
    features = tmp_path / "features.csv"
    features.write_text("width\n1\n")
    answer = up.process("score", run["endpoint"], str(features))
    assert answer.code == 1
    assert "Model is missing inputs ['height']" in answer.err


def test_a_job_whose_image_cannot_be_built_says_so_and_what_to_do(
    up: Shell, run: Json, tmp_path: Path
) -> None:
    features = tmp_path / "features.csv"
    features.write_text("width,height\n1,1\n")
    words = {"code": "TasksOperationsNotAllowed", "message": "ACR Tasks requests are not permitted."}
    with Controls(up.home) as controls, controls.fault("machinelearning.image", "error", {}, **words):
        answer = up.run("score", run["endpoint"], str(features))
    assert answer.code == 1
    said = " ".join(answer.err.split())
    assert "Image build failed." in said
    assert f"{words['code']}: {words['message']} {remedies.TASKS}" in said


def test_a_content_that_has_had_its_run_is_refused_unless_rerun(up: Shell, run: Json) -> None:
    answer = up.process("start", run["dataset"], "--json")
    assert answer.code == 5
    assert run["run_id"] in answer.json["error"]["message"]


def test_a_rerun_can_be_cancelled(up: Shell, run: Json) -> None:
    again = up.json("start", run["dataset"], "--rerun", *LINEAR)
    assert again["run_id"] != run["run_id"]
    cancelled = up.json("cancel", again["run_id"], "--watch")
    assert cancelled["status"] == "Cancelled"
    assert up.run("show", again["run_id"], "--watch").code == 0


LONG = (*LINEAR, "--set", "epochs=10000")


def in_stage(up: Shell, file: Path, stage: str, *settings: str) -> Json:
    """Write and upload a dataset, and return its run once it is in `stage`."""
    text = "width,kind\n" + "".join(f"{number},{'ab'[number // 60]}\n" for number in range(120))
    file.write_bytes(gzip.compress(text.encode()))
    run: Json = up.json("upload", str(file), *settings)
    run = wait(up, run["run_id"], lambda each: each["status"] != "Running" or each["stage"] == stage)
    assert (run["status"], run["stage"]) == ("Running", stage)
    return run


def test_runs_that_a_stop_interrupts_are_named_and_go_on_or_have_failed_and_can_be_run_again(
    up: Shell, tmp_path: Path
) -> None:
    """A run goes on from before its training. A training that a stop interrupts has failed."""
    with Controls(up.home) as controls:
        fault = controls.arm_fault("http", "delay", {"path": "/queryPipelineRuns$"}, seconds=600)["id"]
        early = in_stage(up, tmp_path / "early.csv.gz", "start_training", *LINEAR, "--set", "epochs=2")
        wait_for(lambda: controls.taken(fault))
    training = in_stage(up, tmp_path / "in training.csv.gz", "wait", *LONG)
    stopped = succeeded(up.process("down", "--json")).json
    succeeded(up.process("up", "--json"))
    assert sorted(stopped["interrupted"]) == sorted([early["run_id"], training["run_id"]])
    for run in (early, training):
        wait(up, run["run_id"], lambda each: each["status"] != "Running")
        assert up.json("show", run["run_id"])["status"] == "Lost"

    ended = up.json("start", early["dataset"], "--watch")
    assert ended["run_id"] == early["run_id"]
    assert (ended["status"], ended["outcome"]) == ("Succeeded", "promoted")

    failed = up.run("start", training["dataset"], "--watch")
    assert failed.code == 1
    assert "localcloud was stopped while this run was unfinished" in " ".join(failed.out.split())
    again = up.json("start", training["dataset"], "--rerun", *LINEAR, "--set", "epochs=2", "--watch")
    assert again["run_id"] != training["run_id"]
    assert (again["status"], again["outcome"]) == ("Succeeded", "promoted")


def test_a_run_that_fails_says_why_and_fails_the_command(up: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("width,kind\n1,a\n2,b\n")
    answer = up.run("upload", str(bad), "--set", "label=colour", "--watch")
    assert answer.code == 1
    assert 'label column "colour" is not in the header' in answer.out


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        (["show", "no-such-run"], 5, 'there is no run "no-such-run"'),
        (["approve", "no-such-run"], 5, 'there is no run "no-such-run"'),
        (["reject", "no-such-run", "--comment", "x"], 5, 'there is no run "no-such-run"'),
        (["start", "absent.csv"], 5, "upload it first"),
        (["start", "../absent.csv"], 2, "without a path"),
        (["start", "absent.csv", "--set", "epochs=0"], 2, "a whole number from 1"),
        (["runs", "--status", "odd"], 2, "Running, Succeeded"),
        (["score", "no-such-endpoint", __file__], 5, "no-such-endpoint"),
    ],
)
def test_what_the_app_refuses_is_printed_in_its_words(
    up: Shell, command: list[str], code: int, expected: str
) -> None:
    answer = up.run(*command)
    assert answer.code == code, answer.err
    assert expected in answer.err
