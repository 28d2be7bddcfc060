"""The stages of a run: which may follow which, where a run can be cancelled, and what each leaves to undo.

The orchestrator and its compensation read this one table, and so do the HTTP functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """A stage, by the name that people see; in the order of a run that is approved and promoted."""

    INSPECT_DATASET = "inspect_dataset"
    START_TRAINING = "start_training"
    WAIT = "wait"
    READ_TRAINING_RESULT = "read_training_result"
    REGISTER_MODEL = "register_model"
    ENSURE_COMPUTE = "ensure_compute"
    ENSURE_ENDPOINT = "ensure_endpoint"
    DEPLOY_MODEL = "deploy_model"
    SMOKE_TEST = "smoke_test"
    APPROVE = "approve"
    PROMOTE = "promote"
    RECORD_RUN = "record_run"


@dataclass(frozen=True)
class Rule:
    """The rules for one stage.

    followed_by: the stages that may follow it in a run that succeeds. can_cancel: whether a cancellation is
    accepted in it or at its end. clean_up: the activities that undo what the run has started if it ends in
    this stage, in order.
    """

    followed_by: frozenset[Stage]
    can_cancel: bool
    clean_up: tuple[str, ...]


def _rule(*followed_by: Stage, can_cancel: bool = True, clean_up: Sequence[str] = ()) -> Rule:
    return Rule(frozenset(followed_by), can_cancel, tuple(clean_up))


CANCEL_TRAINING, CANCEL_SCORING, DELETE_DEPLOYMENT = "cancel_training", "cancel_scoring", "delete_deployment"

RULES: dict[Stage, Rule] = {
    # A cancel takes effect only when this stage ends: only it can find out whether this run id has finished.
    # The run of a dataset that another run has claimed as it is now ends here.
    Stage.INSPECT_DATASET: _rule(Stage.START_TRAINING, Stage.RECORD_RUN),
    Stage.START_TRAINING: _rule(Stage.WAIT, clean_up=[CANCEL_TRAINING]),
    # A dataset that changed before the training had read it is inspected again.
    Stage.WAIT: _rule(Stage.READ_TRAINING_RESULT, Stage.INSPECT_DATASET, clean_up=[CANCEL_TRAINING]),
    Stage.READ_TRAINING_RESULT: _rule(Stage.REGISTER_MODEL),
    # The run of a model that has not passed the gate ends here.
    Stage.REGISTER_MODEL: _rule(Stage.ENSURE_COMPUTE, Stage.RECORD_RUN),
    Stage.ENSURE_COMPUTE: _rule(Stage.ENSURE_ENDPOINT),
    Stage.ENSURE_ENDPOINT: _rule(Stage.DEPLOY_MODEL),
    Stage.DEPLOY_MODEL: _rule(Stage.SMOKE_TEST, clean_up=[DELETE_DEPLOYMENT]),
    Stage.SMOKE_TEST: _rule(Stage.APPROVE, Stage.PROMOTE, clean_up=[CANCEL_SCORING, DELETE_DEPLOYMENT]),
    # Once the decision is there, a cancel comes too late.
    Stage.APPROVE: _rule(Stage.PROMOTE, Stage.RECORD_RUN, clean_up=[CANCEL_SCORING, DELETE_DEPLOYMENT]),
    # The default may have moved.
    Stage.PROMOTE: _rule(Stage.RECORD_RUN, can_cancel=False, clean_up=[CANCEL_SCORING, DELETE_DEPLOYMENT]),
    Stage.RECORD_RUN: _rule(can_cancel=False),
}


def may_follow(current: Stage | None, following: Stage, *, ended: bool = False) -> bool:
    """Whether a run may go from `current` to `following`; None is the state before the first stage.

    ended: the run has failed or was cancelled. It then goes from any stage to RECORD_RUN, and nowhere else.
    """
    if current is None:
        return following is Stage.INSPECT_DATASET
    if ended:
        return following is Stage.RECORD_RUN and current is not Stage.RECORD_RUN
    return following in RULES[current].followed_by
