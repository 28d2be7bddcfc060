"""read_training_result: reads what a training has left, and judges whether the model may be deployed."""

import json
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from activities.registration import activity
from runs import choice, mlmodel, naming, verdict
from runs.contracts import Json, RunSettings
from runs.errors import RefusedError
from runs.findings import Gate
from runs.steps import TrainedModel, TrainingResult
from runs.text import quote
from services import blobs, run_files
from services.clients import Clients


@activity
def read_training_result(trained: TrainedModel, clients: Clients) -> TrainingResult:
    """Read the model and the metrics of a training, check that both are this run's, and judge the model.

    Raises RefusedError: InvalidModel, WrongModel, BlobTooLarge; SettingsLost, WrongRun.
    """
    settings = run_files.dataset_for(trained, clients).settings
    if naming.run_of_model(trained.path) != trained.run_id:
        raise RefusedError("WrongModel", f"{trained.path} is not a model of run {trained.run_id}.")
    folder = trained.path.removesuffix("/MLmodel")
    check_model(trained.path, clients)
    path = metrics_path(folder)
    document = read_metrics(path, clients)
    check_origin(trained, document)
    metrics = verdict.read_metrics(document)
    gate = judge(path, document, metrics, settings, trained)
    missing_label = part(document, "dropped_rows").get("missing_label", 0)
    return TrainingResult(
        folder=folder,
        mlflow_run_id=str(document.get("mlflow_run_id", ""))[: verdict.MAX_NAME],
        label=str(document.get("label", ""))[: verdict.MAX_NAME],
        metrics=dict(list(metrics.items())[: verdict.MAX_ENTRIES]),
        features=verdict.count_entries(document, "features"),
        classes=verdict.count_entries(document, "classes"),
        task=str(document["task"]),
        algorithm=str(document.get("algorithm", ""))[: verdict.MAX_NAME],
        verdict=gate.verdict,
        gate=gate,
        notes=verdict.read_notes(document),
        dropped_columns=verdict.read_dropped_columns(document),
        dropped_rows=missing_label if isinstance(missing_label, int) else 0,
        report=find_report(trained.run_id, clients),
        choice=choice.read_choice(document),
    )


def metrics_path(folder: str) -> str:
    """The path of the metrics.json of the training that left the MLflow model in `folder`."""
    return f"{folder.removesuffix('/model')}/metrics.json"


def check_model(path: str, clients: Clients) -> None:
    """Raise RefusedError InvalidModel unless a batch endpoint can score with the model."""
    flavors = read_yaml(path, clients).get("flavors")
    if not isinstance(flavors, dict) or "python_function" not in flavors:
        raise RefusedError(
            "InvalidModel", f"{path}: it has no python_function flavor, which batch endpoints score with."
        )


def check_origin(trained: TrainedModel, document: Json) -> None:
    """Raise RefusedError WrongModel unless this run trained the model on its own upload."""
    run_id, etag = document.get("run_id"), part(document, "dataset").get("etag")
    if (run_id, etag) != (trained.run_id, trained.etag):
        raise RefusedError(
            "WrongModel",
            f"{trained.path}: it was trained by run {quote(run_id)} on etag {quote(etag)}, not by run"
            f" {trained.run_id} on {trained.etag}.",
        )


def judge(
    path: str, document: Json, metrics: dict[str, float], settings: RunSettings, trained: TrainedModel
) -> Gate:
    """The verdict on a model, derived again from its metrics, the settings and the champion of its run."""
    try:
        return verdict.derive_gate(document, metrics, settings, trained.champion)
    except verdict.UnsoundVerdictError as why:
        raise RefusedError(
            "InvalidModel", f"{path}: {why}; publish the trainer and the pipeline that belong to the app."
        ) from None


def find_report(run_id: str, clients: Clients) -> str:
    """The path of the report that a run's training has left, or "" if it has left none."""
    path = f"{naming.RUNS}{run_id}/report.html"
    try:
        clients.container.get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        return ""
    return path


def part(document: Json, name: str) -> Json:
    """The object called `name` in a document, or an empty one if there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def read_yaml(path: str, clients: Clients) -> Json:
    """An MLmodel, with texts in place of numbers. Raises RefusedError: InvalidModel, BlobTooLarge."""
    found = blobs.read(path, clients)
    if found is None:
        raise RefusedError("InvalidModel", f"{path}: it was deleted.")
    try:
        return mlmodel.parse(found.data)
    except mlmodel.UnreadableModelError as why:
        raise RefusedError("InvalidModel", f"{path}: it cannot be read as YAML: {why}") from None


def read_metrics(path: str, clients: Clients) -> dict[str, Any]:
    """A metrics.json. Raises RefusedError: InvalidModel, BlobTooLarge."""
    found = blobs.read(path, clients)
    if found is None:
        raise RefusedError("InvalidModel", f"{path} is missing: the training ended without its metrics.")
    try:
        document = json.loads(found.data)
    except (ValueError, RecursionError) as error:
        raise RefusedError("InvalidModel", f"{path}: it is not JSON: {error}") from None
    return document if isinstance(document, dict) else {}
