"""Pipeline runs and activity runs, and the history that stores them.

Source: "Pipeline Runs - Get", "Activity Runs - Query By Pipeline Run".
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from localcloud.datafactory.definitions import Pipeline
from localcloud.datafactory.errors import EntityNotFoundError
from localcloud.datafactory.expressions.functions import text_of
from localcloud.datafactory.linked_services import MASK
from localcloud.store import Store
from localcloud.wire import timestamp

PIPELINE_RUN = "datafactory.pipelinerun"
ACTIVITY_RUN = "datafactory.activityrun"
HISTORY = timedelta(days=45)
"""How long the service keeps a run."""

INTERRUPTED = (
    "localcloud was stopped while this run was unfinished; its processes were ended. Start the run again."
)
NO_ERROR = {"errorCode": "", "message": "", "failureType": "", "target": "", "details": []}
UNFINISHED = frozenset({"Queued", "InProgress", "Canceling"})


@dataclass
class PipelineRun:
    """parameters: typed values by name. secure: the names of parameters whose values are never returned."""

    factory: str
    pipeline: str
    parameters: dict[str, Any]
    secure: list[str] = field(default_factory=list)
    dimensions: dict[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: str(uuid4()))
    group_id: str = ""
    is_latest: bool = True
    status: str = "Queued"
    message: str = ""
    start: str = field(default_factory=timestamp)
    end: str | None = None
    last_updated: str = field(default_factory=timestamp)

    def __post_init__(self) -> None:
        self.group_id = self.group_id or self.run_id

    @classmethod
    def of(cls, factory: str, pipeline: Pipeline, arguments: dict[str, Any], group_id: str) -> "PipelineRun":
        secure = [name for name, each in pipeline.parameters.items() if each.type == "SecureString"]
        return cls(factory, pipeline.name, arguments, secure, group_id=group_id)

    def body(self, factory_id: str) -> dict[str, Any]:
        """The run as the service shows it, in the factory with that resource id."""
        return {
            "id": f"{factory_id}/pipelineruns/{self.run_id}",
            "runId": self.run_id,
            "debugRunId": None,
            "runGroupId": self.group_id,
            "isLatest": self.is_latest,
            "pipelineName": self.pipeline,
            "parameters": {
                name: MASK if name in self.secure else text_of(value)
                for name, value in self.parameters.items()
            },
            "runDimensions": self.dimensions,
            "invokedBy": {"id": self.run_id.replace("-", ""), "name": "Manual", "invokedByType": "Manual"},
            "lastUpdated": self.last_updated,
            "runStart": self.start,
            "runEnd": self.end,
            "durationInMs": milliseconds(self.start, self.end),
            "status": self.status,
            "message": self.message,
            "annotations": [],
        }


@dataclass
class ActivityRun:
    """One attempt at one activity; every retry is another activity run."""

    run_id: str
    pipeline: str
    name: str
    linked_service: str
    attempt: int = 0
    user_properties: dict[str, str] = field(default_factory=dict)
    activity_run_id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "InProgress"
    start: str = field(default_factory=timestamp)
    end: str | None = None
    last_updated: str = field(default_factory=timestamp)
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the attempt in the service's form."""
        return {
            "pipelineName": self.pipeline,
            "pipelineRunId": self.run_id,
            "activityName": self.name,
            "activityType": "Custom",
            "activityRunId": self.activity_run_id,
            "linkedServiceName": self.linked_service,
            "status": self.status,
            "activityRunStart": self.start,
            "activityRunEnd": self.end,
            "durationInMs": milliseconds(self.start, self.end),
            "input": self.input,
            "output": self.output,
            "error": NO_ERROR | {"target": self.name} | self.error,
            "retryAttempt": self.attempt or None,
            "userProperties": self.user_properties,
            "lastUpdated": self.last_updated,
        }


class RunHistory:
    """The runs of all factories. Every method returns only after its changes are on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, run: PipelineRun) -> None:
        run.last_updated = timestamp()
        self._store.put(PIPELINE_RUN, _key(run.factory, run.run_id), asdict(run))

    def finish(self, run: PipelineRun, status: str, message: str = "") -> None:
        run.status, run.message, run.end = status, message, timestamp()
        self.save(run)

    def save_activity(self, activity: ActivityRun) -> None:
        activity.last_updated = timestamp()
        self._store.put(ACTIVITY_RUN, _key(activity.run_id, activity.activity_run_id), asdict(activity))

    def run(self, factory: str, run_id: str) -> PipelineRun:
        document = self._store.get(PIPELINE_RUN, _key(factory, run_id))
        if document is None:
            raise EntityNotFoundError("pipeline run", run_id)
        return PipelineRun(**document)

    def runs(self, factory: str) -> list[PipelineRun]:
        return [PipelineRun(**document) for _, document in self._store.list(PIPELINE_RUN, _key(factory, ""))]

    def activities(self, run_id: str) -> list[ActivityRun]:
        return [ActivityRun(**document) for _, document in self._store.list(ACTIVITY_RUN, _key(run_id, ""))]

    def supersede(self, by: PipelineRun) -> None:
        """Mark the runs that the run `by` recovers as no longer the latest of their group."""
        for run in self.runs(by.factory):
            if run.group_id == by.group_id and run.run_id != by.run_id and run.is_latest:
                run.is_latest = False
                self.save(run)

    def recover(self) -> None:
        """After a restart, fail the runs that were unfinished, and delete those that are too old to keep."""
        oldest = timestamp(datetime.now(UTC) - HISTORY)
        for id_, document in self._store.list(PIPELINE_RUN):
            run = PipelineRun(**document)
            if run.status in UNFINISHED:
                self._interrupt(run)
            elif run.last_updated < oldest:
                self._forget(id_, run.run_id)

    def _interrupt(self, run: PipelineRun) -> None:
        for activity in self.activities(run.run_id):
            if activity.status in UNFINISHED:
                activity.status, activity.end = "Failed", timestamp()
                activity.error = {"errorCode": "2500", "message": INTERRUPTED, "failureType": "SystemError"}
                self.save_activity(activity)
        self.finish(run, "Failed", INTERRUPTED)

    def _forget(self, id_: str, run_id: str) -> None:
        for activity in self.activities(run_id):
            self._store.delete(ACTIVITY_RUN, _key(run_id, activity.activity_run_id))
        self._store.delete(PIPELINE_RUN, id_)


def milliseconds(start: str, end: str | None) -> int | None:
    if end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000)


def _key(owner: str, id_: str) -> str:
    return f"{owner.lower()}/{id_.lower()}"
