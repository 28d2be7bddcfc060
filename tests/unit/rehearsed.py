"""Runs on the real engine in virtual time, with steps that stand in for Azure.

Each step returns what the real one would; a long operation is in progress at the first call and done at the
second. A test names the steps that return something else, and the events that arrive during them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from durabletask.client import OrchestrationStatus
from localcloud.functions.testing import START, Event, Outcome, Rehearsal

from orchestrators.training_run import training_run
from runs import naming
from runs.contracts import (
    Dataset,
    Inspection,
    Json,
    Polling,
    RunRequest,
    RunSettings,
    Upload,
    from_json,
    to_json,
)
from runs.errors import TransientError
from runs.findings import Baseline, ChampionComparison, Choice, ChoiceCandidate, Dropped, Floor, Gate
from runs.record import Approval, Cancel, RunRecord
from runs.steps import (
    Cancellation,
    Champion,
    Decision,
    Done,
    ModelVersion,
    Promotion,
    ProvisioningStatus,
    SmokeTestStatus,
    Training,
    TrainingResult,
    TrainingStatus,
)

type Step = Callable[[Json], Json]

RUN = "iris-csv-0123456789abcdef"
PIPELINE_RUN = "5f1e1de5-0000-4000-8000-000000000001"
ENDPOINT = "iris-classification-0a1b2c"
DEPLOYMENT = naming.deployment_name(RUN)
UPLOAD = Upload("blobs", "datasets/iris_csv.csv", "0x8DC", "2026-01-01T00:00:00.000000Z")
LATER = replace(UPLOAD, etag="0x8DD", uploaded_at="2026-01-01T00:00:04.000000Z")
"""The same blob after its metadata have been set."""
REQUEST = RunRequest(RUN, UPLOAD, {"epochs": 20}, "event", "2026-01-01T00:00:00.000000Z")
SETTINGS = RunSettings(
    label="species",
    model_name="iris_classification",
    endpoint_name=ENDPOINT,
    epochs=20,
    lr=0.1,
    min_accuracy=0.9,
    training_timeout=86400,
    keep_deployments=2,
    compute_name="cpu-cluster",
    vm_size="Standard_DS3_v2",
    task="classification",
    algorithm="linear",
    training_budget=10.0,
    rare_classes="refuse",
    class_weights="equal",
    max_rmse=0.0,
    tolerance=0.01,
    approval="none",
    approval_timeout=259200,
    uncompared_champion="approval",
)
POLLING = Polling(run_first=30, run_cap=900, operation_first=2, operation_cap=30)
DATASET = Dataset(upload=UPLOAD, size=4551, columns=5, label="species", settings=SETTINGS, polling=POLLING)
CHAMPION = Champion("iris_classification:6", "runs/older/0/cd34/artifacts/model", "run-6")
GATE = Gate(
    "deploy",
    [],
    "accuracy",
    0.97,
    Floor("min_accuracy", 0.9, passed=True),
    Baseline("majority class", 0.34, 30, [-0.79, -0.4], passed=True),
    ChampionComparison("iris_classification:6", 30, 0.95, 0.97, 0.01, [-0.09, 0.05], passed=True),
)
CHOICE = Choice(
    "log loss",
    120,
    5,
    "blend",
    [
        ChoiceCandidate("logistic regression", "C 10", 0.14, 0.2, 120, 0.85),
        ChoiceCandidate("boosting", "50 rounds at rate 0.1", 0.21, 1.5, 120, 0.15),
        ChoiceCandidate("blend", "85 % logistic regression and 15 % boosting", 0.13, 0.0, 120, 1.0),
    ],
)
RESULT = TrainingResult(
    f"runs/{RUN}/0/ab12/artifacts/model",
    "ab12",
    "species",
    {"accuracy": 0.97},
    4,
    3,
    task="classification",
    algorithm="linear",
    verdict="deploy",
    gate=GATE,
    notes=["column 2 had no name and is called Unnamed: 1"],
    dropped_columns=[Dropped("row_id", "every row has another value")],
    dropped_rows=2,
    report=f"runs/{RUN}/report.html",
)
REJECTED = replace(
    RESULT,
    verdict="keep_champion",
    gate=replace(
        GATE,
        verdict="keep_champion",
        reasons=["accuracy 0.8 is worse than that of iris_classification:6 (0.95)"],
        champion=ChampionComparison("iris_classification:6", 30, 0.95, 0.8, 0.01, [0.03, 0.3], passed=False),
    ),
)
"""The result of a challenger that is worse than the champion."""
MODEL = f"{RESULT.folder}/MLmodel"
COMPLETED = OrchestrationStatus.COMPLETED
FAILED = OrchestrationStatus.FAILED
RUNNING = OrchestrationStatus.RUNNING
READY = Event("model_ready", {"path": MODEL, "etag": "0x9"}, after=timedelta(minutes=3))
CANCEL = "cancel"
CANCELLED = Cancel("somebody@example.com", "key:0a1b", "2026-01-01T00:00:00.000000Z")
"""What an HTTP function has kept before it raises that event."""

STEPS = (
    "inspect_dataset",
    "start_training",
    "wait",
    "read_training_result",
    "register_model",
    "ensure_compute",
    "ensure_endpoint",
    "deploy_model",
    "smoke_test",
    "promote",
    "record_run",
)
"""The eleven stages of a run without approval, by the names in the custom status."""

CLEAN_UP: dict[str, list[str]] = {
    "inspect_dataset": [],
    "start_training": ["cancel_training"],
    "get_training_status": ["cancel_training"],
    "read_training_result": [],
    "register_model": [],
    "ensure_compute": [],
    "ensure_endpoint": [],
    "deploy_model": ["delete_deployment"],
    "smoke_test": ["cancel_scoring", "delete_deployment"],
}
"""The steps that clean up after a run that is cancelled in a step, in order."""


def always(answer: Any) -> Step:
    return lambda _: to_json(answer)


def inspected(**changes: Any) -> Step:
    """inspect_dataset, which finds the very version that the run was claimed for."""

    def step(given: Json) -> Json:
        upload = from_json(Upload, given["upload"])
        return to_json(Inspection(replace(DATASET, **{"upload": upload} | changes)))

    return step


def in_turn(*answers: Any) -> Step:
    """A step that returns these answers, one for each call, and then the last one; it raises an exception."""
    left = list(answers)

    def step(_: Json) -> Json:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, dict) else to_json(answer)

    return step


def refusal(code: str, message: str) -> Json:
    return {"refused": {"code": code, "message": message}}


def failing(message: str = "ServiceUnavailable (503): come back later") -> Step:
    return in_turn(TransientError(message))


def training(status: str, **more: Any) -> Json:
    return to_json(TrainingStatus(status, **more))


def good(**otherwise: Step) -> dict[str, Step]:
    """The steps of a run that goes well, except for those that are given."""
    steps: dict[str, Step] = {
        "publish_event": always(Done()),
        "inspect_dataset": inspected(),
        "find_champion": always(CHAMPION),
        "start_training": always(Training(RUN, PIPELINE_RUN)),
        "get_training_status": always(TrainingStatus("InProgress")),
        "read_training_result": always(RESULT),
        "register_model": always(ModelVersion("iris_classification", "7")),
        "ensure_compute": in_turn(
            ProvisioningStatus(False, "op/compute"), ProvisioningStatus(True, "op/compute")
        ),
        "ensure_endpoint": in_turn(
            ProvisioningStatus(False, "op/endpoint"), ProvisioningStatus(True, "op/endpoint")
        ),
        "deploy_model": in_turn(
            ProvisioningStatus(False, "op/deployment"), ProvisioningStatus(True, "op/deployment")
        ),
        "smoke_test": in_turn(
            SmokeTestStatus(False, "job-1"),
            SmokeTestStatus(True, "job-1", 3, ["setosa", "virginica", "setosa"]),
        ),
        "promote": in_turn(Promotion(False, "op/default"), Promotion(True, "op/default", "promoted")),
        "prune_deployments": in_turn(ProvisioningStatus(False), ProvisioningStatus(True)),
        "record_run": always(Done()),
        "read_cancel": always(Cancellation(CANCELLED)),
        "read_decision": always(Decision()),
        **continuing(),
        "cancel_training": in_turn(
            ProvisioningStatus(False, PIPELINE_RUN), ProvisioningStatus(True, PIPELINE_RUN)
        ),
        "cancel_scoring": in_turn(ProvisioningStatus(False, "job-1"), ProvisioningStatus(True, "job-1")),
        "delete_deployment": in_turn(ProvisioningStatus(False), ProvisioningStatus(True)),
    }
    unknown = set(otherwise) - set(steps)
    if unknown:
        raise LookupError(f"a run has no step {unknown}")
    return steps | otherwise


def continuing() -> dict[str, Step]:
    """The steps of a run that continues as new: the second reads what the first has kept."""
    kept: list[Json] = []

    def keep_progress(given: Json) -> Json:
        kept.append(given)
        return to_json(Done())

    return {"keep_progress": keep_progress, "resume_run": lambda _: kept[-1]}


def first_generation(request: RunRequest = REQUEST) -> Json:
    """The orchestration's input, as the triggers give it."""
    return {"request": to_json(request)}


def kept_decision(events: Iterable[Event], now: Callable[[], timedelta]) -> Step:
    """read_decision, which finds the first of the decisions among `events`, once its time has come.

    Only those of `decision` have been kept: any other event has been raised by someone else.
    """

    def step(wait: Json) -> Json:
        for event in events:
            data = event.data if isinstance(event.data, dict) else {}
            if "kept" in data and data["since"] == wait["since"] and event.after <= now():
                return {"approval": data["kept"]}
        return to_json(Decision())

    return step


def rehearse(
    steps: dict[str, Step] | None = None,
    events: Iterable[Event] = (READY,),
    *,
    request: RunRequest = REQUEST,
    limit: timedelta = timedelta(days=30),
    hub: type[Rehearsal] = Rehearsal,
) -> Outcome:
    """Run the orchestration to its end, or until `limit` has passed."""
    events = list(events)
    read_decision = kept_decision(events, lambda: rehearsal.clock.now() - START)
    rehearsal = hub((steps or good()) | {"read_decision": read_decision}, [training_run])
    rehearsal.start(training_run, first_generation(request), instance_id=RUN)
    for event in events:
        rehearsal.raise_event(RUN, event.name, event.data, after=event.after)
    rehearsal.run(limit)
    return rehearsal.outcome(RUN)


def rehearse_with_cancel(during: str, steps: Mapping[str, Step] | None = None, call: int = 1) -> Outcome:
    """Cancel the run during the `call`-th call of a step."""
    steps = dict(steps or good())
    rehearsal = Rehearsal(steps, [training_run])
    plain, calls = steps[during], 0

    def cancelling(step_input: Json) -> Json:
        nonlocal calls
        calls += 1
        if calls == call:
            rehearsal.raise_event(RUN, CANCEL, {})
        return plain(step_input)

    rehearsal = Rehearsal(steps | {during: cancelling}, [training_run])
    rehearsal.start(training_run, first_generation(), instance_id=RUN)
    rehearsal.raise_event(RUN, READY.name, READY.data, after=READY.after)
    rehearsal.run()
    return rehearsal.outcome(RUN)


def record(outcome: Outcome) -> RunRecord:
    """The record that the run wrote. It writes one."""
    (written,) = inputs(outcome, "record_run")
    return from_json(RunRecord, written)


def inputs(outcome: Outcome, step: str) -> list[Any]:
    return [call.input for call in outcome.calls if call.name == step]


def published(outcome: Outcome) -> list[str]:
    """The kinds of the lifecycle events that were published, including retries."""
    return [event["kind"] for event in inputs(outcome, "publish_event")]


def cleaned_up(outcome: Outcome) -> list[str]:
    """The clean-up steps that were called, in order."""
    steps = ("cancel_training", "cancel_scoring", "delete_deployment")
    return list(dict.fromkeys(name for name in outcome.names if name in steps))


def attempts(outcome: Outcome, step: str) -> list[float]:
    """The times of a step's calls, in seconds after the first one."""
    times = [call.after.total_seconds() for call in outcome.calls if call.name == step]
    return [time - times[0] for time in times]


WAITS_SINCE = "2026-01-01T00:03:08.000Z"
"""When a run that asks for approval begins to wait: after 3 minutes of training and 4 pauses of 2 s."""


def decision(approved: bool, *, since: str = WAITS_SINCE, **changes: Any) -> Event:
    """A decision on the run of `asking`, which is kept and raised two hours after the run's start.

    The HTTP functions raise an event without data. Here it has what they have kept, for `kept_decision`.
    """
    kept = Approval(
        "approved" if approved else "rejected",
        "somebody@example.com",
        "2026-01-01T02:00:00.000000Z",
        "seen",
        "key:0a1b",
    )
    data = {"since": since, "kept": to_json(replace(kept, **changes))}
    return Event("decision", data, after=timedelta(hours=2))


def asking(timeout: timedelta = timedelta(days=3), **otherwise: Step) -> dict[str, Step]:
    """The steps of a run that asks for approval before it promotes."""
    seconds = round(timeout.total_seconds())
    inspected = with_settings(approval="required", approval_timeout=seconds)
    return good(**{"inspect_dataset": inspected} | otherwise)


def seconds(stamp: str) -> float:
    """Seconds from the start of the rehearsal to a time of the record."""
    return (datetime.fromisoformat(stamp).astimezone(UTC) - START).total_seconds()


def with_settings(**changes: Any) -> Step:
    """inspect_dataset, resolving other settings."""
    settings = replace(SETTINGS, **changes)
    return inspected(settings=settings, label=settings.label)


def polling_rarely() -> Step:
    """inspect_dataset, with polling intervals so long that hours of them are simulated quickly."""
    return inspected(polling=replace(POLLING, operation_cap=600))
