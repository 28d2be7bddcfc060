"""How a run is shown."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from localcloud.cli import live, output
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
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def test_a_running_run_shows_what_was_what_is_and_what_comes() -> None:
    shown = lines(RUN)
    assert shown[:2] == [("inspect_dataset", "1.5"), ("start_training", "2.5")]
    assert shown[2:] == [(name, "") for name in list(live.STAGES)[2:]]


def test_an_ended_run_shows_only_what_it_reached() -> None:
    assert [name for name, _ in lines(RUN | {"status": "Failed"})] == ["inspect_dataset", "start_training"]


def test_the_stage_that_failed_is_marked() -> None:
    run = RUN | {"status": "Failed", "error": {"stage": "start_training", "message": "no", "code": "x"}}
    marks = [mark.plain for mark, *_ in live.stage_rows(run, NOW) if isinstance(mark, Text)]
    assert marks == ["✓", "✗"]


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


def test_what_others_wrote_is_text_and_not_markup() -> None:
    error = {"stage": "wait", "code": "TrainingFailed", "message": "column [red]a[/red] [bold"}
    assert "column [red]a[/red] [bold" in text(live.summary(RUN | {"status": "Failed", "error": error}))


@pytest.mark.parametrize(
    ("span", "shown"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7800, "2 h 10 min")]
)
def test_spans_are_shown_in_the_unit_a_person_would_use(span: float, shown: str) -> None:
    assert output.seconds(span) == shown
