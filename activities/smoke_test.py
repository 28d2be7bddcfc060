"""smoke_test, cancel_scoring: score a few rows with the new deployment before anyone depends on it."""

import io
import threading

from azure.core.exceptions import ResourceNotFoundError

from activities.dataset import SAMPLE, sample_path
from activities.registration import activity
from activities.scoring_errors import cluster_error, why_failed
from activities.training_result import metrics_path, read_metrics, read_yaml
from activities.workspace import datastore_uri
from runs import naming, predictions
from runs.contracts import RunSettings
from runs.errors import RefusedError
from runs.steps import CleanUp, ProvisioningStatus, SmokeTestInput, SmokeTestStatus
from services import run_files
from services.blobs import read_text
from services.clients import Clients
from trainer.dialect import csv_rows

PREDICTION_LENGTH = 200
"""Characters of a prediction that a run keeps: a label may be as long as a cell."""
PREDICTIONS_KEPT = 5
JOB_NOTE = "scoring-job.txt"
ENDED = frozenset({"Completed", "Failed", "Canceled", "NotResponding"})
"""The statuses of a scoring job that has stopped."""

_invoking = threading.Lock()


@activity
def smoke_test(wanted: SmokeTestInput, clients: Clients) -> SmokeTestStatus:
    """Score the first rows of the dataset with the new deployment; done once the predictions are right.

    The name of the scoring job is kept in storage, so that an attempt after a crash finds the job of the
    attempt before.

    Raises RefusedError: SmokeTestFailed if the job failed, or did not predict exactly one value for each row:
    a class that the model knows, or a finite number; BlobTooLarge or BlobNotText if somebody else has written
    what is read; SettingsLost, WrongRun.
    """
    settings = run_files.dataset_for(wanted, clients).settings
    deployment = naming.deployment_name(wanted.run_id)
    note = naming.app_file(wanted.run_id, JOB_NOTE)
    job = wanted.operation_url or read_text(note, clients)
    if not job:
        output = predictions_path(wanted.run_id)
        job = invoke(settings.endpoint_name, deployment, sample_path(wanted.run_id), output, clients)
        clients.container.upload_blob(note, job, overwrite=True)
        return SmokeTestStatus(False, job)
    status = job_status(job, clients)
    if status not in ENDED:
        waiting = waiting_for(job, status, cluster_error(settings.compute_name, clients))
        return SmokeTestStatus(False, job, waiting_for=waiting)
    if status != "Completed":
        raise failed(deployment, job, f" is {status}: {why_failed(job, clients)}")
    sample = read_text(sample_path(wanted.run_id), clients)
    rows = len(list(csv_rows(io.StringIO(sample, newline="")))) - 1
    found = read_predictions(wanted, settings, job, clients)
    if len(found) != rows:
        raise failed(deployment, job, f" gave {len(found)} predictions for {rows} rows.")
    kept = [each[:PREDICTION_LENGTH] for each in found[:PREDICTIONS_KEPT]]
    return SmokeTestStatus(True, job, rows, kept)


def predictions_path(run_id: str) -> str:
    return f"{naming.RUNS}{run_id}/smoke/predictions.csv"


def waiting_for(job: str, status: str, of_cluster: str) -> str:
    """What a run waits for while its scoring job has not ended. of_cluster: an error of its cluster, or "".

    A job reads Running from its beginning, so its status does not tell the phases apart. Source of the times:
    "Troubleshoot batch endpoints" and reports of users.
    """
    if of_cluster:
        return f"scoring job {job} is {status}, and its cluster reports: {of_cluster}"
    return (
        f"scoring job {job} is {status}. The first job of an environment builds its image (10 to 20 minutes),"
        " and an idle cluster starts a node (5 to 15 minutes)."
    )


def read_predictions(wanted: SmokeTestInput, settings: RunSettings, job: str, clients: Clients) -> list[str]:
    """The predictions of a completed job, checked against what the model of the run returns.

    Raises RefusedError: SmokeTestFailed; InvalidModel, if the model is no longer there.
    """
    deployment = naming.deployment_name(wanted.run_id)
    text = read_text(predictions_path(wanted.run_id), clients)
    if not text:
        raise failed(deployment, job, " left no predictions.")
    described = read_yaml(f"{wanted.model}/MLmodel", clients)
    metrics = read_metrics(metrics_path(wanted.model), clients)
    try:
        returned = predictions.returned(described, metrics, settings.task)
        return predictions.read(text, SAMPLE.rpartition("/")[2], returned)
    except predictions.UnsoundPredictionsError as why:
        raise failed(deployment, job, f": its predictions.csv cannot be used: {why}.") from None


def failed(deployment: str, job: str, what: str) -> RefusedError:
    return RefusedError("SmokeTestFailed", f"deployment {deployment}: scoring job {job}{what}")


def invoke(endpoint: str, deployment: str, source: str, output: str, clients: Clients) -> str:
    """Start a scoring job on one deployment, and return its name. source, output: paths in the container.

    Only one call runs at a time: azure-ai-ml 1.35 keeps the deployment's header of `invoke` in a dict of its
    module, so that two calls at once could use each other's deployment.
    """
    from azure.ai.ml import Input, Output
    from azure.ai.ml.constants import AssetTypes

    with _invoking:
        job = clients.machine_learning.batch_endpoints.invoke(
            endpoint_name=endpoint,
            deployment_name=deployment,
            input=Input(type=AssetTypes.URI_FILE, path=datastore_uri(source, clients)),
            outputs={"score": Output(type=AssetTypes.URI_FILE, path=datastore_uri(output, clients))},
        )
    return str(job.name)


def job_status(job: str, clients: Clients) -> str:
    status = clients.machine_learning.jobs.get(job).status
    return str(getattr(status, "value", status))


@activity
def cancel_scoring(left: CleanUp, clients: Clients) -> ProvisioningStatus:
    """Clean-up: cancel the smoke test's scoring job if it is running; done once it has ended."""
    job = left.job or read_text(naming.app_file(left.run_id, JOB_NOTE), clients)
    if not job:
        return ProvisioningStatus(True)
    try:
        status = job_status(job, clients)
    except ResourceNotFoundError:
        return ProvisioningStatus(True)
    if status in ("Completed", "Failed", "Canceled"):
        return ProvisioningStatus(True)
    if status not in ("CancelRequested", "Finalizing"):
        clients.machine_learning.jobs.begin_cancel(job)
    return ProvisioningStatus(False, job)
