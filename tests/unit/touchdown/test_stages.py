"""The printed table of a run's stages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

from orchestrators.stages import Stage
from tests.unit.touchdown.example_runs import RUN, WAITING
from touchdown.cli import stages

NOW = datetime(2026, 11, 23, 16, 0, 4, tzinfo=UTC)


def lines(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, span) for _, name, _, span in stages.stage_rows(run, NOW)]


def test_a_running_run_shows_its_past_current_and_future_stages() -> None:
    printed = lines(RUN)
    assert printed[:2] == [("inspect_dataset", "1.5"), ("start_training", "2.5")]
    assert printed[2:] == [(name, "") for name in list(stages.STAGES)[2:] if name != "approve"]


def test_a_run_that_inspects_its_dataset_again_still_has_the_training_ahead() -> None:
    reached = ["inspect_dataset", "start_training", "wait", "inspect_dataset"]
    run = RUN | {"stages": [RUN["stages"][0] | {"name": name} for name in reached]}
    assert stages.to_come(run)[:3] == ["start_training", "wait", "read_training_result"]
    assert stages.to_come(RUN | {"stages": []})[0] == "inspect_dataset"


def test_an_ended_run_shows_only_what_it_reached() -> None:
    assert [name for name, _ in lines(RUN | {"status": "Failed"})] == ["inspect_dataset", "start_training"]


def test_the_stage_that_failed_is_marked() -> None:
    run = RUN | {"status": "Failed", "error": {"stage": "start_training", "message": "no", "code": "x"}}
    marks = [mark.plain for mark, *_ in stages.stage_rows(run, NOW) if isinstance(mark, Text)]
    assert marks == ["✓", "✗"]


def test_the_approval_stage_is_listed_ahead_only_if_it_is_required() -> None:
    assert "approve" not in stages.to_come(RUN | {"settings": {"approval": "none"}})
    to_come = stages.to_come(RUN | {"settings": {"approval": "required"}})
    assert to_come[-4:] == ["smoke_test", "approve", "promote", "record_run"]


def test_a_rejected_model_has_no_deployment_stages_ahead() -> None:
    run = RUN | {"settings": {"approval": "required"}, "verdict": "keep_champion"}
    assert stages.to_come(run) == ["wait", "read_training_result", "register_model", "record_run"]


def test_only_a_running_run_whose_stage_lasts_long_says_what_it_waits_for() -> None:
    def begun(seconds: float, **more: str) -> dict[str, Any]:
        started = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        stage = {"name": "smoke_test", "started": started, "ended": ""}
        return RUN | {"stages": [stage], "waiting_for": "its image"} | more

    assert stages.waits_for(begun(stages.PATIENCE + 1)) == "its image"
    assert stages.waits_for(begun(0)) == ""
    assert stages.waits_for(begun(stages.PATIENCE + 1, status="Failed")) == ""
    assert stages.waits_for(RUN) == stages.waits_for(RUN | {"stages": []}) == ""


def test_a_run_that_has_been_decided_waits_no_more() -> None:
    decided = [*WAITING["stages"][:-1], WAITING["stages"][-1] | {"ended": "2026-11-23T16:10:00Z"}]
    for run in (WAITING | {"stages": decided}, WAITING | {"status": "Succeeded"}, RUN, RUN | {"stages": []}):
        assert stages.how_to_decide(run) == ""


def test_a_run_that_waits_says_why() -> None:
    waiting = WAITING | {"approval_reason": "the model was not compared with the champion iris:6: it crashed"}
    assert stages.how_to_decide(waiting).endswith(
        "deletes it. The reason: the model was not compared with the champion iris:6: it crashed."
    )
    assert "reason" not in stages.how_to_decide(WAITING)


def test_every_stage_of_the_workflow_has_a_description_in_its_order() -> None:
    assert [*stages.STAGES] == [*Stage]
