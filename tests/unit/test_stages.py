"""The table of the stages is complete and consistent, and recorded runs keep to it."""

import json
from functools import cache
from itertools import pairwise, product

import pytest

from orchestrators.stages import RULES, Stage, may_follow
from runs.record import STATUSES
from tests.unit.rehearsed import STEPS, good
from tests.unit.scenarios import HISTORIES, SCENARIOS

PROMOTED = [stage for stage in Stage if stage is not Stage.APPROVE]
"""The stages of a run without approval, in order."""
SHORTCUTS = dict.fromkeys([Stage.INSPECT_DATASET, Stage.REGISTER_MODEL, Stage.APPROVE], Stage.RECORD_RUN)
"""Where a run that succeeds may end: its dataset is another run's, or its model or deployment is rejected."""


def test_every_stage_has_a_rule() -> None:
    assert list(RULES) == list(Stage)
    assert [stage.value for stage in PROMOTED] == list(STEPS)


def test_a_run_goes_through_the_stages_in_order_and_leaves_the_order_only_to_record_its_end() -> None:
    allowed = {(one, other) for one, other in product(Stage, Stage) if may_follow(one, other)}
    again = (Stage.WAIT, Stage.INSPECT_DATASET)
    assert allowed == {*pairwise(Stage), *pairwise(PROMOTED), *SHORTCUTS.items(), again}


def test_a_run_begins_with_the_dataset() -> None:
    assert [stage for stage in Stage if may_follow(None, stage)] == [Stage.INSPECT_DATASET]
    assert [stage for stage in Stage if may_follow(None, stage, ended=True)] == [Stage.INSPECT_DATASET]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.RECORD_RUN])
def test_a_run_that_ends_early_goes_from_any_stage_to_its_record_and_nowhere_else(stage: Stage) -> None:
    assert [other for other in Stage if may_follow(stage, other, ended=True)] == [Stage.RECORD_RUN]


def test_nothing_follows_the_record() -> None:
    for ended in (False, True):
        assert not [stage for stage in Stage if may_follow(Stage.RECORD_RUN, stage, ended=ended)]


def test_a_run_can_be_cancelled_until_the_default_may_have_moved() -> None:
    assert [stage for stage in Stage if not RULES[stage].can_cancel] == [Stage.PROMOTE, Stage.RECORD_RUN]


def test_clean_up_undoes_only_what_has_been_started() -> None:
    """Each activity of the clean-up runs in the stages in which the resource that it undoes may exist."""
    undone_in = {
        step: [stage.value for stage in Stage if step in RULES[stage].clean_up]
        for step in ("cancel_training", "cancel_scoring", "delete_deployment")
    }
    assert undone_in == {
        "cancel_training": ["start_training", "wait"],
        "cancel_scoring": ["smoke_test", "approve", "promote"],
        "delete_deployment": ["deploy_model", "smoke_test", "approve", "promote"],
    }


def test_a_job_is_cancelled_before_the_deployment_that_it_uses_is_deleted() -> None:
    both = [rule.clean_up for rule in RULES.values() if len(rule.clean_up) > 1]
    assert set(both) == {("cancel_scoring", "delete_deployment")}


def test_every_activity_of_the_clean_up_exists() -> None:
    assert {step for rule in RULES.values() for step in rule.clean_up} <= good().keys()


@cache
def recorded_stages(name: str) -> tuple[list[str], str]:
    """The stages and the status in the record that a recorded run wrote; none if it has not ended."""
    events = json.loads((HISTORIES / f"{name}.json").read_text())
    scheduled = [event["taskScheduled"] for event in events if "taskScheduled" in event]
    written = [json.loads(task["input"]) for task in scheduled if task["name"] == "record_run"]
    if not written:
        return [], ""
    return [stage["name"] for stage in written[-1]["stages"]], written[-1]["status"]


ENDED = [name for name in SCENARIOS if recorded_stages(name)[0]]


def test_recorded_runs_enter_every_stage() -> None:
    assert {stage for name in ENDED for stage in recorded_stages(name)[0]} == set(Stage)
    assert {recorded_stages(name)[1] for name in ENDED} == {"Succeeded", "Failed", "Cancelled"}


@pytest.mark.parametrize("name", ENDED)
def test_recorded_runs_take_only_transitions_that_the_table_allows(name: str) -> None:
    names, status = recorded_stages(name)
    stages = [Stage(each) for each in names]
    assert may_follow(None, stages[0])
    assert stages[-1] is Stage.RECORD_RUN
    for current, following in pairwise(stages[:-1]):
        assert may_follow(current, following)
    assert may_follow(stages[-2], stages[-1], ended=status != "Succeeded")


def test_a_stage_reads_as_its_name() -> None:
    """Stages are written into records, custom statuses and log lines, which queries parse."""
    assert f"{Stage.WAIT}" == str(Stage.WAIT) == "wait"


def test_no_stage_is_called_as_a_status() -> None:
    assert not {stage.value for stage in Stage} & {status.lower() for status in STATUSES}
