"""Where a URI or a resource id of Azure Machine Learning leads: a blob path, or the name of a resource.

A datastore is a container of the workspace's storage account; its paths are blob names. Nothing that
climbs out of a path (`..`) is accepted, because paths become folders of a job. Source: azure-ai-ml
`constants/_common.py` (URI formats); "Access data from batch endpoints jobs" (REST spellings).
"""

import re
from dataclasses import dataclass

from localcloud.home import SUBSCRIPTION
from localcloud.inventory import DATASTORE, WORKSPACE, Inventory
from localcloud.machinelearning.errors import invalid
from localcloud.wire import AzureError, not_imitated

PROVIDER = "Microsoft.MachineLearningServices"
DEFAULT_DATASTORE = "workspaceblobstore"
ARTIFACT_DATASTORE = "workspaceartifactstore"

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


class Workspace:
    """The workspace of this cloud: its name, its datastores, and what its URIs and resource ids lead to.

    Whatever names it raises AzureError 404 as long as the cloud has none.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory

    @property
    def name(self) -> str:
        found = self.inventory.one(WORKSPACE)
        if found is None:
            raise AzureError(404, "ResourceNotFound", "This cloud has no workspace yet.")
        return str(found["name"])

    @property
    def path(self) -> str:
        """The workspace's resource id."""
        return f"{self.inventory.group_id}/providers/{PROVIDER}/workspaces/{self.name}"

    @property
    def guid(self) -> str:
        """The workspace's own id, which is part of the name of its default datastore's container."""
        return self.inventory.guid(self.path, "workspaceId")

    @property
    def storage_id(self) -> str:
        """The resource id of the workspace's storage account."""
        found = self.inventory.one(WORKSPACE)
        if found is None:
            raise AzureError(404, "ResourceNotFound", "This cloud has no workspace yet.")
        return str(found["properties"]["storageAccount"])

    @property
    def account(self) -> str:
        """The name of the workspace's storage account."""
        return self.storage_id.rpartition("/")[2]

    @property
    def datastores(self) -> dict[str, str]:
        """Container by datastore, in small letters: those of every workspace, then those that were added."""
        added = self.inventory.all(DATASTORE)
        own = {DEFAULT_DATASTORE: f"azureml-blobstore-{self.guid}", ARTIFACT_DATASTORE: "azureml"}
        return own | {each["name"].lower(): each["properties"]["containerName"] for each in added}

    @property
    def default_container(self) -> str:
        return self.datastores[DEFAULT_DATASTORE]

    def endpoint_id(self, name: str) -> str:
        return f"{self.path}/batchEndpoints/{name}"

    def model_id(self, name: str) -> str:
        return f"{self.path}/models/{name}"

    def blob_path(self, uri: str) -> BlobPath:
        """The blob path behind a datastore URI: short, long, or `<datastore's resource id>/paths/…`.

        Raises AzureError 400 for an unknown datastore or another workspace, 501 for other kinds of URI.
        """
        found = SHORT.fullmatch(uri) or LONG.fullmatch(uri) or BY_ID.fullmatch(uri)
        if found is None:
            raise not_imitated(f"data at '{uri}': a path on a datastore is expected (azureml://datastores/…)")
        parts = found.groupdict()
        self._check_owner(uri, parts)
        container = self.datastores.get(parts["datastore"].lower())
        if container is None:
            raise invalid(f"The datastore '{parts['datastore']}' does not exist in workspace '{self.name}'.")
        segments = parts["path"].strip("/").split("/")
        if any(segment in ("", ".", "..") or "\\" in segment or "\0" in segment for segment in segments):
            raise invalid(
                f"The path '{parts['path']}' is invalid: no empty, '.' or '..' segment, no backslash."
            )
        return BlobPath(container, "/".join(segments))

    def datastore_uri(self, place: BlobPath) -> str:
        """The long URI of a blob path: the form in which Azure ML keeps it."""
        datastore = next(name for name, container in self.datastores.items() if container == place.container)
        return (
            f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{self.inventory.group}"
            f"/workspaces/{self.name}/datastores/{datastore}/paths/{place.path}"
        )

    def child(self, resource_id: str) -> str:
        """What follows the workspace in a resource id of it, as `computes/cpu`. Raises AzureError 400."""
        found = CHILD.fullmatch(resource_id)
        if found is None:
            raise invalid(f"'{resource_id}' is not the resource id of something in a workspace.")
        parts = found.groupdict()
        self._check_owner(resource_id, parts)
        return str(parts["rest"])

    def model_reference(self, resource_id: str) -> ModelReference:
        """The model version that a resource id names. Raises AzureError 400."""
        found = MODEL.fullmatch(self.child(resource_id))
        if found is None:
            raise invalid(f"'{resource_id}' is not the resource id of a model version.", "model")
        return ModelReference(found["name"], found["version"], found["label"])

    def compute_reference(self, resource_id: str) -> str:
        """The name of the compute that a resource id names. Raises AzureError 400."""
        kind, _, name = self.child(resource_id).partition("/")
        if kind.lower() != "computes" or not name or "/" in name:
            raise invalid(f"'{resource_id}' is not the resource id of a compute.", "compute")
        return name

    def _check_owner(self, uri: str, parts: dict[str, str]) -> None:
        """Raises AzureError 400 for something of another workspace."""
        group = self.inventory.group
        mine = {"subscription": SUBSCRIPTION, "group": group, "workspace": self.name}
        if any(parts.get(name, value).lower() != value.lower() for name, value in mine.items()):
            raise invalid(f"'{uri}' is not in workspace '{self.name}' of resource group '{group}'.")
