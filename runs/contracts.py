"""The contracts between the steps of a run: frozen dataclasses, and their JSON.

Everything here is stored in the orchestration's history, so it is small: ids, names and numbers, never data.
Times are ISO 8601 strings in UTC; durations are in seconds.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

Json = dict[str, Any]


def to_json(value: Any) -> Json:
    """The JSON of a contract."""
    return dataclasses.asdict(value)


def from_json[T](cls: type[T], given: Json) -> T:
    """The contract `cls` from its JSON. Unknown fields are ignored.

    Raises TypeError if a field without a default is missing.
    """
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cast(Any, cls))
    return cls(
        **{each.name: _build(hints[each.name], given[each.name]) for each in fields if each.name in given}
    )


def _build(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        inner = next(each for each in typing.get_args(hint) if each is not types.NoneType)
        return None if value is None else _build(inner, value)
    if dataclasses.is_dataclass(hint):
        return from_json(cast(type, hint), value)
    if typing.get_origin(hint) is list:
        (item,) = typing.get_args(hint)
        return [_build(item, each) for each in value]
    return value


@dataclass(frozen=True)
class Upload:
    """One version of a dataset's content, metadata and properties, which a run is about.

    etag has no quotes. uploaded_at orders uploads: it is the time of the event (to 100 ns in Azure), or the
    blob's Last-Modified (to the second) if the run was started by hand, or if that is later and the run found
    the blob changed when it came to read it.
    """

    container: str
    path: str
    etag: str
    uploaded_at: str

    @property
    def dataset(self) -> str:
        """The name of the file, without the folder."""
        return self.path.removeprefix("datasets/")


@dataclass(frozen=True)
class Caller:
    """Who sent a request. name: for people. id: "key:<SHA-256>", "entra:<object id>", or "" if unknown."""

    name: str
    id: str


@dataclass(frozen=True)
class RunRequest:
    """A claimed run. settings: those of the HTTP body, checked; empty for a run that an event started.

    take_over: whether the body says that the run may take over an endpoint or a model of another owner.
    started_by: of a run that an event started, None unless the event names who wrote the blob.
    """

    run_id: str
    upload: Upload
    settings: Json
    source: Literal["event", "http"]
    claimed_at: str
    take_over: bool = False
    started_by: Caller | None = None


@dataclass(frozen=True)
class RunSettings:
    """The resolved settings of a run; docs/settings.md says what each means and where it may be set.

    training_timeout and approval_timeout are in seconds; min_accuracy and tolerance in [0, 1]; max_rmse is 0
    for no limit.
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
    task: str
    algorithm: str
    training_budget: float
    rare_classes: str
    class_weights: str
    max_rmse: float
    tolerance: float
    approval: str
    approval_timeout: int
    uncompared_champion: str


@dataclass(frozen=True)
class Polling:
    """Polling intervals of the orchestrator, in seconds: the first one, and the cap up to which they grow.

    run_…: for a pipeline run, which is polled in case its event is lost. operation_…: for an Azure ML
    operation or job.
    """

    run_first: float
    run_cap: float
    operation_first: float
    operation_cap: float


@dataclass(frozen=True)
class Dataset:
    """A dataset that can be trained on. upload: the version that was read, which is the one to train on.

    size: in bytes. columns: their number, including the label. label: as the run names it; the trainer finds
    the column, and notes it if its name differs by case. settings: with the column's own name as the label.
    """

    upload: Upload
    size: int
    columns: int
    label: str
    settings: RunSettings
    polling: Polling


@dataclass(frozen=True)
class Inspection:
    """The result of inspect_dataset: a dataset to train on, or the id of the run that does that.

    dataset: None if another run has claimed the version that lies in storage now. superseded_by: the id of
    that run; "" if this one goes on.
    """

    dataset: Dataset | None = None
    superseded_by: str = ""


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
class Floor:
    """The limit that the settings give. setting: min_accuracy or max_rmse."""

    setting: str
    limit: float
    passed: bool


@dataclass(frozen=True)
class OutOfFold:
    """How well `rows` rows were predicted, each by a model that was not trained on it.

    value, baseline: the metric, "log_loss" or "rmse", of these models and of the baseline. interval: 95 %
    interval of how much larger the first is, for RMSE as a share of the second.
    """

    metric: str
    rows: int
    value: float
    baseline: float
    interval: list[float]


@dataclass(frozen=True)
class Baseline:
    """The best prediction without a model, on `rows` hold-out rows.

    name: "majority class", "base rate" or "mean". value: in the gate's metric. interval: 95 % interval of how
    much worse than that the model is. Rows that are too few to tell have an error instead of an interval, and
    the model does not pass. out_of_fold: None unless the algorithm `auto` predicted training rows.
    """

    name: str
    value: float
    rows: int
    interval: list[float] | None
    passed: bool
    error: str = ""
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True)
class ChampionComparison:
    """The champion's and the challenger's metric on the same `rows` of the hold-out.

    interval: 95 % bootstrap interval of how much worse the challenger is. A champion that could not score
    these rows has an error instead of a value, and the gate passes.
    """

    model: str
    rows: int
    value: float | None
    challenger: float | None
    tolerance: float
    interval: list[float] | None
    passed: bool
    error: str = ""


Verdict = Literal["deploy", "keep_champion"]


@dataclass(frozen=True)
class Gate:
    """Whether a model may be deployed. value: its metric on the whole hold-out.

    reasons: sentences that say why it may not. floor: None if the settings give no limit. champion: None if
    there was none to compare with.
    """

    verdict: Verdict
    reasons: list[str]
    metric: str
    value: float
    floor: Floor | None
    baseline: Baseline
    champion: ChampionComparison | None


@dataclass(frozen=True)
class Dropped:
    """A column that the model does not use, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class ChoiceCandidate:
    """A model that the algorithm `auto` compared with others.

    settings: what was chosen within it, in words. score: in the choice's metric, lower is better; None if
    there were too few rows to compare anything. seconds: how long that took. rows: how many it was trained
    on. weight: its share in the model, in [0, 1]; 0 if it is no part of it, 1 if it is the model.
    """

    name: str
    settings: str
    score: float | None
    seconds: float
    rows: int
    weight: float


@dataclass(frozen=True)
class Choice:
    """How the algorithm `auto` chose a model, on training rows: no score of it says how good the model is.

    metric: what the scores are, such as "log loss". rows, folds: how many training rows were predicted for
    it, in so many parts. selected: the name of the candidate that is the model.
    """

    metric: str
    rows: int
    folds: int
    selected: str
    candidates: list[ChoiceCandidate]


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
class PromotionInput(RunStep):
    """decided_since: when the wait for the decision began that the run needed; "" if it needed none."""

    decided_since: str = ""
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
class Cancel:
    """A person's request to cancel a run. by, by_id: name and id of a Caller."""

    by: str
    by_id: str
    at: str


@dataclass(frozen=True)
class Cancellation:
    """cancel: None if nobody has cancelled the run."""

    cancel: Cancel | None = None


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
