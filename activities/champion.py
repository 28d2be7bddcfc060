"""find_champion: finds the model that a new one has to beat."""

import re

from azure.core.exceptions import ResourceNotFoundError

from activities.registration import activity
from activities.workspace import TAG_LENGTH, default_of, find_deployment
from runs.contracts import Champion, ChampionInput
from services.clients import Clients

_MODEL_ID = re.compile(r"(?:^azureml:|/)models/(?P<name>[^/:]+)/versions/(?P<version>[^/:]+)$")
"""The end of a model version's id; the id of a workspace or a registry precedes it."""
_DATASTORE_PATH = re.compile(r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)$")
"""The end of a path in a datastore, in its long or its short form (azure-ai-ml, "Data URIs")."""


@activity
def find_champion(wanted: ChampionInput, clients: Clients) -> Champion:
    """The model behind the endpoint's default deployment, to which the new model is compared.

    There is none before the first promotion to an endpoint. A model of another workspace or registry, and one
    that lies in another datastore, is named but has no folder.
    """
    ml = clients.machine_learning
    try:
        default = default_of(ml.batch_endpoints.get(wanted.endpoint))
    except ResourceNotFoundError:
        return Champion()
    deployment = find_deployment(wanted.endpoint, default, clients) if default else None
    if deployment is None:
        return Champion()
    model = deployment.model
    model_id = str((model if isinstance(model, str) else getattr(model, "id", "")) or "")
    found = _MODEL_ID.search(model_id)
    if found is None or not _is_in_workspace(model_id, clients.settings.workspace_id):
        return Champion(model=model_id[:TAG_LENGTH] or "unknown", deployment=default)
    name, version = found["name"], found["version"]
    try:
        path = str(ml.models.get(name, version).path or "")
    except ResourceNotFoundError:
        path = ""
    return Champion(f"{name}:{version}", folder_in_datastore(path, clients.settings.datastore), default)


def _is_in_workspace(model_id: str, workspace_id: str) -> bool:
    return model_id.lower().removeprefix("azureml:").startswith(f"{workspace_id}/".lower())


def folder_in_datastore(path: str, datastore: str) -> str:
    """The folder of the app's container that a model's path points to, or "" if it points elsewhere."""
    found = _DATASTORE_PATH.search(path)
    return found["path"].strip("/") if found and found["datastore"] == datastore else ""
