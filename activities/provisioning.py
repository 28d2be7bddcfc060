"""ensure_compute, ensure_endpoint, deploy_model: make what a model version needs to be scored."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from activities.ownership import check_endpoint, owner_tags
from activities.registration import activity
from activities.workspace import TAG_LENGTH, find_deployment, lineage
from runs import naming, remedies
from runs.contracts import Dataset, RunSettings
from runs.errors import RefusedError
from runs.steps import DeploymentInput, PolledStep, ProvisioningStatus
from services import run_files
from services.clients import Clients
from services.errors import explain
from services.operations import BROKEN, UNKNOWN_REASON, operation_of, why_failed

if TYPE_CHECKING:
    from azure.ai.ml.entities import AmlCompute, ModelBatchDeployment


@activity
def ensure_compute(wanted: PolledStep, clients: Clients) -> ProvisioningStatus:
    """Create the AmlCompute cluster, with 0 nodes at first, if it is missing; leave an existing one as it is.

    If the cluster failed before this run, it is created again: the cause, mostly a quota, may be gone.

    Raises RefusedError: ProvisioningFailed if the subscription has too few cores, or the creation failed;
    SettingsLost, WrongRun.
    """
    settings = run_files.dataset_for(wanted, clients).settings
    try:
        found = clients.machine_learning.compute.get(settings.compute_name)
    except ResourceNotFoundError:
        return _create_cluster(settings, clients)
    state = found.provisioning_state
    if state in BROKEN and not wanted.operation_url:
        return _create_cluster(settings, clients)
    noted = str(found.provisioning_errors or "")
    return status_of(f"compute {settings.compute_name}", state, wanted.operation_url, clients, noted)


def _create_cluster(settings: RunSettings, clients: Clients) -> ProvisioningStatus:
    """Start to create the cluster.

    A subscription without cores of the VM family is refused even a cluster of 0 nodes, with the code
    ClusterMinNodesExceedCoreQuota: the quota "cannot accomodate for at least 1 requested managed compute
    nodes", in Azure's words as users quote them. No retry helps, whatever the status code, except where
    Azure ML only asks for fewer requests.
    """
    try:
        poller = clients.machine_learning.compute.begin_create_or_update(_cluster(settings, clients))
    except HttpResponseError as error:
        words = str(explain(error))
        throttled = error.status_code == HTTPStatus.TOO_MANY_REQUESTS
        if throttled or not remedies.is_about_quota(words):
            raise
        message = f"compute {settings.compute_name}: {remedies.with_remedy(words)}"
        raise RefusedError("ProvisioningFailed", message) from error
    return ProvisioningStatus(False, operation_of(poller))


def _cluster(settings: RunSettings, clients: Clients) -> "AmlCompute":
    from azure.ai.ml.entities import AmlCompute, IdentityConfiguration, ManagedIdentityConfiguration

    identity = None
    if clients.settings.compute_identity:
        own = ManagedIdentityConfiguration(resource_id=clients.settings.compute_identity)
        identity = IdentityConfiguration(type="user_assigned", user_assigned_identities=[own])
    return AmlCompute(
        name=settings.compute_name,
        tags={"made_by": "touchdown"},
        size=settings.vm_size,
        tier="dedicated",
        # Unless this is said, Azure ML opens the port of every node that has a public address.
        ssh_public_access_enabled=False,
        min_instances=0,
        max_instances=clients.settings.compute_max_nodes,
        idle_time_before_scale_down=300,
        identity=identity,
    )


@activity
def ensure_endpoint(wanted: PolledStep, clients: Clients) -> ProvisioningStatus:
    """Create the batch endpoint if it is missing, tagged with its dataset.

    If the endpoint's last update failed before this run, resubmit its definition so that it does not stay
    Failed.

    Raises RefusedError: EndpointTaken, ProvisioningFailed; SettingsLost, WrongRun.
    """
    from azure.ai.ml.entities import BatchEndpoint

    kept = run_files.dataset_for(wanted, clients)
    name, model = kept.settings.endpoint_name, kept.settings.model_name
    ml = clients.machine_learning
    try:
        endpoint = ml.batch_endpoints.get(name)
        check_endpoint(endpoint, kept.upload, wanted.run_id, clients)
        state = endpoint.provisioning_state
        if state not in BROKEN or wanted.operation_url:
            return status_of(f"endpoint {name}", state, wanted.operation_url, clients)
    except ResourceNotFoundError:
        endpoint = BatchEndpoint(
            name=name,
            description=f"Serves {model}.",
            tags={"model": model[:TAG_LENGTH]} | owner_tags(kept.upload),
        )
    return ProvisioningStatus(False, operation_of(ml.batch_endpoints.begin_create_or_update(endpoint)))


@activity
def deploy_model(wanted: DeploymentInput, clients: Clients) -> ProvisioningStatus:
    """Create the run's own deployment of its model version if it is missing; never make it the default.

    Raises RefusedError: ProvisioningFailed; SettingsLost, WrongRun.
    """
    kept = run_files.dataset_for(wanted, clients)
    name = naming.deployment_name(wanted.run_id)
    deployment = find_deployment(kept.settings.endpoint_name, name, clients)
    if deployment is not None:
        state = deployment.provisioning_state
        return status_of(f"deployment {name}", state, wanted.operation_url, clients)
    ml = clients.machine_learning
    poller = ml.batch_deployments.begin_create_or_update(_deployment(wanted, kept, clients))
    return ProvisioningStatus(False, operation_of(poller))


def _deployment(wanted: DeploymentInput, kept: Dataset, clients: Clients) -> "ModelBatchDeployment":
    from azure.ai.ml.constants import BatchDeploymentOutputAction
    from azure.ai.ml.entities import (
        BatchRetrySettings,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    model, version = kept.settings.model_name, wanted.version
    return ModelBatchDeployment(
        name=naming.deployment_name(wanted.run_id),
        endpoint_name=kept.settings.endpoint_name,
        description=f"{model} version {version}, of run {wanted.run_id}.",
        tags=lineage(wanted.run_id, kept.upload)
        | {"model_name": model[:TAG_LENGTH], "model_version": version},
        model=f"{clients.settings.workspace_id}/models/{model}/versions/{version}",
        compute=kept.settings.compute_name,
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=10,
            instance_count=1,
            max_concurrency_per_instance=1,
            output_action=BatchDeploymentOutputAction.APPEND_ROW,
            output_file_name="predictions.csv",
            # The default of 30 s is too short to score one large CSV.
            retry_settings=BatchRetrySettings(max_retries=3, timeout=3600),
            # By default, a file that cannot be scored is left out silently; here it fails its job.
            error_threshold=0,
            logging_level="info",
        ),
    )


def status_of(
    resource: str, state: str | None, operation_url: str, clients: Clients, noted: str = ""
) -> ProvisioningStatus:
    """The status of an operation, from the provisioning state of its resource.

    noted: the error that the resource itself holds, if it holds one.

    Raises RefusedError ProvisioningFailed if it failed, with the operation's own error and what to do.
    """
    if state == "Succeeded":
        return ProvisioningStatus(True, operation_url)
    if state in BROKEN:
        # The SDK returns an enumeration for some resources, and a string for others.
        word = getattr(state, "value", state)
        reason = why_failed(operation_url, clients)
        if reason == UNKNOWN_REASON and noted:
            reason = f"{noted}."
        raise RefusedError("ProvisioningFailed", f"{resource}: {word}: {remedies.with_remedy(reason)}")
    return ProvisioningStatus(False, operation_url)
