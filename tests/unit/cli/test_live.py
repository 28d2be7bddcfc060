"""How a run is shown."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from localcloud.cli import live, output
from rich.console import Console
from rich.text import Text

from orchestrators import training_run

RUN: dict[str, Any] = {
    "run_id": "iris-1",
    "status": "Running",
    "dataset": "iris_csv.csv",
    "stages": [
        {"name": "inspect_dataset", "started": "2026-11-23T16:00:00Z", "ended": "2026-11-23T16:00:01.5Z"},
        {"name": "start_training", "started": "2026-11-23T16:00:01.5Z", "ended": ""},
    ],
}
NOW = datetime(2026, 11, 23, 16, 0, 4, tzinfo=UTC)


def lines(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, span) for _, name, _, span in live.stage_rows(run, NOW)]


def text(shown: Any) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(shown)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def test_a_running_run_shows_what_was_what_is_and_what_comes() -> None:
    shown = lines(RUN)
    assert shown[:2] == [("inspect_dataset", "1.5"), ("start_training", "2.5")]
    assert shown[2:] == [(name, "") for name in list(live.STAGES)[2:] if name != "approve"]


def test_an_ended_run_shows_only_what_it_reached() -> None:
    assert [name for name, _ in lines(RUN | {"status": "Failed"})] == ["inspect_dataset", "start_training"]


def test_the_stage_that_failed_is_marked() -> None:
    run = RUN | {"status": "Failed", "error": {"stage": "start_training", "message": "no", "code": "x"}}
    marks = [mark.plain for mark, *_ in live.stage_rows(run, NOW) if isinstance(mark, Text)]
    assert marks == ["✓", "✗"]


def test_the_wait_for_approval_is_to_come_only_where_it_is_required() -> None:
    assert "approve" not in live.to_come(RUN | {"settings": {"approval": "none"}})
    to_come = live.to_come(RUN | {"settings": {"approval": "required"}})
    assert to_come[-4:] == ["smoke_test", "approve", "promote", "record_run"]


def test_nothing_of_a_deployment_is_to_come_for_a_model_that_has_not_earned_one() -> None:
    run = RUN | {"settings": {"approval": "required"}, "verdict": "keep_champion"}
    assert live.to_come(run) == ["wait", "read_training_result", "register_model", "record_run"]


WAITING: dict[str, Any] = RUN | {
    "deployment": "run-0123",
    "settings": {"approval": "required", "approval_timeout": 3600},
    "stages": [
        {"name": "smoke_test", "started": "2026-11-23T16:00:00Z", "ended": "2026-11-23T16:00:02Z"},
        {"name": "approve", "started": "2026-11-23T16:00:02Z", "ended": ""},
    ],
}


def test_a_run_that_waits_says_until_when_and_which_commands_decide() -> None:
    until = live.moment(datetime(2026, 11, 23, 17, 0, 2, tzinfo=UTC))
    shown = text(live.summary(WAITING | {"outcome": ""}))
    for part in (until, "localcloud approve iris-1`", "localcloud reject iris-1`", "run-0123"):
        assert part in shown


def test_a_run_that_has_been_decided_waits_no_more() -> None:
    stages = [*WAITING["stages"][:-1], WAITING["stages"][-1] | {"ended": "2026-11-23T16:10:00Z"}]
    for run in (WAITING | {"stages": stages}, WAITING | {"status": "Succeeded"}, RUN, RUN | {"stages": []}):
        assert live.how_to_decide(run) == ""


def test_off_a_terminal_the_wait_for_a_decision_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=400))
    with live.Follower() as follower:
        for _ in range(3):
            follower(WAITING)
    told = written.getvalue().splitlines()
    assert len(told) == 2
    assert told[1].split()[0] == "approve"
    assert "localcloud reject iris-1" in told[1]


def test_every_stage_of_the_story_has_its_words() -> None:
    source = training_run.__loader__.get_source(training_run.__name__)  # type: ignore[union-attr]
    told = [line.split('"')[1] for line in source.splitlines() if "run.enter(" in line]
    assert sorted(told) == sorted(live.STAGES)


def test_off_a_terminal_each_stage_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=80))
    with live.Follower() as follower:
        for _ in range(3):
            follower(RUN)
    assert written.getvalue().split() == ["inspect_dataset", "1.5", "s"]


def test_the_summary_says_what_was_made() -> None:
    run = RUN | {
        "status": "Succeeded",
        "outcome": "promoted",
        "metrics": {"accuracy": 0.9667},
        "model_name": "iris_classification",
        "model_version": "2",
        "endpoint": "iris-ab12cd",
        "deployment": "run-0123",
        "predictions": ["setosa", "virginica"],
    }
    shown = text(live.summary(run))
    for part in (
        "iris_classification version 2",
        "accuracy 0.967",
        "iris-ab12cd",
        "run-0123",
        "setosa, virginica",
    ):
        assert part in shown


ENDED: dict[str, Any] = RUN | {"status": "Succeeded", "model_name": "wine_regression", "model_version": "3"}
GATE: dict[str, Any] = {
    "verdict": "keep_champion",
    "reasons": ["it is worse than the champion by 0.2, more than the tolerance of 0.01"],
    "metric": "accuracy",
    "value": 0.7,
    "floor": {"setting": "min_accuracy", "limit": 0.6, "passed": True},
    "baseline": {"name": "majority class", "value": 0.4, "passed": True},
    "champion": {
        "model": "wine_classification:2",
        "rows": 30,
        "value": 0.9,
        "challenger": 0.7,
        "tolerance": 0.01,
        "interval": [0.05, 0.35],
        "passed": False,
        "error": "",
    },
}


def test_a_model_that_is_not_deployed_says_why_and_shows_both_numbers() -> None:
    shown = text(live.summary(ENDED | {"outcome": "kept_champion", "gate": GATE, "verdict": "keep_champion"}))
    for part in (
        "the model is registered and not deployed; the default stays",
        "accuracy 0.700; min_accuracy 0.600 (passed); majority class 0.400 (passed)",
        "wine_classification:2 0.900, this model 0.700 on the same 30 rows, worse by 0.050 to 0.350 (95 %"
        " interval); tolerance 0.010 (not passed)",
        "it is worse than the champion by 0.2",
    ):
        assert part in shown


def test_a_champions_rmse_is_compared_by_its_share() -> None:
    champion = GATE["champion"] | {"value": 4.321, "challenger": 4.405, "interval": [-0.0027, 0.0427]}
    gate = GATE | {"metric": "rmse", "value": 4.405, "floor": None, "champion": champion}
    shown = text(live.summary(ENDED | {"outcome": "promoted", "gate": gate}))
    assert "2 4.321, this model 4.405 on the same 30 rows, worse by -0.3% to 4.3% (95 % interval)" in shown
    assert "tolerance 1.0%" in shown


def test_a_champion_that_could_not_score_says_why_it_was_not_compared() -> None:
    champion = GATE["champion"] | {
        "value": None,
        "challenger": None,
        "interval": None,
        "passed": True,
        "error": "it needs the column 'acid', which is not there",
    }
    gate = GATE | {"verdict": "deploy", "reasons": [], "floor": None, "champion": champion}
    shown = text(live.summary(ENDED | {"outcome": "promoted", "gate": gate}))
    assert "wine_classification:2 was not compared: it needs the column 'acid'" in shown
    assert "why not" not in shown


def test_a_regression_shows_its_errors_with_digits_that_tell() -> None:
    metrics = {"rmse": 0.0001234567, "mae": 12345.678, "r2": 0.98765}
    run = ENDED | {"outcome": "promoted", "task": "regression", "algorithm": "boosting", "metrics": metrics}
    shown = text(live.summary(run))
    assert "regression, boosting" in shown
    assert "rmse 0.0001235, mae 1.235e+04, r2 0.9877" in shown


@pytest.mark.parametrize(
    ("decision", "outcome", "said"),
    [
        ("approved", "promoted", "approved by default"),
        ("rejected", "rejected", "rejected by default"),
        ("timed_out", "approval_timed_out", "timed out by default"),
    ],
)
def test_a_decision_is_shown_with_who_when_and_why(decision: str, outcome: str, said: str) -> None:
    at = "2026-11-23T16:00:00Z"
    taken = {"decision": decision, "by": "default", "at": at, "comment": "[b]seen[/b]"}
    shown = text(live.summary(ENDED | {"outcome": outcome, "approval": taken}))
    assert f"{said} at {live.moment(datetime.fromisoformat(at))}: [b]seen[/b]" in shown
    assert ("the default stays" in shown) is (outcome != "promoted")


def test_what_the_model_leaves_out_and_where_the_report_is_are_shown() -> None:
    run = ENDED | {
        "outcome": "promoted",
        "dropped_columns": [{"column": f"c{number}", "why": "constant"} for number in range(40)],
        "dropped_rows": 3,
        "notes": ["column 'a' stood twice: the second is 'a.1'"],
        "report": "runs/iris-1/report.html",
    }
    shown = text(live.summary(run))
    for part in ("c9 (constant), 30 more, 3 rows without a label", "the second is 'a.1'"):
        assert part in shown
    assert "localcloud report iris-1" in shown
    assert "c10" not in shown


def test_what_others_wrote_is_text_and_not_markup() -> None:
    error = {"stage": "wait", "code": "TrainingFailed", "message": "column [red]a[/red] [bold"}
    assert "column [red]a[/red] [bold" in text(live.summary(RUN | {"status": "Failed", "error": error}))


@pytest.mark.parametrize(
    ("span", "shown"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7800, "2 h 10 min")]
)
def test_spans_are_shown_in_the_unit_a_person_would_use(span: float, shown: str) -> None:
    assert output.seconds(span) == shown
