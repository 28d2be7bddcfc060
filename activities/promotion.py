"""promote, prune_deployments, delete_deployment: which deployment an endpoint serves, and which it keeps."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from activities.champion import model_behind
from activities.model_registry import model_digest
from activities.ownership import check_endpoint, owner_tags, take_over_model_name
from activities.registration import activity
from activities.workspace import TAG_LENGTH, default_of, find_deployment
from runs import naming
from runs.contracts import Dataset, Upload
from runs.errors import RefusedError, TransientError
from runs.record import RunRecord
from runs.steps import Champion, CleanUp, PolledStep, Promotion, PromotionInput, ProvisioningStatus
from services import endpoint_history, run_files, run_store
from services.clients import Clients
from services.errors import explain
from services.operations import SETTLED, operation_of, why_failed

if TYPE_CHECKING:
    from azure.ai.ml.entities import BatchDeployment

log = logging.getLogger("touchdown.activities")

LEASE_SECONDS = 30
"""How long one promotion may hold an endpoint's lease; it makes three short calls."""


@activity
def promote(wanted: PromotionInput, clients: Clients) -> Promotion:
    """Make the run's deployment the endpoint's default, unless the default comes from a newer upload.

    Two runs that finish together take turns: each reads the default, compares and starts the update while it
    holds a lease on a blob of the endpoint, and while the update runs, the endpoint's own state says so. The
    endpoint is sent back as it was read, because a PUT replaces all of it, with the tags of its dataset: a
    run that takes an endpoint over does so here, and its model's name with it. Once the deployment is the
    default, a file in storage says since when.

    Raises RefusedError: PromotionFailed if Azure ML accepted the update and then failed; EndpointTaken;
    ModelChanged; SettingsLost; WrongRun or NotApproved if storage says otherwise than the run.
    """
    claim, kept = check_run(wanted, clients)
    name, deployment = kept.settings.endpoint_name, naming.deployment_name(wanted.run_id)
    ml = clients.machine_learning
    endpoint = ml.batch_endpoints.get(name)
    if endpoint.provisioning_state not in SETTLED:
        return Promotion(False, wanted.operation_url)
    if default_of(endpoint) == deployment:
        if claim.take_over:
            take_over_model_name(kept.settings.model_name, kept.upload, wanted.run_id, clients)
        endpoint_history.note_default(wanted.run_id, kept, clients)
        return Promotion(True, wanted.operation_url, "promoted")
    if wanted.operation_url and endpoint.provisioning_state != "Succeeded":
        reason = why_failed(wanted.operation_url, clients)
        raise RefusedError("PromotionFailed", f"endpoint {name}: {reason}")
    check_files(name, deployment, clients)
    with endpoint_lease(name, clients) as held:
        if not held:
            return Promotion(False, wanted.operation_url)
        endpoint = ml.batch_endpoints.get(name)
        if endpoint.provisioning_state not in SETTLED:
            return Promotion(False, wanted.operation_url)
        check_endpoint(endpoint, kept.upload, wanted.run_id, clients)
        default = default_of(endpoint)
        if default and is_newer(find_deployment(name, default, clients), kept.upload):
            return Promotion(True, wanted.operation_url, "superseded")
        endpoint.tags = (endpoint.tags or {}) | owner_tags(kept.upload)
        endpoint.defaults = {"deployment_name": deployment}
        return Promotion(False, operation_of(ml.batch_endpoints.begin_create_or_update(endpoint)))


def check_run(wanted: PromotionInput, clients: Clients) -> tuple[RunRecord, Dataset]:
    """The claim of a run that may promote, and what it has resolved: a promotion changes what others get.

    Raises RefusedError: SettingsLost; WrongRun; NotApproved if the run needs an approval and has none.
    """
    claim = run_store.read(wanted.run_id, clients)
    if claim is None or claim.record.status != "Running":
        raise run_files.wrong_run(wanted.run_id, "storage has no such run in progress")
    kept = run_files.dataset_for(wanted, clients)
    if not wanted.decided_since and kept.settings.approval != "required":
        return claim.record, kept
    decision = run_files.decision_of(wanted.run_id, wanted.decided_since, clients)
    if decision is None or decision.decision != "approved":
        deployment = naming.deployment_name(wanted.run_id)
        message = f"run {wanted.run_id}: nobody has approved that it promotes {deployment}."
        raise RefusedError("NotApproved", message)
    return claim.record, kept


def check_files(endpoint: str, name: str, clients: Clients) -> None:
    """Raise RefusedError ModelChanged if the files of a deployment's model are not the registered ones.

    Between registration and promotion lie the smoke test and a person's approval, which are about those
    files. A version that an earlier release registered has no digest.
    """
    deployment = find_deployment(endpoint, name, clients)
    model = model_behind(deployment, clients) if deployment is not None else Champion()
    if model.digest and model_digest(model.folder, clients) != model.digest:
        raise RefusedError(
            "ModelChanged",
            f"model {model.model}: the files in {model.folder} are not those that were registered, tested and"
            " approved. Only the nodes and the operator can write there: find out who did, then upload the"
            " dataset again.",
        )


def uploaded_at(deployment: "BatchDeployment") -> str:
    """The time of the upload that a deployment comes from, or "" if Touchdown did not make it."""
    return str((deployment.tags or {}).get("uploaded", ""))


def is_newer(deployment: "BatchDeployment | None", upload: Upload) -> bool:
    """Whether a deployment comes from a newer upload of the same dataset, in whatever writing of its name."""
    if deployment is None:
        return False
    name = str((deployment.tags or {}).get("dataset", upload.dataset))[:TAG_LENGTH]
    is_same = naming.dataset_name(name) == naming.dataset_name(upload.dataset[:TAG_LENGTH])
    return is_same and uploaded_at(deployment) > upload.uploaded_at


@contextmanager
def endpoint_lease(endpoint: str, clients: Clients) -> Iterator[bool]:
    """Hold an endpoint's lease; yields False if another run holds it. It expires if this process dies."""
    blob = clients.container.get_blob_client(f"locks/{endpoint}")
    try:
        blob.upload_blob(b"")
    except (ResourceExistsError, ResourceModifiedError):
        log.debug("the blob for the lease of endpoint %s exists", endpoint)
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
def prune_deployments(wanted: PolledStep, clients: Clients) -> ProvisioningStatus:
    """Delete the endpoint's oldest deployments beyond the number to keep; done once they are gone.

    The default is kept whatever its age, and so are the deployments of other runs that have not ended and all
    that Touchdown did not make. A run prunes once it has tried to promote its own deployment: if a newer one
    superseded that, it is as old as any other.

    Raises RefusedError: EndpointTaken; SettingsLost, WrongRun.
    """
    kept = run_files.dataset_for(wanted, clients)
    name = kept.settings.endpoint_name
    ml = clients.machine_learning
    endpoint = ml.batch_endpoints.get(name)
    check_endpoint(endpoint, kept.upload, wanted.run_id, clients)
    default = default_of(endpoint)
    ours = [each for each in ml.batch_deployments.list(name) if uploaded_at(each)]
    newest = sorted(ours, key=lambda each: (each.name == default, uploaded_at(each)), reverse=True)
    done = True
    for each in newest[kept.settings.keep_deployments :]:
        if each.provisioning_state == "Deleting":
            done = False
        elif each.name != default and is_unused(str(each.tags.get("run", "")), wanted.run_id, clients):
            delete(name, str(each.name), clients)
            done = False
    return ProvisioningStatus(done, wanted.operation_url)


def is_unused(run_id: str, own_run_id: str, clients: Clients) -> bool:
    """Whether the run that made a deployment has no more use for it, unless it is the default."""
    if run_id == own_run_id:
        return True
    claim = run_store.read(run_id, clients)
    return claim is None or claim.record.status != "Running"


def delete(endpoint: str, deployment: str, clients: Clients) -> None:
    """Begin to delete a deployment. One that is gone or busy is left to the next poll."""
    try:
        clients.machine_learning.batch_deployments.begin_delete(deployment, endpoint)
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if not isinstance(explain(error), TransientError):
            raise
        log.info("deployment %s is busy: %s", deployment, error.message)


@activity
def delete_deployment(left: CleanUp, clients: Clients) -> ProvisioningStatus:
    """Clean-up: delete the deployment of a failed or cancelled run, unless it is the endpoint's default.

    Raises RefusedError: SettingsLost, WrongRun.
    """
    at = run_files.dataset_for(left, clients).settings.endpoint_name
    name = naming.deployment_name(left.run_id)
    deployment = find_deployment(at, name, clients)
    if deployment is None:
        return ProvisioningStatus(True)
    endpoint = clients.machine_learning.batch_endpoints.get(at)
    if endpoint.provisioning_state not in SETTLED:
        return ProvisioningStatus(False)
    if default_of(endpoint) == name:
        return ProvisioningStatus(True)
    if deployment.provisioning_state != "Deleting":
        delete(at, name, clients)
    return ProvisioningStatus(False)
