"""The steps that read and write the container: the dataset before, the model after, the record at the end."""

import codecs
import csv
import io
import json
import math
from collections import Counter
from typing import Any

import yaml
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities import clients, records
from activities.registry import activity
from runs import naming, settings
from runs.contracts import Dataset, Done, Json, RunRecord, RunRequest, TrainedModel, TrainingResult, Upload
from runs.errors import Refused

HEAD = 1 << 20
"""Bytes of a dataset that are looked at before anything is paid for."""
LONGEST_NAME = 256
"""Characters of a column's name: the label's is in the run's history, its record and its events."""
SAMPLE = "smoke/sample.csv"
"""Where a run keeps them, below its own folder."""
SAMPLE_ROWS = 20
"""Rows that the smoke test scores."""


@activity
def inspect_dataset(request: RunRequest) -> Dataset:
    """Read a dataset's properties, metadata and first bytes, and settle the run's settings.

    Its first rows, without the label, are kept for the smoke test: the dataset may be replaced before.

    Raises Refused: RunEnded (an engine runs a finished id again), DatasetReplaced, DatasetMissing,
    InvalidDataset, LabelMissing, InvalidSetting.
    """
    claim = records.read(request.run_id)
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
        raise Refused(
            "DatasetMissing", f"dataset {upload.dataset}: it was deleted; upload it again."
        ) from None
    except ResourceModifiedError:
        raise replaced(upload) from None
    rows = rows_of(upload.dataset, head, whole=size <= HEAD)
    columns = rows[0]
    app = settings.app()
    resolved = settings.resolve(
        request.settings, properties.metadata or {}, app, dataset=upload.dataset, columns=columns
    )
    label = columns.index(resolved.label)
    sample = io.StringIO(newline="")
    csv.writer(sample).writerows(row[:label] + row[label + 1 :] for row in rows[: SAMPLE_ROWS + 1])
    clients.container().upload_blob(sample_path(request.run_id), sample.getvalue().encode(), overwrite=True)
    return Dataset(size, len(columns), resolved.label, resolved, app.pacing)


def run_ended(record: RunRecord) -> Refused:
    return Refused("RunEnded", f"run {record.run_id} has ended before: {record.status}.")


def sample_path(run_id: str) -> str:
    """Where a run's smoke test finds its input."""
    return f"{naming.RUNS}{run_id}/{SAMPLE}"


def replaced(upload: Upload) -> Refused:
    return Refused(
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


def rows_of(dataset: str, head: bytes, *, whole: bool) -> list[list[str]]:
    """The header and the complete data rows of a CSV whose first bytes are `head`; `whole`: they are all.

    Raises Refused InvalidDataset when it is empty, binary, no CSV, without a data row, or the header is none.
    """

    def invalid(why: str) -> Refused:
        return Refused("InvalidDataset", f"dataset {dataset}: {why}")

    if not head.removeprefix(codecs.BOM_UTF8).strip():
        raise invalid("the file is empty; upload a CSV with a header row and data rows.")
    try:
        rows = text_rows(head, whole=whole)
    except UnicodeDecodeError:
        raise invalid("the file is not text in UTF-8; export it as CSV (UTF-8).") from None
    except csv.Error as error:
        raise invalid(f"the file is not valid CSV ({error}); check its quotes.") from None
    if not rows:
        raise invalid(f"the first line is longer than {HEAD >> 20} MiB; it is no header row.")
    header = rows[0]
    if len(rows) < 2:
        raise invalid("there is a header but no data row.")
    if len(header) < 2:
        raise invalid(
            f"the header has only the column {header[0][:LONGEST_NAME]!r}; a label and at least one feature"
            " are needed, separated by commas."
        )
    for number, name in enumerate(header, 1):
        if not name.strip():
            raise invalid(f"column {number} has no name in the header.")
        if len(name) > LONGEST_NAME:
            raise invalid(
                f"column {number} has a name of {len(name)} characters; at most {LONGEST_NAME} are possible."
            )
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise invalid(f"the header names {', '.join(twice[:3])} more than once.")
    return rows


def text_rows(head: bytes, *, whole: bool) -> list[list[str]]:
    """The complete rows in the first bytes of a CSV, blank lines left out.

    As strict as the trainer, which would refuse the same. Raises UnicodeDecodeError, also for a NUL, which
    is UTF-8 but no text; csv.Error.
    """
    cut = head if whole else head[: head.rfind(b"\n") + 1]
    if b"\0" in cut:
        raise UnicodeDecodeError("utf-8", cut, cut.index(b"\0"), cut.index(b"\0") + 1, "it is no text")
    text = io.StringIO(cut.decode("utf-8-sig"), newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text, strict=True):
            if row:
                rows.append(row)  # noqa: PERF401 - the rows before an error are kept
    except csv.Error:
        # A quoted cell may hold line ends, so that the cut may go through its row.
        if whole or text.read(1):
            raise
    return rows


@activity
def read_training_result(trained: TrainedModel) -> TrainingResult:
    """Read what a training left: is it a model, is it this run's, how good is it.

    Raises Refused: InvalidModel, WrongModel.
    """
    if naming.run_of_model(trained.path) != trained.run_id:
        raise Refused("WrongModel", f"{trained.path} is not a model of run {trained.run_id}.")
    folder = trained.path.removesuffix("/MLmodel")
    mlmodel = read_yaml(trained.path)
    flavors = mlmodel.get("flavors")
    if not isinstance(flavors, dict) or "python_function" not in flavors:
        raise Refused(
            "InvalidModel",
            f"{trained.path}: it has no python_function flavor, which batch endpoints score with.",
        )
    metrics = read_metrics(f"{folder.removesuffix('/model')}/metrics.json")
    made_by = (metrics.get("run_id"), part(metrics, "dataset").get("etag"))
    if made_by != (trained.run_id, trained.upload.etag):
        raise Refused(
            "WrongModel",
            f"{trained.path}: it was trained by run {made_by[0]} on etag {made_by[1]}, not by run"
            f" {trained.run_id} on {trained.upload.etag}.",
        )
    numbers = {
        name: float(value)
        for name, value in part(metrics, "metrics").items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    if "accuracy" not in numbers:
        raise Refused("InvalidModel", f"{folder}: metrics.json holds no accuracy.")
    return TrainingResult(
        folder=folder,
        mlflow_run_id=str(metrics.get("mlflow_run_id", "")),
        label=str(metrics.get("label", "")),
        metrics=numbers,
        features=len(metrics.get("features") or []),
        classes=len(metrics.get("classes") or []),
    )


def part(document: Json, name: str) -> Json:
    """The object called `name` in a document, or an empty one: the trainer may be another version."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def read_yaml(path: str) -> Json:
    try:
        document = yaml.safe_load(clients.container().download_blob(path).readall())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused("InvalidModel", f"{path}: it is no YAML: {error}") from None
    except ResourceNotFoundError:
        raise Refused("InvalidModel", f"{path}: it is gone.") from None
    return document if isinstance(document, dict) else {}


def read_metrics(path: str) -> dict[str, Any]:
    try:
        document = json.loads(clients.container().download_blob(path).readall())
    except ResourceNotFoundError:
        raise Refused("InvalidModel", f"{path} is missing: the training ended without its metrics.") from None
    except ValueError as error:
        raise Refused("InvalidModel", f"{path}: it is no JSON: {error}") from None
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

    Raises Refused RunEnded when the run has ended otherwise before: an engine runs a finished id again, and
    what that comes to in an outage is not what became of the run.
    """
    claim = records.read(record.run_id)
    if claim is not None and claim.record.status not in ("Running", record.status):
        raise run_ended(claim.record)
    records.write(record)
    return Done()
