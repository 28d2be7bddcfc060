"""The progress of a run, printed to an output that is no terminal."""

import io

import pytest
from rich.console import Console

from tests.unit.touchdown.example_runs import RUN, WAITING
from touchdown.cli import live, output


def test_off_a_terminal_the_wait_for_a_decision_is_printed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=400))
    with live.Follower() as follower:
        for _ in range(3):
            follower(WAITING)
    printed = written.getvalue().splitlines()
    assert len(printed) == 2
    assert printed[1].split()[0] == "approve"
    assert "touchdown reject iris-1" in printed[1]


def test_off_a_terminal_what_the_smoke_test_waits_for_is_printed_once_as_soon_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=400))
    scoring = RUN | {"stages": [{"name": "smoke_test", "started": "2026-11-23T16:00:00Z", "ended": ""}]}
    with live.Follower() as follower:
        for said in ("", "job-1 is Preparing", "job-1 is Running"):
            follower(scoring | {"waiting_for": said})
    assert written.getvalue().splitlines() == ["  smoke_test            job-1 is Preparing"]


def test_off_a_terminal_each_stage_is_printed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=80))
    with live.Follower() as follower:
        for _ in range(3):
            follower(RUN)
    assert written.getvalue().split() == ["inspect_dataset", "1.5", "s"]


def test_off_a_terminal_a_stage_to_which_a_run_comes_again_is_printed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=written, width=80))
    first = {"name": "wait", "started": "2026-11-23T16:00:00Z", "ended": "2026-11-23T16:00:02Z"}
    second = {"name": "wait", "started": "2026-11-23T16:00:04Z", "ended": "2026-11-23T16:00:07Z"}
    with live.Follower() as follower:
        follower(RUN | {"stages": [first]})
        follower(RUN | {"stages": [first, second]})
    assert written.getvalue().split() == ["wait", "2.0", "s", "wait", "3.0", "s"]
