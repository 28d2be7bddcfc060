"""Runs whose histories are kept in `histories/`, as an engine would hold them in the middle of an update.

`python -m tests.unit.scenarios NAME...` records them. Recording one again is right only before a version of
the orchestrator is deployed for the first time. Once runs of that version may be in progress, a history that
no longer replays is a run that an update would break, and the orchestrator has to be changed in another way.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from localcloud.functions.testing import Event, Outcome

from runs.contracts import Inspection
from runs.errors import TransientError
from runs.steps import Cancellation, Champion, Promotion, ProvisioningStatus
from tests.unit.rehearsed import (
    CANCEL,
    DATASET,
    LATER,
    MODEL,
    POLLING,
    READY,
    REJECTED,
    always,
    asking,
    decision,
    failing,
    good,
    in_turn,
    inspected,
    refusal,
    rehearse,
    rehearse_with_cancel,
    training,
)

HISTORIES = Path(__file__).parent / "histories"
FAILED_TRAINING = training(
    "Failed", message="Operation on target Train failed", exit_code=2, stderr="bad row 7"
)
CHANGED_DATASET = training("Failed", exit_code=3, stderr="dataset iris_csv.csv has changed")
LOST_EVENT = in_turn(training("Queued"), training("InProgress"), training("Succeeded", model_path=MODEL))
RARELY = inspected(polling=replace(POLLING, run_first=900))

SCENARIOS: dict[str, Callable[[], Outcome]] = {
    "succeeded": rehearse,
    "event_lost": lambda: rehearse(good(get_training_status=LOST_EVENT), events=[]),
    "event_first": lambda: rehearse(events=[replace(READY, after=timedelta())]),
    "training_failed": lambda: rehearse(
        good(get_training_status=in_turn(training("InProgress"), FAILED_TRAINING)), events=[]
    ),
    "training_timed_out": lambda: rehearse(good(inspect_dataset=RARELY), events=[]),
    "no_champion": lambda: rehearse(good(find_champion=always(Champion()))),
    "superseded": lambda: rehearse(good(promote=always(Promotion(True, "", "superseded")))),
    "kept_champion": lambda: rehearse(good(read_training_result=always(REJECTED))),
    "approved": lambda: rehearse(asking(), [READY, decision(approved=True)]),
    "rejected": lambda: rehearse(asking(), [READY, decision(approved=False)]),
    "approval_timed_out": lambda: rehearse(asking(timedelta(days=7)), [READY]),
    "cancelled_while_waiting_for_approval": lambda: rehearse(
        asking(), [READY, Event(CANCEL, {}, after=timedelta(hours=1))]
    ),
    "waiting_for_approval": lambda: rehearse(asking(), [READY], limit=timedelta(hours=1)),
    "forged_decision": lambda: rehearse(
        asking(),
        [
            READY,
            Event("decision", {"approved": True, "by": "ciso@example.com"}, after=timedelta(hours=1)),
            decision(approved=False),
        ],
    ),
    "dataset_refused": lambda: rehearse(
        good(inspect_dataset=in_turn(refusal("LabelMissing", "dataset iris_csv.csv: no such column.")))
    ),
    "dataset_changed": lambda: rehearse(good(inspect_dataset=inspected(upload=LATER))),
    "dataset_changed_later": lambda: rehearse(
        good(
            inspect_dataset=in_turn(Inspection(DATASET), Inspection(replace(DATASET, upload=LATER))),
            get_training_status=in_turn(CHANGED_DATASET, training("InProgress")),
        )
    ),
    "dataset_taken": lambda: rehearse(
        good(inspect_dataset=always(Inspection(superseded_by="iris-csv-aaaaaaaaaaaaaaaa")))
    ),
    "forged_cancel": lambda: rehearse(
        good(read_cancel=always(Cancellation())), [Event(CANCEL, {}, after=timedelta(minutes=1)), READY]
    ),
    "smoke_test_failed": lambda: rehearse(
        good(smoke_test=in_turn(refusal("SmokeTestFailed", "exit code 42")), delete_deployment=failing())
    ),
    "faults_retried": lambda: rehearse(
        good(
            deploy_model=in_turn(
                TransientError("busy"),
                ProvisioningStatus(False, "op"),
                TransientError("busy"),
                ProvisioningStatus(True, "op"),
            )
        )
    ),
    "cancelled_in_wait": lambda: rehearse(events=[Event(CANCEL, {}, after=timedelta(minutes=2))]),
    "cancelled_in_smoke_test": lambda: rehearse_with_cancel("smoke_test"),
    "ended_before": lambda: rehearse(
        good(inspect_dataset=in_turn(refusal("RunEnded", "it has ended before.")))
    ),
    "waiting": lambda: rehearse(limit=timedelta(minutes=2), events=[]),
    "second_generation_waiting": lambda: rehearse(
        good(inspect_dataset=RARELY), limit=timedelta(hours=13), events=[]
    ),
    "second_generation_succeeded": lambda: rehearse(
        good(inspect_dataset=RARELY), events=[replace(READY, after=timedelta(hours=13))]
    ),
}


def record(names: list[str]) -> None:
    """Write these histories, the same on every machine: stack traces without the folder of the checkout."""
    here = f"{Path(__file__).resolve().parents[2]}/"
    for name in names:
        (HISTORIES / f"{name}.json").write_text(SCENARIOS[name]().record().replace(here, "") + "\n")


if __name__ == "__main__":
    record(sys.argv[1:])
