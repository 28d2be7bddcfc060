"""The steps that read and write the container: the dataset before, the model after, the record at the end."""

import csv
import io
import json
from collections import Counter
from typing import Any

import yaml
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities.registration import activity
from runs import naming, settings, verdict
from runs.contracts import (
    Dataset,
    Done,
    Json,
    RunRecord,
    RunRequest,
    RunSettings,
    TrainedModel,
    TrainingResult,
    Upload,
)
from runs.errors import RefusedError
from services import clients, run_store
from trainer import dialect

HEAD = dialect.HEAD_BYTES
"""Bytes of a dataset that are looked at before anything is paid for; compressed where the dataset is."""
SHOWN = 100
"""Characters of a cell or a name that a message repeats."""
SAMPLE = "smoke/sample.csv"
"""Where a run keeps them, below its own folder."""
SAMPLE_ROWS = 20
"""Rows that the smoke test scores."""


@activity
def inspect_dataset(request: RunRequest) -> Dataset:
    """Read a dataset's properties, metadata and first bytes, and settle the run's settings.

    Its first rows, raw but for the label, are kept for the smoke test: the dataset may be replaced before.
    They are kept as commas and UTF-8 whatever the dataset's dialect, since that is what a deployment reads.

    Raises RefusedError: RunEnded (an engine runs a finished id again), DatasetReplaced, DatasetMissing,
    InvalidDataset, LabelMissing, InvalidSetting.
    """
    claim = run_store.read(request.run_id)
    if claim is not None and claim.record.status != "Running":
        raise run_ended(claim.record)
    upload = request.upload
    blob = clients.container().get_blob_client(upload.path)
    try:
        properties = blob.get_blob_properties()
        if str(properties.etag).strip('"') != upload.etag:
            raise replaced(upload)
        size = properties.size or 0
        head = read_head(upload, HEAD) if size else b""
    except ResourceNotFoundError:
        raise RefusedError(
            "DatasetMissing", f"dataset {upload.dataset}: it was deleted; upload it again."
        ) from None
    except ResourceModifiedError:
        raise replaced(upload) from None
    found = look(upload.dataset, head, whole=size <= HEAD)
    app = settings.app()
    resolved = settings.resolve(
        request.settings,
        properties.metadata or {},
        app,
        dataset=upload.dataset,
        columns=found.columns,
        task_of=lambda label: dialect.task_of(found.cells(label), found.dialect.decimal),
    )
    check_label(upload.dataset, found, resolved)
    label = found.columns.index(resolved.label)
    sample = io.StringIO(newline="")
    csv.writer(sample).writerows(
        row[:label] + row[label + 1 :] for row in [found.columns, *found.rows[:SAMPLE_ROWS]]
    )
    clients.container().upload_blob(sample_path(request.run_id), sample.getvalue().encode(), overwrite=True)
    return Dataset(size, len(found.columns), resolved.label, resolved, app.polling)


def run_ended(record: RunRecord) -> RefusedError:
    return RefusedError("RunEnded", f"run {record.run_id} has ended before: {record.status}.")


def sample_path(run_id: str) -> str:
    """Where a run's smoke test finds its input."""
    return f"{naming.RUNS}{run_id}/{SAMPLE}"


def replaced(upload: Upload) -> RefusedError:
    return RefusedError(
        "DatasetReplaced",
        f"dataset {upload.dataset}: it was replaced after this run was claimed (etag {upload.etag});"
        " the newer upload has a run of its own.",
    )


def read_head(upload: Upload, length: int) -> bytes:
    """The first bytes of a dataset, of the very content that the run is about.

    Raises ResourceModifiedError when it has been replaced.
    """
    blob = clients.container().get_blob_client(upload.path)
    return blob.download_blob(
        offset=0, length=length, etag=f'"{upload.etag}"', match_condition=MatchConditions.IfNotModified
    ).readall()


def look(dataset: str, head: bytes, *, whole: bool) -> dialect.Look:
    """The beginning of a CSV whose first bytes are `head`; `whole`: they are all.

    Raises RefusedError InvalidDataset when the trainer could not read it either.
    """
    try:
        return dialect.look(head, whole=whole)
    except dialect.UnreadableError as why:
        raise invalid(dataset, str(why)) from None


def invalid(dataset: str, why: str) -> RefusedError:
    return RefusedError("InvalidDataset", f"dataset {dataset}: {why}")


def check_label(dataset: str, found: dialect.Look, wanted: RunSettings) -> None:
    """What the beginning of a dataset already shows to be no label that can be learnt.

    Only what is wrong whatever follows, unless the beginning is the whole.

    Raises RefusedError InvalidDataset naming column, row and remedy.
    """
    column = f"column {quoted(wanted.label)}"
    decimal = found.dialect.decimal
    labels = [
        (line, cell.strip())
        for line, cell in zip(found.lines, found.cells(wanted.label), strict=True)
        if not dialect.is_missing(cell)
    ]
    if wanted.task == "regression":
        for line, cell in labels:
            if dialect.number_of(cell, decimal) is None:
                raise invalid(
                    dataset,
                    f"{column}, row {line}: {quoted(cell)} is not a number; correct it, name another label,"
                    ' or set task to "classification".',
                )
    if not found.whole:
        return
    rows = len(found.rows)
    if len(labels) * 2 < rows:
        first = next(
            line
            for line, cell in zip(found.lines, found.cells(wanted.label), strict=True)
            if dialect.is_missing(cell)
        )
        raise invalid(
            dataset,
            f"{column}, row {first}: the label is missing, as in {rows - len(labels)} of {rows} rows; fill in"
            " more than half of them, or name another label.",
        )
    if len({cell for _, cell in labels}) == 1:
        raise invalid(
            dataset,
            f"{column}, rows {labels[0][0]} to {labels[-1][0]}: the only label is {quoted(labels[0][1])};"
            " add rows with another one, or name another label.",
        )
    if wanted.task == "classification" and wanted.rare_classes == "refuse":
        # Kindly: the trainer may take more spellings for one class, and never fewer.
        classes = [
            cell.lower() if (number := dialect.number_of(cell, decimal)) is None else number
            for _, cell in labels
        ]
        counts = Counter(classes)
        for (line, cell), each in zip(labels, classes, strict=True):
            if counts[each] == 1:
                raise invalid(
                    dataset,
                    f"{column}, row {line}: class {quoted(cell)} has this one row, and training and hold-out"
                    ' need one each; add rows of it, remove this one, or set rare_classes to "merge".',
                )


def quoted(text: str) -> str:
    """What came from a dataset, as it can stand in a sentence: short and printable."""
    short = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return '"' + "".join(each if each.isprintable() else repr(each)[1:-1] for each in short) + '"'


@activity
def read_training_result(trained: TrainedModel) -> TrainingResult:
    """Read what a training left: is it a model, is it this run's, has it earned a deployment.

    Raises RefusedError: InvalidModel, WrongModel.
    """
    if naming.run_of_model(trained.path) != trained.run_id:
        raise RefusedError("WrongModel", f"{trained.path} is not a model of run {trained.run_id}.")
    folder = trained.path.removesuffix("/MLmodel")
    mlmodel = read_yaml(trained.path)
    flavors = mlmodel.get("flavors")
    if not isinstance(flavors, dict) or "python_function" not in flavors:
        raise RefusedError(
            "InvalidModel",
            f"{trained.path}: it has no python_function flavor, which batch endpoints score with.",
        )
    path = f"{folder.removesuffix('/model')}/metrics.json"
    document = read_metrics(path)
    made_by = (document.get("run_id"), part(document, "dataset").get("etag"))
    if made_by != (trained.run_id, trained.upload.etag):
        raise RefusedError(
            "WrongModel",
            f"{trained.path}: it was trained by run {made_by[0]} on etag {made_by[1]}, not by run"
            f" {trained.run_id} on {trained.upload.etag}.",
        )
    metrics = verdict.read_metrics(document)
    try:
        gate = verdict.derive_gate(document, metrics, trained.settings, trained.champion)
    except verdict.UnsoundVerdictError as why:
        raise RefusedError(
            "InvalidModel", f"{path}: {why}; publish the trainer and the pipeline that belong to the app."
        ) from None
    missing_label = part(document, "dropped_rows").get("missing_label", 0)
    return TrainingResult(
        folder=folder,
        mlflow_run_id=str(document.get("mlflow_run_id", "")),
        label=str(document.get("label", "")),
        metrics=dict(list(metrics.items())[: verdict.MAX_ENTRIES]),
        features=len(document.get("features") or []),
        classes=len(document.get("classes") or []),
        task=str(document["task"]),
        algorithm=str(document.get("algorithm", ""))[: verdict.MAX_NAME],
        verdict=gate.verdict,
        gate=gate,
        notes=verdict.read_notes(document),
        dropped_columns=verdict.read_dropped_columns(document),
        dropped_rows=missing_label if isinstance(missing_label, int) else 0,
        report=find_report(trained.run_id),
    )


def find_report(run_id: str) -> str:
    """The path of the report that a run's training left, or "" when it left none."""
    path = f"{naming.RUNS}{run_id}/report.html"
    try:
        clients.container().get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        return ""
    return path


def part(document: Json, name: str) -> Json:
    """The object called `name` in a document, or an empty one: the trainer may be another version."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def read_yaml(path: str) -> Json:
    try:
        document = yaml.safe_load(clients.container().download_blob(path).readall())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RefusedError("InvalidModel", f"{path}: it is no YAML: {error}") from None
    except ResourceNotFoundError:
        raise RefusedError("InvalidModel", f"{path}: it is gone.") from None
    return document if isinstance(document, dict) else {}


def read_metrics(path: str) -> dict[str, Any]:
    try:
        document = json.loads(clients.container().download_blob(path).readall())
    except ResourceNotFoundError:
        raise RefusedError(
            "InvalidModel", f"{path} is missing: the training ended without its metrics."
        ) from None
    except ValueError as error:
        raise RefusedError("InvalidModel", f"{path}: it is no JSON: {error}") from None
    return document if isinstance(document, dict) else {}


def find_model(run_id: str) -> str:
    """The path of the MLmodel that a run's training left, or "" when there is none (yet)."""
    for blob in clients.container().list_blobs(name_starts_with=f"{naming.RUNS}{run_id}/"):
        if naming.run_of_model(blob.name) == run_id:
            return str(blob.name)
    return ""


@activity
def record_run(record: RunRecord) -> Done:
    """Write runs/<run id>/run.json: what the run did and how it ended. The last write of a run.

    Raises RefusedError RunEnded when the run has ended otherwise before: an engine runs a finished id
    again, and what that comes to in an outage is not what became of the run.
    """
    claim = run_store.read(record.run_id)
    if claim is not None and claim.record.status not in ("Running", record.status):
        raise run_ended(claim.record)
    run_store.write(record)
    return Done()
