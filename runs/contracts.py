"""Contracts: frozen dataclasses, and their JSON. Here are those that say what a run is about.

runs.findings, runs.record and runs.steps have the others. All are stored in the orchestration's history, so
they are small: ids, names and numbers, never data. Times are ISO 8601 strings in UTC; durations are in
seconds.
"""

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, cast

Json = dict[str, Any]


def to_json(value: Any) -> Json:
    """The JSON of a contract."""
    return dataclasses.asdict(value)


def from_json[T](cls: type[T], given: Json) -> T:
    """The contract `cls` from its JSON. Unknown fields are ignored.

    Raises TypeError if a field without a default is missing.
    """
    return cls(**{name: _build(hint, given[name]) for name, hint in _fields(cast(Any, cls)) if name in given})


@functools.cache
def _fields(cls: type) -> list[tuple[str, Any]]:
    """Name and type of each field. An orchestration builds its contracts anew with each of its steps."""
    hints = typing.get_type_hints(cls)
    return [(each.name, hints[each.name]) for each in dataclasses.fields(cast(Any, cls))]


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
