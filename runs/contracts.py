"""What the steps of a run hand to each other: frozen dataclasses, and their JSON.

Everything here ends in the orchestration's history, so it is small: ids, names, numbers, never data.
Times are ISO 8601 strings in UTC; durations are seconds. A field added later needs a default, because
runs that are in flight during an update replay what the older code wrote.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, cast

Json = dict[str, Any]


def to_json(value: Any) -> Json:
    """A contract as JSON."""
    return dataclasses.asdict(value)


def from_json[T](cls: type[T], given: Json) -> T:
    """The contract `cls` out of its JSON; fields it does not know are left out.

    Raises TypeError when a field without a default is missing.
    """
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cast(Any, cls))
    return cls(
        **{each.name: _build(hints[each.name], given[each.name]) for each in fields if each.name in given}
    )


def _build(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        inner = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return None if value is None else _build(inner[0], value) if len(inner) == 1 else value
    if dataclasses.is_dataclass(hint):
        return from_json(cast(type, hint), value)
    if typing.get_origin(hint) is list:
        (item,) = typing.get_args(hint)
        return [_build(item, each) for each in value]
    return value


@dataclass(frozen=True)
class Upload:
    """One content of one dataset: what a run is about.

    etag has no quotes. uploaded_at orders uploads: the event's time (to 100 ns in Azure), or the blob's
    Last-Modified (to the second) for a run that was started by hand.
    """

    container: str
    path: str
    etag: str
    uploaded_at: str

    @property
    def dataset(self) -> str:
        """The file's name, as a person knows it."""
        return self.path.removeprefix("datasets/")


@dataclass(frozen=True)
class RunRequest:
    """A claimed run: the orchestration's input. settings are those of the HTTP body, checked."""

    run_id: str
    upload: Upload
    settings: Json
    source: Literal["event", "http"]
    claimed_at: str


@dataclass(frozen=True)
class RunSettings:
    """The resolved settings of a run; docs/settings.md says what each means and where it may be set.

    training_timeout and approval_timeout are in seconds; min_accuracy and tolerance in [0, 1]. task is ""
    only in what code wrote that knew classification alone.
    """

    label: str
    model_name: str
    endpoint_name: str
    epochs: int
    lr: float
    min_accuracy: float
    training_timeout: int
    keep_deployments: int
    compute_name: str
    vm_size: str
    task: str = ""
    algorithm: str = "linear"
    rare_classes: str = "refuse"
    max_rmse: float = 0.0
    tolerance: float = 0.01
    approval: str = "none"
    approval_timeout: int = 259200


@dataclass(frozen=True)
class Polling:
    """How often the orchestrator looks, in seconds: first interval, then half as much again up to the cap.

    look: at a pipeline run, beside the wait for its event. watch: at an operation that should end soon.
    """

    run_first: float
    run_cap: float
    operation_first: float
    operation_cap: float


@dataclass(frozen=True)
class Dataset:
    """What inspect_dataset found and decided. size in bytes; columns counts the label too."""

    size: int
    columns: int
    label: str
    settings: RunSettings
    polling: Polling


@dataclass(frozen=True)
class ChampionInput:
    endpoint: str


@dataclass(frozen=True)
class Champion:
    """The model behind an endpoint's default. All is "" when there is none.

    model: its name and version, with a colon between them. folder: the MLflow model in the container, "" when
    it lies elsewhere.
    """

    model: str = ""
    folder: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class TrainingInput:
    run_id: str
    upload: Upload
    label: str
    epochs: int
    lr: float
    task: str = ""
    algorithm: str = "linear"
    rare_classes: str = "refuse"
    min_accuracy: float = 0.0
    max_rmse: float = 0.0
    tolerance: float = 0.01
    champion: Champion = Champion()


@dataclass(frozen=True)
class Training:
    """A pipeline run in Data Factory."""

    run_id: str
    pipeline_run_id: str


@dataclass(frozen=True)
class TrainingStatus:
    """What one look at a pipeline run showed. model_path: its MLmodel in storage, once it has succeeded.

    exit_code and stderr (its tail) are those of the Batch task, when it failed and left them.
    """

    status: str
    message: str = ""
    exit_code: int | None = None
    stderr: str = ""
    model_path: str = ""


@dataclass(frozen=True)
class TrainedModel:
    """A model that lies in storage. path: its MLmodel file in the container.

    settings and champion: those of the run, by which the model is judged.
    """

    run_id: str
    upload: Upload
    path: str
    settings: RunSettings
    champion: Champion


@dataclass(frozen=True)
class Floor:
    """The bar that the settings set. setting: min_accuracy or max_rmse."""

    setting: str
    limit: float
    passed: bool


@dataclass(frozen=True)
class Baseline:
    """The best answer without a model: name is "majority class" or "mean"; value in the gate's metric."""

    name: str
    value: float
    passed: bool


@dataclass(frozen=True)
class Comparison:
    """Champion against challenger on the same `rows` of the hold-out, in the gate's metric.

    interval: 95 % bootstrap of how much worse the challenger is. A champion that could not score these rows
    has no value but an error, and does not block.
    """

    model: str
    rows: int
    value: float | None
    challenger: float | None
    tolerance: float
    interval: list[float] | None
    passed: bool
    error: str = ""


@dataclass(frozen=True)
class Gate:
    """Whether a model has earned its deployment. value: its metric on the whole hold-out.

    reasons: sentences that say why not. floor: None when the settings set none.
    """

    verdict: Literal["", "deploy", "keep_champion"]
    reasons: list[str]
    metric: str
    value: float
    floor: Floor | None = None
    baseline: Baseline | None = None
    champion: Comparison | None = None


@dataclass(frozen=True)
class Dropped:
    """A column that the model does not take, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class TrainingResult:
    """A model that is this run's. folder: the MLflow model in the container.

    verdict: the gate's. algorithm: the one that was kept.
    notes: what the trainer did about the data. dropped_rows: rows without a label. report: path of
    report.html in the container, "" when there is none.
    """

    folder: str
    mlflow_run_id: str
    label: str
    metrics: dict[str, float]
    features: int
    classes: int
    task: str = ""
    algorithm: str = ""
    verdict: Literal["", "deploy", "keep_champion"] = ""
    gate: Gate | None = None
    notes: list[str] = field(default_factory=list)
    dropped_columns: list[Dropped] = field(default_factory=list)
    dropped_rows: int = 0
    report: str = ""


@dataclass(frozen=True)
class ModelInput:
    run_id: str
    upload: Upload
    name: str
    result: TrainingResult


@dataclass(frozen=True)
class ModelVersion:
    name: str
    version: str


@dataclass(frozen=True)
class ComputeInput:
    name: str
    vm_size: str
    operation_url: str = ""


@dataclass(frozen=True)
class EndpointInput:
    name: str
    model_name: str
    operation_url: str = ""


@dataclass(frozen=True)
class DeploymentInput:
    run_id: str
    upload: Upload
    endpoint: str
    name: str
    model: ModelVersion
    compute: str
    operation_url: str = ""


@dataclass(frozen=True)
class SmokeTestInput:
    run_id: str
    endpoint: str
    deployment: str
    operation_url: str = ""


@dataclass(frozen=True)
class PromotionInput:
    run_id: str
    upload: Upload
    endpoint: str
    deployment: str
    operation_url: str = ""


@dataclass(frozen=True)
class PruneInput:
    run_id: str
    upload: Upload
    endpoint: str
    keep: int
    operation_url: str = ""


@dataclass(frozen=True)
class Done:
    """The answer of a step that has nothing to tell."""


@dataclass(frozen=True)
class ProvisioningStatus:
    """How an operation that takes time stands. operation_url: what the next poll is given."""

    done: bool
    operation_url: str = ""


@dataclass(frozen=True)
class SmokeTestStatus:
    """A ProvisioningStatus of a scoring job. predictions: the first ones; rows: how many were scored."""

    done: bool
    operation_url: str = ""
    rows: int = 0
    predictions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Promotion:
    """A ProvisioningStatus of the endpoint's default.

    outcome "promoted": this run's deployment is the default; "superseded": that of a newer upload is,
    and stays.
    """

    done: bool
    operation_url: str = ""
    outcome: Literal["", "promoted", "superseded"] = ""


@dataclass(frozen=True)
class CleanUp:
    """What an ended run may have left: empty where the run did not get that far."""

    run_id: str
    pipeline_run_id: str = ""
    endpoint: str = ""
    deployment: str = ""
    job: str = ""
    operation_url: str = ""


@dataclass(frozen=True)
class Stage:
    """One step of the story. ended is "" while it lasts."""

    name: str
    started: str
    ended: str = ""


Status = Literal["Running", "Succeeded", "Failed", "Cancelled"]


@dataclass(frozen=True)
class Failure:
    """Why a run ended early. code is for programs, message for people; stage is where it happened."""

    stage: str
    code: str
    message: str


LONGEST_COMMENT = 1000
"""Characters of a decision's comment."""


@dataclass(frozen=True)
class Approval:
    """How a run that waited for a decision went on. by and comment are "" when nobody decided."""

    decision: Literal["approved", "rejected", "timed_out"]
    by: str
    at: str
    comment: str = ""


@dataclass(frozen=True)
class RunRecord:
    """A run as run.json holds it, from its claim to its end; docs/runs.md describes the fields."""

    run_id: str
    status: Status
    dataset: str
    upload: Upload
    source: str
    claimed_at: str
    given_settings: Json
    ended_at: str = ""
    outcome: str = ""
    settings: RunSettings | None = None
    stages: list[Stage] = field(default_factory=list)
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
    verdict: Literal["", "deploy", "keep_champion"] = ""
    gate: Gate | None = None
    notes: list[str] = field(default_factory=list)
    dropped_columns: list[Dropped] = field(default_factory=list)
    dropped_rows: int = 0
    approval: Approval | None = None
    report: str = ""


@dataclass(frozen=True)
class LifecycleEvent:
    """kind: RunStarted, RunSucceeded, RunFailedError or RunCancelled."""

    kind: str
    run_id: str
    data: Json
