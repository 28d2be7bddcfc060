"""smoke_test, cancel_scoring: score a few rows with the new deployment before anyone depends on it."""

import io
import logging
import threading

from azure.core.exceptions import AzureError, ResourceNotFoundError

from activities.dataset import SAMPLE, sample_path
from activities.registration import activity
from activities.workspace import datastore_uri
from runs.contracts import CleanUp, Json, ProvisioningStatus, SmokeTestInput, SmokeTestStatus
from runs.errors import RefusedError
from runs.text import quote
from services.addresses import may_receive_management_token
from services.clients import Clients
from trainer.dialect import csv_rows

log = logging.getLogger("touchdown.activities")

ARTIFACT_STORE = "azureml"
"""The container behind a workspace's datastore workspaceartifactstore, to which its runs write their logs."""
ERROR_LOG_LENGTH = 1500
"""Characters, from the end of a failed scoring job's error.txt, that its run keeps."""
PREDICTION_LENGTH = 200
"""Characters of a prediction that a run keeps: a label may be as long as a cell."""
PREDICTIONS_KEPT = 5
ENDED = frozenset({"Completed", "Failed", "Canceled", "NotResponding"})
"""The statuses of a scoring job that has stopped."""

_invoking = threading.Lock()


@activity
def smoke_test(wanted: SmokeTestInput, clients: Clients) -> SmokeTestStatus:
    """Score the first rows of the dataset with the new deployment; done once the predictions are right.

    The name of the scoring job is kept beside its input, so that an attempt after a crash finds the job of
    the attempt before.

    Raises RefusedError SmokeTestFailed if the job failed or did not predict exactly one value for each row.
    """
    folder = f"runs/{wanted.run_id}/smoke"
    job = wanted.operation_url or read_text(f"{folder}/job.txt", clients)
    if not job:
        output = f"{folder}/predictions.csv"
        job = invoke(wanted.endpoint, wanted.deployment, sample_path(wanted.run_id), output, clients)
        clients.container.upload_blob(f"{folder}/job.txt", job, overwrite=True)
        return SmokeTestStatus(False, job)
    status = job_status(job, clients)
    if status not in ENDED:
        return SmokeTestStatus(False, job)
    if status != "Completed":
        raise failed(wanted.deployment, job, f" is {status}: {job_error(job, clients)}")
    sample = read_text(sample_path(wanted.run_id), clients)
    rows = len(list(csv_rows(io.StringIO(sample, newline="")))) - 1
    text = read_text(f"{folder}/predictions.csv", clients)
    predictions = parse_predictions(text, wanted.deployment, job)
    if len(predictions) != rows:
        raise failed(wanted.deployment, job, f" gave {len(predictions)} predictions for {rows} rows.")
    kept = [each[:PREDICTION_LENGTH] for each in predictions[:PREDICTIONS_KEPT]]
    return SmokeTestStatus(True, job, rows, kept)


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


def job_error(job: str, clients: Clients) -> str:
    """Why a scoring job failed: the message in the run history, and the end of the log.

    Resource Manager does not say why a job failed. The run history does, at the address that the workspace
    names for discovery (azure-ai-ml 1.35 `_run_operations.py`). The traceback is in the artifact store, under
    ExperimentRun/dcid.<run> ("Troubleshoot batch endpoints", "Get logs").
    """
    messages = []
    try:
        for child in clients.machine_learning.jobs.list(parent_job_name=job):
            name = str(child.name)
            messages += [history_error(name, clients), logged_error(name, clients)]
    except (AzureError, ValueError) as error:
        log.warning("the error of failed job %s could not be read: %s", job, error)
    return " ".join(message for message in messages if message) or "its logs in Azure ML studio say why"


def history_error(run: str, clients: Clients) -> str:
    """The error of a run in the run history, or ""."""
    settings = clients.settings
    discovery = str(clients.machine_learning.workspaces.get(settings.workspace).discovery_url)
    api = str(get_json(discovery, clients).get("api", ""))
    details = get_json(f"{api}/history/v1.0{settings.workspace_id}/runs/{run}/details", clients)
    error = (details.get("error") or {}).get("error") or {}
    return str(error.get("message") or "")


def get_json(url: str, clients: Clients) -> Json:
    """The JSON object at an address that a response has named; {} if the address is not Azure's."""
    from azure.core.rest import HttpRequest

    if not may_receive_management_token(url, clients.settings):
        log.warning("%s is not asked: it may not receive a token of this app", quote(url))
        return {}
    response = clients.resource_manager.send_request(HttpRequest("GET", url))
    response.raise_for_status()
    document = response.json()
    return document if isinstance(document, dict) else {}


def logged_error(run: str, clients: Clients) -> str:
    """The end of the error.txt that a run logged, or ""."""
    path = f"ExperimentRun/dcid.{run}/logs/user/error.txt"
    blob = clients.storage.get_blob_client(ARTIFACT_STORE, path)
    try:
        text: str = blob.download_blob(encoding="utf-8").readall()
    except ResourceNotFoundError:
        return ""
    return text.strip()[-ERROR_LOG_LENGTH:]


def parse_predictions(text: str, deployment: str, job: str) -> list[str]:
    """The predictions in a predictions.csv, which has no header, in the order of the scored rows.

    The documented columns are row, prediction and file name ("Deploy MLflow models in batch deployments"). If
    the model returns a table, its other columns follow the prediction. If it returns an array, the columns
    are file name and prediction. The cell that holds the file name is recognised by its value.

    Raises RefusedError SmokeTestFailed if there are no predictions, or the columns are others.
    """
    if not text:
        raise failed(deployment, job, " left no predictions.")
    name = SAMPLE.rpartition("/")[2]
    rows = [[cell for cell in row if cell != name] for row in csv_rows(io.StringIO(text)) if row]
    numbered = all(len(row) > 1 and row[0].isdigit() for row in rows)
    place = 1 if numbered else 0
    if any(not row or not row[place].strip() for row in rows) or len({len(row) for row in rows}) != 1:
        raise failed(deployment, job, ": its predictions are not rows of row, prediction, file.")
    ordered = sorted(rows, key=lambda row: int(row[0])) if numbered else rows
    return [row[place] for row in ordered]


def read_text(path: str, clients: Clients) -> str:
    """The text of a blob in the container, or "" if there is no such blob."""
    try:
        return clients.container.download_blob(path, encoding="utf-8").readall()
    except ResourceNotFoundError:
        return ""


@activity
def cancel_scoring(left: CleanUp, clients: Clients) -> ProvisioningStatus:
    """Clean-up: cancel the smoke test's scoring job if it is running; done once it has ended."""
    job = left.job or read_text(f"runs/{left.run_id}/smoke/job.txt", clients)
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
