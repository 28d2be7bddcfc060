"""What each step of a run is told, and what it returns.

No step is told a setting: each reads the settings of its run in storage, by services.run_files.dataset_for.
"""

from dataclasses import dataclass, field
from typing import Literal

from runs.contracts import Dataset, Json
from runs.findings import Choice, Dropped, Gate, Verdict
from runs.record import Approval, Cancel, RunRecord


@dataclass(frozen=True)
class RunStep:
    """What a step is told that acts on the settings of its run: which run, and which version of its dataset.

    It reads the settings itself, by services.run_files.dataset_for. etag: as in Upload.
    """

    run_id: str
    etag: str


@dataclass(frozen=True)
class PolledStep(RunStep):
    """operation_url: what the call before has returned; "" for the first one."""

    operation_url: str = ""


@dataclass(frozen=True)
class Champion:
    """The model of an endpoint's default deployment. All fields are "" if there is no default.

    model: <name>:<version>. folder: that of the MLflow model in the container, "" if it is not one of
    Touchdown's own. digest: that of the model's files, as they were registered.
    """

    model: str = ""
    folder: str = ""
    deployment: str = ""
    digest: str = ""


@dataclass(frozen=True)
class TrainingInput(RunStep):
    champion: Champion


@dataclass(frozen=True)
class Training:
    """A pipeline run in Data Factory."""

    run_id: str
    pipeline_run_id: str


@dataclass(frozen=True)
class TrainingStatus:
    """The status of a pipeline run, as Data Factory calls it.

    model_path: that of its MLmodel, once it has succeeded. exit_code and stderr (its end) are those of a
    failed Batch task, if known.
    """

    status: str
    message: str = ""
    exit_code: int | None = None
    stderr: str = ""
    model_path: str = ""


@dataclass(frozen=True)
class TrainedModel(RunStep):
    """A model in storage. path: that of its MLmodel file in the container.

    champion: that of the run, on which the verdict depends.
    """

    path: str
    champion: Champion


@dataclass(frozen=True)
class TrainingResult:
    """A model that this run trained. folder: that of the MLflow model in the container.

    features and classes: their numbers. algorithm: the one that was kept. verdict: the gate's. notes: what
    the trainer changed about the data. dropped_rows: the number of rows without a label. report: the path of
    report.html in the container, "" if there is none. choice: None if the settings name an algorithm.
    """

    folder: str
    mlflow_run_id: str
    label: str
    metrics: dict[str, float]
    features: int
    classes: int
    task: str
    algorithm: str
    verdict: Verdict
    gate: Gate
    notes: list[str]
    dropped_columns: list[Dropped]
    dropped_rows: int
    report: str
    choice: Choice | None = None


@dataclass(frozen=True)
class ModelInput(RunStep):
    result: TrainingResult


@dataclass(frozen=True)
class ModelVersion:
    name: str
    version: str


@dataclass(frozen=True)
class DeploymentInput(RunStep):
    """version: that of the run's model."""

    version: str
    operation_url: str = ""


@dataclass(frozen=True)
class SmokeTestInput(RunStep):
    """model: the folder of the deployed model in the container."""

    model: str
    operation_url: str = ""


@dataclass(frozen=True)
class SmokeTestStatus:
    """The status of a scoring job. operation_url: its name. rows: how many it scored.

    predictions: the first ones. waiting_for: what a run waits for while the job has not ended, for people.
    """

    done: bool
    operation_url: str = ""
    rows: int = 0
    predictions: list[str] = field(default_factory=list)
    waiting_for: str = ""


@dataclass(frozen=True)
class PromotionInput(RunStep):
    """decided_since: when the wait for the decision began that the run needed; "" if it needed none."""

    decided_since: str = ""
    operation_url: str = ""


@dataclass(frozen=True)
class Promotion:
    """The status of the change of an endpoint's default.

    outcome, once it is done: "promoted" if this run's deployment is the default, "superseded" if the default
    stays with the deployment of a newer upload.
    """

    done: bool
    operation_url: str = ""
    outcome: Literal["", "promoted", "superseded"] = ""


@dataclass(frozen=True)
class CleanUp(RunStep):
    """What an ended run may have left behind. A field is empty if the run did not get that far."""

    pipeline_run_id: str = ""
    job: str = ""
    operation_url: str = ""


@dataclass(frozen=True)
class Done:
    """The result of a step that returns nothing."""


@dataclass(frozen=True)
class ProvisioningStatus:
    """The status of a long-running operation. operation_url: identifies it in the next poll."""

    done: bool
    operation_url: str = ""


@dataclass(frozen=True)
class DecisionInput:
    """since: when the run began to wait."""

    run_id: str
    since: str


@dataclass(frozen=True)
class Decision:
    """approval: None if nobody has decided yet."""

    approval: Approval | None = None


@dataclass(frozen=True)
class CancelInput:
    run_id: str


@dataclass(frozen=True)
class Cancellation:
    """cancel: None if nobody has cancelled the run."""

    cancel: Cancel | None = None


@dataclass(frozen=True)
class Wait:
    """What the run knows when its training has started, and how far the wait for the model has come.

    interval: seconds until the next poll. deadline: when the training times out (ISO 8601).
    """

    dataset: Dataset
    champion: Champion
    interval: float
    deadline: str


@dataclass(frozen=True)
class Progress:
    """How far a run has come when its orchestration continues as new."""

    record: RunRecord
    wait: Wait


@dataclass(frozen=True)
class LifecycleEvent:
    """kind: RunStarted, RunSucceeded, RunFailed or RunCancelled."""

    kind: str
    run_id: str
    data: Json
