"""start_training, get_training_status, cancel_training: the pipeline run whose Batch task trains a model."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from activities.registration import activity
from runs import naming
from runs.contracts import CleanUp, ProvisioningStatus, Training, TrainingInput, TrainingStatus
from runs.errors import RefusedError, TransientError
from services.clients import Clients

if TYPE_CHECKING:
    from azure.mgmt.datafactory.models import ActivityRun, RunFilterParameters
    from azure.storage.blob import BlobClient

log = logging.getLogger("touchdown.activities")

LISTING_LAG = timedelta(seconds=45)
"""How long a pipeline run may take to be listed. Its retries must last longer: see the orchestrator."""
ENDED = frozenset({"Succeeded", "Failed", "Cancelled"})
STDERR_TAIL = 2000
"""Bytes of a failed task's stderr that its run keeps."""


@activity
def start_training(wanted: TrainingInput, clients: Clients) -> Training:
    """Start the pipeline for a run, unless an earlier attempt has.

    createRun has no client token, so a lost answer would mean a second pipeline run. The run id is a
    pipeline parameter, and pipeline runs are searched for it first. The search lags behind, so an
    attempt leaves a note before it starts anything, and a later one that finds the note but no pipeline
    run waits (as a TransientError) until the note is LISTING_LAG old.

    Source: "Pipeline Runs - Query By Factory"; the service cannot filter by parameters.
    """
    found = find_pipeline_run(wanted.run_id, clients)
    if found:
        return Training(wanted.run_id, found)
    note = started_note(wanted.run_id, clients)
    try:
        note.upload_blob(b"", match_condition=MatchConditions.IfMissing)
    except ResourceExistsError:
        if may_be_unlisted(wanted.run_id, clients):
            raise TransientError(
                "an earlier attempt may have started a pipeline run that Data Factory does not list yet"
            ) from None
    parameters = {
        "runId": wanted.run_id,
        "dataset": wanted.upload.path,
        "etag": wanted.upload.etag,
        "label": wanted.label,
        "epochs": wanted.epochs,
        "lr": wanted.lr,
        "task": wanted.task,
        "algorithm": wanted.algorithm,
        "rareClasses": wanted.rare_classes,
        "minAccuracy": wanted.min_accuracy,
        "maxRmse": wanted.max_rmse,
        "tolerance": wanted.tolerance,
        "champion": wanted.champion.folder,
        "championModel": wanted.champion.model if wanted.champion.folder else "",
    }
    try:
        # The SDK would send this POST again after a 500: only the next attempt, which searches first, may.
        created = clients.data_factory.pipelines.create_run(
            clients.settings.resource_group,
            clients.settings.data_factory,
            clients.settings.pipeline,
            parameters=parameters,
            retry_total=0,
        )
    except HttpResponseError as error:
        if error.status_code is not None and error.status_code < 500:
            # RefusedError, by throttling mostly: nothing has been started that might not be listed yet.
            note.delete_blob()
        raise
    return Training(wanted.run_id, str(created.run_id))


def started_note(run_id: str, clients: Clients) -> "BlobClient":
    return clients.container.get_blob_client(f"{naming.RUNS}{run_id}/training.started")


def may_be_unlisted(run_id: str, clients: Clients) -> bool:
    """Whether a pipeline run of this run may have been started so lately that it is not listed."""
    try:
        noted = started_note(run_id, clients).get_blob_properties().last_modified
    except ResourceNotFoundError:
        return False
    return datetime.now(UTC) - noted < LISTING_LAG


def find_pipeline_run(run_id: str, clients: Clients) -> str:
    """The pipeline run whose parameters carry `run_id`, or ""; the oldest, were there several."""
    from azure.mgmt.datafactory.models import RunQueryFilter

    query = _recent()
    query.filters = [
        RunQueryFilter(operand="PipelineName", operator="Equals", values_property=[clients.settings.pipeline])
    ]
    found = []
    while True:
        page = clients.data_factory.pipeline_runs.query_by_factory(
            clients.settings.resource_group, clients.settings.data_factory, query
        )
        found += [each for each in page.value if (each.parameters or {}).get("runId") == run_id]
        if not page.continuation_token:
            break
        query.continuation_token = page.continuation_token
    never = datetime.max.replace(tzinfo=UTC)
    return str(min(found, key=lambda each: each.run_start or never).run_id) if found else ""


def _recent() -> "RunFilterParameters":
    """The runs of as long as a run can last."""
    from azure.mgmt.datafactory.models import RunFilterParameters

    now = datetime.now(UTC)
    return RunFilterParameters(
        last_updated_after=now - timedelta(days=8), last_updated_before=now + timedelta(hours=1)
    )


@activity
def get_training_status(training: Training, clients: Clients) -> TrainingStatus:
    """How a pipeline run stands: its status, and where it has ended, its model or the reason it has none.

    Raises RefusedError PipelineRunMissing when Data Factory no longer knows it.
    """
    try:
        run = clients.data_factory.pipeline_runs.get(
            clients.settings.resource_group, clients.settings.data_factory, training.pipeline_run_id
        )
    except ResourceNotFoundError:
        raise RefusedError(
            "PipelineRunMissing", f"pipeline run {training.pipeline_run_id}: Data Factory does not know it."
        ) from None
    status = str(run.status)
    if status == "Succeeded":
        return TrainingStatus(status, model_path=find_model(training.run_id, clients))
    if status == "Failed":
        failed = failed_activity(training.pipeline_run_id, clients)
        if failed is None:
            return TrainingStatus(status, str(run.message or ""))
        output = failed.output if isinstance(failed.output, dict) else {}
        exit_code = output.get("exitcode")
        error = failed.error if isinstance(failed.error, dict) else {}
        return TrainingStatus(
            status,
            str(error.get("message") or run.message or ""),
            exit_code if isinstance(exit_code, int) else None,
            stderr_tail([str(url) for url in output.get("outputs", [])], clients),
        )
    return TrainingStatus(status, str(run.message or ""))


def find_model(run_id: str, clients: Clients) -> str:
    """The path of the MLmodel that a run's training has left, or "" if there is none (yet)."""
    for blob in clients.container.list_blobs(name_starts_with=f"{naming.RUNS}{run_id}/"):
        if naming.run_of_model(blob.name) == run_id:
            return str(blob.name)
    return ""


def failed_activity(pipeline_run_id: str, clients: Clients) -> "ActivityRun | None":
    """The activity run that made a pipeline run fail, or None when none is named."""
    page = clients.data_factory.activity_runs.query_by_pipeline_run(
        clients.settings.resource_group, clients.settings.data_factory, pipeline_run_id, _recent()
    )
    return next((each for each in page.value if each.status in ("Failed", "TimedOut", "Cancelled")), None)


def stderr_tail(outputs: list[str], clients: Clients) -> str:
    """The end of the stderr.txt among a Custom activity's outputs, or "".

    Data Factory copies it to `adfjobs/<guid>/output/stderr.txt` in the account of the Batch linked
    service. Only our own account is read: the address comes from an answer, and our token would go there.
    """
    own = urlsplit(clients.settings.storage_url)
    for output in outputs:
        url = urlsplit(output)
        path = unquote(url.path).removeprefix(own.path)
        container, _, name = path.strip("/").partition("/")
        if url.netloc == own.netloc and container == "adfjobs" and name.endswith("/stderr.txt"):
            try:
                blob = clients.storage.get_blob_client(container, name)
                size = blob.get_blob_properties().size or 0
                if size == 0:
                    return ""
                start = max(0, size - STDERR_TAIL)
                tail = blob.download_blob(offset=start, length=size - start).readall()
            except AzureError as error:
                log.warning("stderr of a failed task could not be read from %s: %s", name, error)
                return ""
            return tail.decode("utf-8", errors="replace").strip()
    return ""


@activity
def cancel_training(left: CleanUp, clients: Clients) -> ProvisioningStatus:
    """Cancel a run's pipeline run, and with it the Batch task; ready once it has ended.

    Without a known pipeline run it is searched for: a run may be cancelled while createRun is under way.
    """
    pipeline_run_id = left.pipeline_run_id or find_pipeline_run(left.run_id, clients)
    if not pipeline_run_id:
        return ProvisioningStatus(done=not may_be_unlisted(left.run_id, clients))
    factory = clients.data_factory
    try:
        run = factory.pipeline_runs.get(
            clients.settings.resource_group, clients.settings.data_factory, pipeline_run_id
        )
    except ResourceNotFoundError:
        return ProvisioningStatus(done=True)
    if run.status in ENDED:
        return ProvisioningStatus(done=True)
    if run.status != "Canceling":
        factory.pipeline_runs.cancel(
            clients.settings.resource_group, clients.settings.data_factory, pipeline_run_id, is_recursive=True
        )
    return ProvisioningStatus(done=False, operation_url=pipeline_run_id)
