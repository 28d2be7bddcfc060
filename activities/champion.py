"""find_champion: finds the model that a new one has to beat."""

import re
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from activities.model_registry import DIGEST_TAG
from activities.ownership import check_endpoint, check_model_name
from activities.registration import activity
from activities.workspace import TAG_LENGTH, default_of, find_deployment
from runs import naming
from runs.steps import Champion, RunStep
from services import run_files
from services.clients import Clients

if TYPE_CHECKING:
    from azure.ai.ml.entities import BatchDeployment, Model

_MODEL_ID = re.compile(r"(?:^azureml:|/)models/(?P<name>[^/:]+)/versions/(?P<version>[^/:]+)$")
"""The end of a model version's id; the id of a workspace or a registry precedes it."""
_DATASTORE_PATH = re.compile(r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)$")
"""The end of a path in a datastore, in its long or its short form (azure-ai-ml, "Data URIs")."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@activity
def find_champion(wanted: RunStep, clients: Clients) -> Champion:
    """The model behind the endpoint's default deployment, to which the new model is compared.

    Nothing has been paid for yet, so this step also refuses an endpoint or a model name that belongs to
    another dataset.

    There is no champion before the first promotion to an endpoint. A model that is not one of this app's own
    is named but has no folder: see own_folder.

    Raises RefusedError: EndpointTaken, ModelNameTaken; SettingsLost, WrongRun.
    """
    kept = run_files.dataset_for(wanted, clients)
    upload, settings = kept.upload, kept.settings
    ml = clients.machine_learning
    try:
        endpoint = ml.batch_endpoints.get(settings.endpoint_name)
    except ResourceNotFoundError:
        endpoint = None
    if endpoint is not None:
        check_endpoint(endpoint, upload, wanted.run_id, clients)
    check_model_name(settings.model_name, upload, wanted.run_id, clients)
    default = default_of(endpoint) if endpoint is not None else ""
    deployment = find_deployment(settings.endpoint_name, default, clients) if default else None
    return model_behind(deployment, clients) if deployment is not None else Champion()


def model_behind(deployment: "BatchDeployment", clients: Clients) -> Champion:
    """The model of a deployment."""
    name = str(deployment.name)
    model = deployment.model
    model_id = str((model if isinstance(model, str) else getattr(model, "id", "")) or "")
    found = _MODEL_ID.search(model_id)
    if found is None or not _is_in_workspace(model_id, clients.settings.workspace_id):
        return Champion(model=model_id[:TAG_LENGTH] or "unknown", deployment=name)
    try:
        version = clients.machine_learning.models.get(found["name"], found["version"])
        folder, digest = own_folder(version, clients.settings.datastore)
    except ResourceNotFoundError:
        folder, digest = "", ""
    return Champion(f"{found['name']}:{found['version']}", folder, name, digest)


def _is_in_workspace(model_id: str, workspace_id: str) -> bool:
    return model_id.lower().removeprefix("azureml:").startswith(f"{workspace_id}/".lower())


def own_folder(version: "Model", datastore: str) -> tuple[str, str]:
    """The folder of a model version in the app's container, and the digest of its files; "" and "" if none.

    The trainer runs what lies in that folder. So it must be that of a model of the run in the version's tags,
    and register_model must have tagged it with its digest.
    """
    tags = version.tags or {}
    found = _DATASTORE_PATH.search(str(version.path or ""))
    folder = found["path"].strip("/") if found and found["datastore"] == datastore else ""
    run, digest = naming.run_of_model(f"{folder}/MLmodel"), str(tags.get(DIGEST_TAG, ""))
    is_own = run is not None and tags.get("run") == run and _DIGEST.fullmatch(digest) is not None
    return (folder, digest) if is_own else ("", "")
