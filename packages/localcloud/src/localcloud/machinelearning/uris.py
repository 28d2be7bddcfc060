"""Where a URI or a resource id of Azure Machine Learning leads: a blob path, or the name of a resource.

A datastore is a container of the workspace's storage account; its paths are blob names. Nothing that
climbs out of a path (`..`) is accepted, because paths become folders of a job. Source: azure-ai-ml
`constants/_common.py` (URI formats); "Access data from batch endpoints jobs" (REST spellings).
"""

import re
from dataclasses import dataclass

from localcloud.home import CONTAINER, DATASTORE, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from localcloud.machinelearning.errors import invalid
from localcloud.wire import not_imitated

PROVIDER = "Microsoft.MachineLearningServices"
WORKSPACE_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/{PROVIDER}/workspaces/{WORKSPACE}"
)
ARTIFACT_DATASTORE = "workspaceartifactstore"
DATASTORES = {DATASTORE: CONTAINER, ARTIFACT_DATASTORE: "azureml"}
"""Container by datastore: what every workspace has from the start."""

SHORT = re.compile(r"azureml://datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)")
LONG = re.compile(
    r"azureml://subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/workspaces/(?P<workspace>[^/]+)/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)",
    re.IGNORECASE,
)
BY_ID = re.compile(
    r"(?:azureml:)?/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    rf"/providers/{re.escape(PROVIDER)}/workspaces/(?P<workspace>[^/]+)"
    r"/datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)",
    re.IGNORECASE,
)
CHILD = re.compile(
    r"(?:azureml:)?/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    rf"/providers/{re.escape(PROVIDER)}/workspaces/(?P<workspace>[^/]+)/(?P<rest>.+)",
    re.IGNORECASE,
)
MODEL = re.compile(
    r"models/(?P<name>[^/]+)/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+))", re.IGNORECASE
)


@dataclass(frozen=True)
class BlobPath:
    """A blob, or a folder of blobs: `path` has no slash at either end."""

    container: str
    path: str


@dataclass(frozen=True)
class ModelReference:
    """A model version by its number, or by the label "latest"."""

    name: str
    version: str | None
    label: str | None


def blob_path(uri: str) -> BlobPath:
    """The blob path behind a datastore URI: short, long, or `<datastore's resource id>/paths/…`.

    Raises AzureError 400 for an unknown datastore or another workspace, 501 for other kinds of URI.
    """
    found = SHORT.fullmatch(uri) or LONG.fullmatch(uri) or BY_ID.fullmatch(uri)
    if found is None:
        raise not_imitated(f"data at '{uri}': a path on a datastore is expected (azureml://datastores/…)")
    parts = found.groupdict()
    _in_this_workspace(uri, parts)
    container = DATASTORES.get(parts["datastore"].lower())
    if container is None:
        raise invalid(f"The datastore '{parts['datastore']}' does not exist in workspace '{WORKSPACE}'.")
    segments = parts["path"].strip("/").split("/")
    if any(segment in ("", ".", "..") or "\\" in segment or "\0" in segment for segment in segments):
        raise invalid(f"The path '{parts['path']}' is invalid: no empty, '.' or '..' segment, no backslash.")
    return BlobPath(container, "/".join(segments))


def datastore_uri(place: BlobPath) -> str:
    """The long URI of a blob path: the form in which Azure ML keeps it."""
    datastore = next(name for name, container in DATASTORES.items() if container == place.container)
    return (
        f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{RESOURCE_GROUP}"
        f"/workspaces/{WORKSPACE}/datastores/{datastore}/paths/{place.path}"
    )


def child(resource_id: str) -> str:
    """What follows the workspace in a resource id of it, as `computes/cpu`. Raises AzureError 400."""
    found = CHILD.fullmatch(resource_id)
    if found is None:
        raise invalid(f"'{resource_id}' is not the resource id of something in a workspace.")
    parts = found.groupdict()
    _in_this_workspace(resource_id, parts)
    return str(parts["rest"])


def model_reference(resource_id: str) -> ModelReference:
    """The model version that a resource id names. Raises AzureError 400."""
    found = MODEL.fullmatch(child(resource_id))
    if found is None:
        raise invalid(f"'{resource_id}' is not the resource id of a model version.", "model")
    return ModelReference(found["name"], found["version"], found["label"])


def compute_reference(resource_id: str) -> str:
    """The name of the compute that a resource id names. Raises AzureError 400."""
    kind, _, name = child(resource_id).partition("/")
    if kind.lower() != "computes" or not name or "/" in name:
        raise invalid(f"'{resource_id}' is not the resource id of a compute.", "compute")
    return name


def _in_this_workspace(uri: str, parts: dict[str, str]) -> None:
    mine = {"subscription": SUBSCRIPTION, "group": RESOURCE_GROUP, "workspace": WORKSPACE}
    if any(parts.get(name, value).lower() != value for name, value in mine.items()):
        raise invalid(f"'{uri}' is not in workspace '{WORKSPACE}' of resource group '{RESOURCE_GROUP}'.")
