"""The record of a run: what it did and how it ended, and what people decided about it."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from runs.contracts import Caller, Json, RunRequest, RunSettings, Upload
from runs.findings import Choice, Dropped, Gate, Verdict


@dataclass(frozen=True)
class StageTimes:
    """When a run entered a stage and left it. ended: "" while the run is in it."""

    name: str
    started: str
    ended: str = ""


Status = Literal["Running", "Succeeded", "Failed", "Cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
Outcome = Literal["", "promoted", "superseded", "kept_champion", "rejected", "approval_timed_out"]


@dataclass(frozen=True)
class Failure:
    """Why a run ended early, and at which stage. code is for programs, message for people."""

    stage: str
    code: str
    message: str


LONGEST_COMMENT = 1000
"""Characters of a decision's comment, and of its other texts."""


@dataclass(frozen=True)
class Approval:
    """The decision that a run waited for. by, by_id and comment are "" if nobody decided in time.

    by, by_id: name and id of a Caller.
    """

    decision: Literal["approved", "rejected", "timed_out"]
    by: str
    at: str
    comment: str = ""
    by_id: str = ""


@dataclass(frozen=True)
class Cancel:
    """A person's request to cancel a run. by, by_id: name and id of a Caller."""

    by: str
    by_id: str
    at: str


@dataclass(frozen=True)
class RunRecord:
    """A run as run.json stores it, from its claim to its end; docs/runs.md describes the fields."""

    run_id: str
    status: Status
    dataset: str
    upload: Upload
    source: Literal["event", "http"]
    claimed_at: str
    given_settings: Json
    ended_at: str = ""
    outcome: Outcome = ""
    settings: RunSettings | None = None
    stages: list[StageTimes] = field(default_factory=list)
    pipeline_run_id: str = ""
    mlflow_run_id: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    model_name: str = ""
    model_version: str = ""
    endpoint: str = ""
    deployment: str = ""
    predictions: list[str] = field(default_factory=list)
    error: Failure | None = None
    warnings: list[str] = field(default_factory=list)
    schema_version: int = 1
    task: str = ""
    algorithm: str = ""
    verdict: Verdict | Literal[""] = ""
    gate: Gate | None = None
    notes: list[str] = field(default_factory=list)
    dropped_columns: list[Dropped] = field(default_factory=list)
    dropped_rows: int = 0
    approval: Approval | None = None
    report: str = ""
    superseded_by: str = ""
    choice: Choice | None = None
    take_over: bool = False
    approval_reason: str = ""
    started_by: Caller | None = None


def claimed(request: RunRequest) -> RunRecord:
    """The record of a run that has been claimed and has done nothing yet."""
    return RunRecord(
        run_id=request.run_id,
        status="Running",
        dataset=request.upload.dataset,
        upload=request.upload,
        source=request.source,
        claimed_at=request.claimed_at,
        given_settings=request.settings,
        take_over=request.take_over,
        started_by=request.started_by,
    )
