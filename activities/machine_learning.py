"""The steps that serve: model version, cluster, endpoint, deployment, scoring job, default.

What takes minutes is never waited for in here. Such a step looks at the resource; where it is missing it
begins to make it; and it answers `done=False` until the resource has settled, when the orchestrator
calls the very same step again. So a look and a retry after a crash are one and the same thing.
"""

import io
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from activities.registration import activity, explain
from activities.storage import SAMPLE, sample_path
from runs.contracts import (
    Champion,
    ChampionInput,
    CleanUp,
    ComputeInput,
    DeploymentInput,
    EndpointInput,
    ModelInput,
    ModelVersion,
    Promotion,
    PromotionInput,
    ProvisioningStatus,
    PruneInput,
    SmokeTestInput,
    SmokeTestStatus,
    TrainingResult,
    Upload,
)
from runs.errors import RefusedError, TransientError
from runs.settings import app
from services import clients, run_store
from trainer.dialect import csv_rows

if TYPE_CHECKING:
    from azure.ai.ml.entities import BatchDeployment, BatchEndpoint, Model

log = logging.getLogger("touchdown.activities")

LEASE_SECONDS = 30
"""How long one promotion may hold an endpoint: it makes three short calls."""
ARTIFACT_STORE = "azureml"
"""The container behind a workspace's datastore workspaceartifactstore, where runs log."""
ERROR_TAIL = 1500
"""Characters of a failed scoring job's error.txt that its run keeps."""
BROKEN = frozenset({"Failed", "Canceled"})
SETTLED = BROKEN | {"Succeeded"}
"""The provisioning states of a resource that nothing is being done to."""
NO_OPERATION_URL = "none"
"""What a look carries to the next when Azure gave no address for the operation."""
SHOWN = 200
"""Characters of a prediction that a run shows: a label may be as long as a cell."""
TAG_LIMIT = 256
"""Characters of a tag's value. Azure ML refuses an empty one (azure-sdk-for-python #41586)."""

_MODEL_ID = re.compile(r"(?:^azureml:|/)models/(?P<name>[^/:]+)/versions/(?P<version>[^/:]+)$")
"""The end of a model version's id; before it stand the workspace, or the registry, that holds it."""
_OUR_PATH = re.compile(r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)$")
"""The end of a path in a datastore, long or short (azure-ai-ml, "Data URIs")."""

_invoking = threading.Lock()


def lineage(run_id: str, upload: Upload) -> dict[str, str]:
    """The tags by which a model version or deployment is found again and traced to its dataset."""
    return {
        "run": run_id,
        "dataset": upload.dataset[:TAG_LIMIT],
        "etag": upload.etag,
        "uploaded": upload.uploaded_at,
    }


def datastore_uri(path: str) -> str:
    return f"azureml://datastores/{app().datastore}/paths/{path}"


@activity
def find_champion(order: ChampionInput) -> Champion:
    """The model behind the endpoint's default, which a new one is to be measured against.

    There is none before an endpoint's first promotion. One that was not made here, or lies in another
    datastore, is named without its folder.
    """
    ml = clients.machine_learning()
    try:
        default = default_of(ml.batch_endpoints.get(order.endpoint))
    except ResourceNotFoundError:
        return Champion()
    deployment = find_deployment(order.endpoint, default) if default else None
    if deployment is None:
        return Champion()
    given = deployment.model
    model_id = str((given if isinstance(given, str) else getattr(given, "id", "")) or "")
    found = _MODEL_ID.search(model_id)
    if found is None or not model_id.lower().removeprefix("azureml:").startswith(
        f"{app().workspace_id}/".lower()
    ):
        return Champion(model=model_id[:TAG_LIMIT] or "unknown", deployment=default)
    name, version = found["name"], found["version"]
    try:
        path = str(ml.models.get(name, version).path or "")
    except ResourceNotFoundError:
        path = ""
    return Champion(f"{name}:{version}", own_folder(path), default)


def own_folder(path: str) -> str:
    """The folder in our container that a model's path means, or "" when it is elsewhere."""
    found = _OUR_PATH.search(path)
    return found["path"].strip("/") if found and found["datastore"] == app().datastore else ""


@activity
def register_model(order: ModelInput) -> ModelVersion:
    """Register the model of a run, unless a version already carries the run's tag.

    Versions are numbered 1, 2, …; one that another run took meanwhile is refused by Azure ML, since
    versions are immutable, and the next attempt takes the next number.

    Raises TransientError when that happened.
    """
    from azure.ai.ml.constants import AssetTypes
    from azure.ai.ml.entities import Model

    versions = model_versions(order.name)
    for each in versions:
        if (each.tags or {}).get("run") == order.run_id:
            return ModelVersion(order.name, str(each.version))
    taken = [int(each.version) for each in versions if str(each.version).isdigit()]
    version = str(max(taken, default=0) + 1)
    model = Model(
        name=order.name,
        version=version,
        path=datastore_uri(order.result.folder),
        type=AssetTypes.MLFLOW_MODEL,
        description=f"Trained by Touchdown on {order.upload.dataset[:TAG_LIMIT]}.",
        tags=measured(order.result)
        | lineage(order.run_id, order.upload)
        | {
            "mlflow_run": order.result.mlflow_run_id or "unknown",
            "label": order.result.label[:TAG_LIMIT] or "unknown",
        },
    )
    try:
        clients.machine_learning().models.create_or_update(model)
    except HttpResponseError as error:
        if error.status_code in (400, 409) and version in {
            str(each.version) for each in model_versions(order.name)
        }:
            raise TransientError(
                f"model {order.name}: version {version} was taken by another run meanwhile"
            ) from error
        raise
    return ModelVersion(order.name, version)


def measured(result: TrainingResult) -> dict[str, str]:
    """The tags by which a model version tells how good it is, and what it was measured against."""
    tags = {name: f"{value:.6g}" for name, value in result.metrics.items()}
    gate = result.gate
    if gate is None:
        return tags
    tags |= {"task": result.task, "algorithm": result.algorithm[:TAG_LIMIT] or "unknown"}
    tags |= {"verdict": gate.verdict, "metric": gate.metric, "value": f"{gate.value:.6g}"}
    champion = gate.champion
    if champion is not None:
        its = "not comparable" if champion.value is None else f"{champion.value:.6g}"
        tags |= {"champion": champion.model[:TAG_LIMIT] or "unknown", "champion_value": its}
    return tags


def model_versions(name: str) -> "list[Model]":
    from azure.ai.ml.constants import ListViewType

    try:
        return list(clients.machine_learning().models.list(name, list_view_type=ListViewType.ALL))
    except ResourceNotFoundError:
        return []


@activity
def ensure_compute(order: ComputeInput) -> ProvisioningStatus:
    """The AmlCompute cluster, from 0 nodes; made when it is missing, and otherwise left as it is.

    One that failed before this run is made again: its failure (a quota, mostly) may be over.
    """
    from azure.ai.ml.entities import AmlCompute, IdentityConfiguration, ManagedIdentityConfiguration

    ml = clients.machine_learning()
    try:
        state = ml.compute.get(order.name).provisioning_state
    except ResourceNotFoundError:
        state = None
    if state is not None and (state not in BROKEN or order.operation_url):
        return settling(f"compute {order.name}", state, order.operation_url)
    identity = None
    if app().compute_identity:
        identity = IdentityConfiguration(
            type="user_assigned",
            user_assigned_identities=[ManagedIdentityConfiguration(resource_id=app().compute_identity)],
        )
    cluster = AmlCompute(
        name=order.name,
        size=order.vm_size,
        min_instances=0,
        max_instances=app().compute_max_nodes,
        idle_time_before_scale_down=300,
        identity=identity,
    )
    return ProvisioningStatus(False, operation_of(ml.compute.begin_create_or_update(cluster)))


@activity
def ensure_endpoint(order: EndpointInput) -> ProvisioningStatus:
    """The batch endpoint; made when it is missing.

    One whose last change failed before this run is put again as it is, so that it is not failed for good.
    """
    from azure.ai.ml.entities import BatchEndpoint

    ml = clients.machine_learning()
    try:
        endpoint = ml.batch_endpoints.get(order.name)
        if endpoint.provisioning_state not in BROKEN or order.operation_url:
            return settling(f"endpoint {order.name}", endpoint.provisioning_state, order.operation_url)
    except ResourceNotFoundError:
        endpoint = BatchEndpoint(
            name=order.name,
            description=f"Serves {order.model_name}.",
            tags={"model": order.model_name[:TAG_LIMIT], "made_by": "touchdown"},
        )
    return ProvisioningStatus(False, operation_of(ml.batch_endpoints.begin_create_or_update(endpoint)))


@activity
def deploy_model(order: DeploymentInput) -> ProvisioningStatus:
    """The run's own deployment of its model version; made when it is missing, never the default here."""
    from azure.ai.ml.constants import BatchDeploymentOutputAction
    from azure.ai.ml.entities import (
        BatchRetrySettings,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    ml = clients.machine_learning()
    deployment = find_deployment(order.endpoint, order.name)
    if deployment is not None:
        return settling(f"deployment {order.name}", deployment.provisioning_state, order.operation_url)
    new = ModelBatchDeployment(
        name=order.name,
        endpoint_name=order.endpoint,
        description=f"{order.model.name} version {order.model.version}, of run {order.run_id}.",
        tags=lineage(order.run_id, order.upload)
        | {"model_name": order.model.name[:TAG_LIMIT], "model_version": order.model.version},
        model=f"{app().workspace_id}/models/{order.model.name}/versions/{order.model.version}",
        compute=order.compute,
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=10,
            instance_count=1,
            max_concurrency_per_instance=1,
            output_action=BatchDeploymentOutputAction.APPEND_ROW,
            output_file_name="predictions.csv",
            # 30 s, the default, is too short for one large CSV.
            retry_settings=BatchRetrySettings(max_retries=3, timeout=3600),
            # A file that cannot be scored fails its job instead of being left out in silence.
            error_threshold=0,
            logging_level="info",
        ),
    )
    return ProvisioningStatus(False, operation_of(ml.batch_deployments.begin_create_or_update(new)))


def find_deployment(endpoint: str, name: str) -> "BatchDeployment | None":
    try:
        return clients.machine_learning().batch_deployments.get(name, endpoint)
    except ResourceNotFoundError:
        return None


def settling(what: str, state: str | None, operation_url: str) -> ProvisioningStatus:
    """What a resource's provisioning state means for a run that waits for it.

    Raises RefusedError with the operation's own error when it failed.
    """
    if state == "Succeeded":
        return ProvisioningStatus(True, operation_url)
    if state in BROKEN:
        # The SDK gives an enumeration here and a text there.
        word = getattr(state, "value", state)
        raise RefusedError("ProvisioningFailed", f"{what}: {word}: {why_failed(operation_url)}")
    return ProvisioningStatus(False, operation_url)


def operation_of(poller: Any) -> str:
    """The address of a long-running operation that has been begun, or NO_OPERATION_URL when Azure gave none.

    A failed resource does not say why; its operation does. The SDK hides the address in the poller.
    """
    response = getattr(poller.polling_method(), "_initial_response", None)
    headers = response.http_response.headers if response is not None else {}
    return str(headers.get("Azure-AsyncOperation") or NO_OPERATION_URL)


def why_failed(operation: str) -> str:
    """The error of a long-running operation, in Azure's words.

    Source: "Track asynchronous Azure operations".
    """
    unknown = "Azure ML gave no reason; see the resource in Azure ML studio"
    # The address comes from an answer, and our token would go there.
    if not operation.startswith(f"{app().resource_manager}/"):
        return unknown
    from azure.core.rest import HttpRequest

    try:
        response = clients.resource_manager().send_request(HttpRequest("GET", operation))
        response.raise_for_status()
        error = response.json().get("error") or {}
    except (AzureError, ValueError) as failed:
        log.warning("the reason of a failed operation could not be read: %s", failed)
        return unknown
    # The details often hold the cause, and the error itself no more than that there is one.
    said = [str(each["message"]) for each in [error, *error.get("details", [])] if each.get("message")]
    return f"{error.get('code')}: {' '.join(dict.fromkeys(said))}" if said else unknown


@activity
def smoke_test(order: SmokeTestInput) -> SmokeTestStatus:
    """Score the first rows of the dataset with the NEW deployment; ready once the predictions are right.

    The job's name is kept beside its input, so an attempt after a crash finds the job of the one before.

    Raises RefusedError SmokeTestFailed: the job failed, or its predictions are not one for each row.
    """
    folder = f"runs/{order.run_id}/smoke"
    job = order.operation_url or read_text(f"{folder}/job.txt")
    if not job:
        given, wanted = sample_path(order.run_id), f"{folder}/predictions.csv"
        job = invoke(order.endpoint, order.deployment, given, wanted)
        clients.container().upload_blob(f"{folder}/job.txt", job, overwrite=True)
        return SmokeTestStatus(False, job)
    status = job_status(job)
    if status not in ("Completed", "Failed", "Canceled", "NotResponding"):
        return SmokeTestStatus(False, job)
    if status != "Completed":
        raise RefusedError(
            "SmokeTestFailed",
            f"deployment {order.deployment}: scoring job {job} is {status}: {job_error(job)}",
        )
    sample = read_text(sample_path(order.run_id))
    rows = len(list(csv_rows(io.StringIO(sample, newline="")))) - 1
    predictions = read_predictions(f"{folder}/predictions.csv", order.deployment, job)
    if len(predictions) != rows:
        raise RefusedError(
            "SmokeTestFailed",
            f"deployment {order.deployment}: scoring job {job} gave {len(predictions)} predictions for"
            f" {rows} rows.",
        )
    return SmokeTestStatus(True, job, rows, [each[:SHOWN] for each in predictions[:5]])


def invoke(endpoint: str, deployment: str, given: str, wanted: str) -> str:
    """Start a scoring job on one deployment; its name. given and wanted are paths in the container.

    One at a time: azure-ai-ml 1.35 keeps the deployment's header of `invoke` in a module-level dict, so
    two at once could score each other's deployment.
    """
    from azure.ai.ml import Input, Output
    from azure.ai.ml.constants import AssetTypes

    with _invoking:
        job = clients.machine_learning().batch_endpoints.invoke(
            endpoint_name=endpoint,
            deployment_name=deployment,
            input=Input(type=AssetTypes.URI_FILE, path=datastore_uri(given)),
            outputs={"score": Output(type=AssetTypes.URI_FILE, path=datastore_uri(wanted))},
        )
    return str(job.name)


def job_status(job: str) -> str:
    status = clients.machine_learning().jobs.get(job).status
    return str(getattr(status, "value", status))


def job_error(job: str) -> str:
    """Why a scoring job failed, from its scoring run: the run history's sentence, and the log's last lines.

    Resource Manager does not say why a job failed. The run history does, at the address that the workspace
    names for discovery (azure-ai-ml 1.35 `_run_operations.py`); the trace is in the artifact store, under
    ExperimentRun/dcid.<run> ("Troubleshoot batch endpoints", "Get logs").
    """
    words = []
    try:
        for child in clients.machine_learning().jobs.list(parent_job_name=job):
            words += [history_error(str(child.name)), logged_error(str(child.name))]
    except (AzureError, ValueError) as failed:
        log.warning("the reason of failed job %s could not be read: %s", job, failed)
    return " ".join(word for word in words if word) or "its logs in Azure ML studio say why"


def history_error(run: str) -> str:
    """The error of a run in the run history, or ""."""
    from azure.core.rest import HttpRequest

    get = clients.resource_manager().send_request
    discovery = clients.machine_learning().workspaces.get(app().workspace).discovery_url
    api = str(get(HttpRequest("GET", str(discovery))).json().get("api", ""))
    answer = get(HttpRequest("GET", f"{api}/history/v1.0{app().workspace_id}/runs/{run}/details"))
    answer.raise_for_status()
    error = (answer.json().get("error") or {}).get("error") or {}
    return str(error.get("message") or "")


def logged_error(run: str) -> str:
    """The end of the error.txt that a run logged, or ""."""
    blob = clients.storage().get_blob_client(ARTIFACT_STORE, f"ExperimentRun/dcid.{run}/logs/user/error.txt")
    try:
        text: str = blob.download_blob(encoding="utf-8").readall()
    except ResourceNotFoundError:
        return ""
    return text.strip()[-ERROR_TAIL:]


def read_predictions(path: str, deployment: str, job: str) -> list[str]:
    """The predictions in a predictions.csv, which has no header, in the order of their rows.

    Documented columns are row, prediction, file name ("Deploy MLflow models in batch deployments"); a model
    that answers with a table gets its other columns behind the prediction, one that answers with an array
    file name, prediction. The file's name tells them apart.
    """
    text = read_text(path)
    if not text:
        raise RefusedError(
            "SmokeTestFailed", f"deployment {deployment}: scoring job {job} left no predictions."
        )
    name = SAMPLE.rpartition("/")[2]
    rows = [[cell for cell in row if cell != name] for row in csv_rows(io.StringIO(text)) if row]
    numbered = all(len(row) > 1 and row[0].isdigit() for row in rows)
    place = 1 if numbered else 0
    if any(not row or not row[place].strip() for row in rows) or len({len(row) for row in rows}) != 1:
        raise RefusedError(
            "SmokeTestFailed",
            f"deployment {deployment}: predictions of scoring job {job} are not row, prediction, file.",
        )
    ordered = sorted(rows, key=lambda row: int(row[0])) if numbered else rows
    return [row[place] for row in ordered]


def read_text(path: str) -> str:
    try:
        return clients.container().download_blob(path, encoding="utf-8").readall()
    except ResourceNotFoundError:
        return ""


@activity
def promote(order: PromotionInput) -> Promotion:
    """Make the run's deployment the endpoint's default, unless the default is of a newer upload.

    Reading the default, comparing and starting the update happen under a lease on a blob of the
    endpoint, so two runs that finish together do it one after the other; while the update runs, the
    endpoint itself says so. The endpoint is sent back as it was read: a PUT replaces all of it.
    """
    ml = clients.machine_learning()
    endpoint = ml.batch_endpoints.get(order.endpoint)
    if endpoint.provisioning_state not in SETTLED:
        return Promotion(False, order.operation_url)
    default = default_of(endpoint)
    if default == order.deployment:
        return Promotion(True, order.operation_url, "promoted")
    if order.operation_url and endpoint.provisioning_state != "Succeeded":
        raise RefusedError("PromotionFailed", f"endpoint {order.endpoint}: {why_failed(order.operation_url)}")
    with endpoint_lease(order.endpoint) as mine:
        if not mine:
            return Promotion(False, order.operation_url)
        endpoint = ml.batch_endpoints.get(order.endpoint)
        if endpoint.provisioning_state not in SETTLED:
            return Promotion(False, order.operation_url)
        default = default_of(endpoint)
        if default and is_newer(find_deployment(order.endpoint, default), order.upload):
            return Promotion(True, order.operation_url, "superseded")
        endpoint.defaults = {"deployment_name": order.deployment}
        return Promotion(False, operation_of(ml.batch_endpoints.begin_create_or_update(endpoint)))


def default_of(endpoint: "BatchEndpoint") -> str:
    return (endpoint.defaults.deployment_name or "") if endpoint.defaults else ""


def uploaded(deployment: "BatchDeployment") -> str:
    """When the upload was made that a deployment comes from, or "" when it is not one of ours."""
    return str((deployment.tags or {}).get("uploaded", ""))


def is_newer(deployment: "BatchDeployment | None", upload: Upload) -> bool:
    return deployment is not None and uploaded(deployment) > upload.uploaded_at


@contextmanager
def endpoint_lease(endpoint: str) -> Iterator[bool]:
    """Hold an endpoint's lease; False when another run holds it. It ends by itself if this process dies."""
    blob = clients.container().get_blob_client(f"locks/{endpoint}")
    try:
        blob.upload_blob(b"", match_condition=MatchConditions.IfMissing)
    except (ResourceExistsError, ResourceModifiedError):
        log.debug("the lock of endpoint %s is there already", endpoint)
    try:
        lease = blob.acquire_lease(LEASE_SECONDS)
    except ResourceExistsError:
        yield False
        return
    try:
        yield True
    finally:
        lease.release()


@activity
def prune_deployments(order: PruneInput) -> ProvisioningStatus:
    """Delete the endpoint's oldest deployments beyond the keep-count; ready once they are gone.

    The default stays whatever its age; so do deployments of runs that have not ended, and all that
    Touchdown did not make.
    """
    ml = clients.machine_learning()
    default = default_of(ml.batch_endpoints.get(order.endpoint))
    ours = [each for each in ml.batch_deployments.list(order.endpoint) if uploaded(each)]
    newest = sorted(ours, key=lambda each: (each.name == default, uploaded(each)), reverse=True)
    left = False
    for each in newest[order.keep :]:
        if each.provisioning_state == "Deleting":
            left = True
        elif each.name != default and run_has_ended(str(each.tags.get("run", "")), order.run_id):
            delete(order.endpoint, str(each.name))
            left = True
    return ProvisioningStatus(not left, order.operation_url)


def run_has_ended(run_id: str, own: str) -> bool:
    if run_id == own:
        return False
    claim = run_store.read(run_id)
    return claim is None or claim.record.status != "Running"


def delete(endpoint: str, deployment: str) -> None:
    """Begin to delete a deployment; one that is gone, or busy, is left for the next look."""
    try:
        clients.machine_learning().batch_deployments.begin_delete(deployment, endpoint)
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if not isinstance(explain(error), TransientError):
            raise
        log.info("deployment %s is busy: %s", deployment, error.message)


@activity
def delete_deployment(left: CleanUp) -> ProvisioningStatus:
    """Delete the deployment of a run that failed or was cancelled, unless it is the endpoint's default."""
    if not left.deployment:
        return ProvisioningStatus(True)
    deployment = find_deployment(left.endpoint, left.deployment)
    if deployment is None:
        return ProvisioningStatus(True)
    endpoint = clients.machine_learning().batch_endpoints.get(left.endpoint)
    if endpoint.provisioning_state not in SETTLED:
        return ProvisioningStatus(False)
    if default_of(endpoint) == left.deployment:
        return ProvisioningStatus(True)
    if deployment.provisioning_state != "Deleting":
        delete(left.endpoint, left.deployment)
    return ProvisioningStatus(False)


@activity
def cancel_scoring(left: CleanUp) -> ProvisioningStatus:
    """Cancel the smoke test's job, if it runs; ready once it has ended."""
    job = left.job or read_text(f"runs/{left.run_id}/smoke/job.txt")
    if not job:
        return ProvisioningStatus(True)
    ml = clients.machine_learning()
    try:
        status = job_status(job)
    except ResourceNotFoundError:
        return ProvisioningStatus(True)
    if status in ("Completed", "Failed", "Canceled"):
        return ProvisioningStatus(True)
    if status not in ("CancelRequested", "Finalizing"):
        ml.jobs.begin_cancel(job)
    return ProvisioningStatus(False, job)
