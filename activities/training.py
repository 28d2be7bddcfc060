"""start_training, get_training_status, cancel_training: the pipeline run whose Batch task trains a model."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from activities.registration import activity
from runs import naming, remedies
from runs.contracts import Dataset
from runs.errors import RefusedError, TransientError
from runs.settings import App
from runs.steps import CleanUp, ProvisioningStatus, Training, TrainingInput, TrainingStatus
from services import run_files
from services.addresses import has_origin
from services.blobs import read_end
from services.clients import Clients
from services.errors import explain
from services.storage_clock import StorageClock

if TYPE_CHECKING:
    from azure.mgmt.datafactory.models import (
        ActivityRun,
        ActivityRunsQueryResponse,
        PipelineRun,
        PipelineRunsQueryResponse,
        RunFilterParameters,
    )
    from azure.storage.blob import BlobClient

log = logging.getLogger("touchdown.activities")

LISTING_LAG = timedelta(seconds=45)
"""How long a new pipeline run may be missing from a search. The orchestrator retries start_training for
longer than that."""
ENDED = frozenset({"Succeeded", "Failed", "Cancelled"})
STDERR_TAIL = 2000
"""Bytes, from the end of a failed task's stderr, that its run keeps."""


# --- Starting -----------------------------------------------------------------------------------------


@activity
def start_training(wanted: TrainingInput, clients: Clients) -> Training:
    """Start the pipeline for a run and a version of its dataset, unless an earlier attempt has started it.

    createRun accepts no client token, so an attempt that repeats it after a lost response would start a
    second pipeline run. Therefore the run id and the ETag are pipeline parameters, and each attempt first
    searches for a pipeline run that has both. The search lags behind, so before createRun an attempt also
    leaves a note in storage. A later attempt that finds the note, but no pipeline run, waits until the note
    is LISTING_LAG old.

    Raises TransientError while it has to wait, and RefusedError: SettingsLost, WrongRun. Source: "Pipeline
    Runs - Query By Factory", which cannot filter by parameters.
    """
    kept = run_files.dataset_for(wanted, clients)
    version = kept.upload.etag
    found = find_pipeline_run(wanted.run_id, version, clients)
    if found:
        return Training(wanted.run_id, found)
    note = note_of(wanted.run_id, version, clients)
    try:
        etag = leave_note(note)
    except ResourceExistsError:
        etag = renew_note(note)
        # This attempt may have been held up since its search for longer than the listing takes.
        found = find_pipeline_run(wanted.run_id, version, clients)
        if found:
            return Training(wanted.run_id, found)
    try:
        # By default the SDK repeats this POST after a 500, without the search.
        created = clients.data_factory.pipelines.create_run(
            clients.settings.resource_group,
            clients.settings.data_factory,
            clients.settings.pipeline,
            parameters=parameters_of(wanted, kept, clients.settings),
            retry_total=0,
        )
    except HttpResponseError as error:
        if error.status_code is not None and error.status_code < 500:
            # A refusal, mostly throttling, has started nothing that a later attempt would have to wait for.
            remove_note(note, etag)
        raise
    return Training(wanted.run_id, str(created.run_id))


def parameters_of(wanted: TrainingInput, kept: Dataset, app: App) -> dict[str, Any]:
    """The pipeline's parameters: see bicep/definitions/pipeline.json. The app has caps of its own."""
    settings = kept.settings
    return {
        "runId": wanted.run_id,
        "dataset": kept.upload.path,
        "etag": kept.upload.etag,
        "label": kept.label,
        "epochs": settings.epochs,
        "lr": settings.lr,
        "task": settings.task,
        "algorithm": settings.algorithm,
        "trainingBudget": settings.training_budget,
        "rareClasses": settings.rare_classes,
        "classWeights": settings.class_weights,
        "minAccuracy": settings.min_accuracy,
        "maxRmse": settings.max_rmse,
        "tolerance": settings.tolerance,
        "maxRows": app.max_rows,
        "maxTextMib": app.max_text_mib,
        "maxCompressionRatio": app.max_compression_ratio,
        "champion": wanted.champion.folder,
        "championModel": wanted.champion.model if wanted.champion.folder else "",
        "championDigest": wanted.champion.digest,
    }


def find_pipeline_run(run_id: str, etag: str, clients: Clients) -> str:
    """The id of the pipeline run that has these parameters, or ""; the oldest if there are several."""
    from azure.mgmt.datafactory.models import RunQueryFilter

    query = recent_runs()
    query.filters = [
        RunQueryFilter(operand="PipelineName", operator="Equals", values_property=[clients.settings.pipeline])
    ]
    factory = (clients.settings.resource_group, clients.settings.data_factory)
    pages = pages_of(lambda: clients.data_factory.pipeline_runs.query_by_factory(*factory, query), query)
    found = [each for page in pages for each in page.value if is_about(each, run_id, etag)]
    never = datetime.max.replace(tzinfo=UTC)
    return str(min(found, key=lambda each: each.run_start or never).run_id) if found else ""


def is_about(pipeline_run: "PipelineRun", run_id: str, etag: str) -> bool:
    given = pipeline_run.parameters or {}
    return (given.get("runId"), given.get("etag")) == (run_id, etag)


def recent_runs() -> "RunFilterParameters":
    """A query for runs of the past 8 days, which is longer than a run can take."""
    from azure.mgmt.datafactory.models import RunFilterParameters

    now = datetime.now(UTC)
    return RunFilterParameters(
        last_updated_after=now - timedelta(days=8), last_updated_before=now + timedelta(hours=1)
    )


def pages_of[T: (PipelineRunsQueryResponse, ActivityRunsQueryResponse)](
    ask: Callable[[], T], query: "RunFilterParameters"
) -> Iterator[T]:
    """Each page of what `ask` asks for with `query`, whose continuation token is set to that of the page."""
    while True:
        page = ask()
        yield page
        if not page.continuation_token:
            return
        query.continuation_token = page.continuation_token


# --- The note of a start ------------------------------------------------------------------------------


def note_of(run_id: str, etag: str, clients: Clients) -> "BlobClient":
    """The blob that says when createRun was last called for a run and a version of its dataset."""
    return clients.container.get_blob_client(
        naming.app_file(run_id, f"training-{naming.digest(etag)}.started")
    )


def leave_note(note: "BlobClient") -> str:
    """Leave the note of a start and return its ETag. Raises ResourceExistsError if an earlier attempt has."""
    return str(note.upload_blob(b"")["etag"])


def renew_note(note: "BlobClient") -> str:
    """Renew the note of an earlier attempt once it is LISTING_LAG old, and return its ETag.

    Of several attempts at once, one renews it. Raises TransientError in the others, and if it is too early.
    """
    wait = TransientError(
        "an earlier attempt may have started a pipeline run that Data Factory does not list yet"
    )
    clock = StorageClock()
    try:
        properties = note.get_blob_properties(raw_response_hook=clock)
        if is_fresh(properties.last_modified, clock):
            raise wait
        renewed = note.upload_blob(
            b"", overwrite=True, etag=properties.etag, match_condition=MatchConditions.IfNotModified
        )
    except (ResourceNotFoundError, ResourceModifiedError):
        raise wait from None
    return str(renewed["etag"])


def remove_note(note: "BlobClient", etag: str) -> None:
    """Delete an attempt's own note; one that a later attempt has renewed is left."""
    try:
        note.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
    except (ResourceNotFoundError, ResourceModifiedError):
        log.info("the note %s is no longer this attempt's", note.blob_name)


def may_be_unlisted(run_id: str, etag: str, clients: Clients) -> bool:
    """Whether a pipeline run may have been started for a run so recently that it is not listed yet."""
    clock = StorageClock()
    try:
        properties = note_of(run_id, etag, clients).get_blob_properties(raw_response_hook=clock)
    except ResourceNotFoundError:
        return False
    return is_fresh(properties.last_modified, clock)


def is_fresh(noted: datetime, clock: StorageClock) -> bool:
    return clock.seconds_since(noted) < LISTING_LAG.total_seconds()


# --- Polling ------------------------------------------------------------------------------------------


@activity
def get_training_status(training: Training, clients: Clients) -> TrainingStatus:
    """The status of a pipeline run and, once it has ended, its model or the reason why there is none.

    Raises RefusedError PipelineRunMissing if Data Factory no longer knows the pipeline run.
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
        return failure_of(run, clients)
    return TrainingStatus(status, str(run.message or ""))


def find_model(run_id: str, clients: Clients) -> str:
    """The path of the MLmodel that a run's training has left, or "" if there is none (yet)."""
    for blob in clients.container.list_blobs(name_starts_with=f"{naming.RUNS}{run_id}/"):
        if naming.run_of_model(blob.name) == run_id:
            return str(blob.name)
    return ""


def failure_of(run: "PipelineRun", clients: Clients) -> TrainingStatus:
    """Why a pipeline run failed, as its failed activity says, with exit code and stderr of the task."""
    failed = failed_activity(str(run.run_id), clients)
    if failed is None:
        return TrainingStatus("Failed", str(run.message or ""))
    output = failed.output if isinstance(failed.output, dict) else {}
    error = failed.error if isinstance(failed.error, dict) else {}
    exit_code = output.get("exitcode")
    return TrainingStatus(
        "Failed",
        remedies.of_training(str(error.get("errorCode") or ""), str(error.get("message") or ""))
        or str(run.message or ""),
        exit_code if isinstance(exit_code, int) else None,
        stderr_tail([str(url) for url in output.get("outputs", [])], clients),
    )


def failed_activity(pipeline_run_id: str, clients: Clients) -> "ActivityRun | None":
    """The activity run that made a pipeline run fail, or None if Data Factory names none."""
    query = recent_runs()
    scope = (clients.settings.resource_group, clients.settings.data_factory, pipeline_run_id)
    pages = pages_of(lambda: clients.data_factory.activity_runs.query_by_pipeline_run(*scope, query), query)
    return next(
        (each for page in pages for each in page.value if each.status in ("Failed", "TimedOut", "Cancelled")),
        None,
    )


def stderr_tail(outputs: list[str], clients: Clients) -> str:
    """The end of the stderr.txt among the outputs of a Custom activity, or "".

    Data Factory copies it to `adfjobs/<guid>/output/stderr.txt` in the account of the Batch linked service.
    Only the app's own account is read, because the address comes from a response.
    """
    own = clients.settings.storage_url
    for output in outputs:
        if not has_origin(output, own):
            continue
        path = unquote(urlsplit(output).path).removeprefix(urlsplit(own).path)
        container, _, name = path.strip("/").partition("/")
        if container == "adfjobs" and name.endswith("/stderr.txt"):
            return read_tail(clients.storage.get_blob_client(container, name))
    return ""


def read_tail(blob: "BlobClient") -> str:
    """The last STDERR_TAIL bytes of a blob as text; "" if it cannot be read."""
    try:
        tail = read_end(blob, STDERR_TAIL)
    except AzureError as error:
        log.warning(
            "the stderr of a failed task could not be read from %s: %s", blob.blob_name, explain(error)
        )
        return ""
    return tail.decode("utf-8", errors="replace").strip()


# --- Clean-up -----------------------------------------------------------------------------------------


@activity
def cancel_training(left: CleanUp, clients: Clients) -> ProvisioningStatus:
    """Clean-up: cancel a run's pipeline run and its Batch task; done once it has ended.

    If the run was cancelled during createRun, it does not know its pipeline run, which is then searched for.
    """
    pipeline_run_id = left.pipeline_run_id or find_pipeline_run(left.run_id, left.etag, clients)
    if not pipeline_run_id:
        return ProvisioningStatus(done=not may_be_unlisted(left.run_id, left.etag, clients))
    scope = (clients.settings.resource_group, clients.settings.data_factory, pipeline_run_id)
    try:
        run = clients.data_factory.pipeline_runs.get(*scope)
    except ResourceNotFoundError:
        return ProvisioningStatus(done=True)
    if run.status in ENDED:
        return ProvisioningStatus(done=True)
    if run.status != "Canceling":
        clients.data_factory.pipeline_runs.cancel(*scope, is_recursive=True)
    return ProvisioningStatus(done=False, operation_url=pipeline_run_id)
