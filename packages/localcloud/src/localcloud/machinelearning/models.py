"""Registered models: a container per name, with immutable versions.

Sources: "Model Versions - Create Or Update", "Model Containers - Get"; azure-ai-ml 1.35
`_model_operations.py`, `_asset_utils.py`. As in Azure, registering a model checks no file; a path without
files fails the deployment.
"""

from typing import Any, Literal

from localcloud.machinelearning import names
from localcloud.machinelearning.errors import invalid, not_found, refused
from localcloud.machinelearning.provisioning import written_by
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.store import Document, Store
from localcloud.tokens import Caller

CONTAINERS = "machinelearning.model"
VERSIONS = "machinelearning.modelversion"
MUTABLE = ("description", "isArchived", "stage")
View = Literal["ActiveOnly", "ArchivedOnly", "All"]


class Models:
    """The model registry of the workspace."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._workspace = workspace
        self._store = store

    def register(self, name: str, version: str, body: Document, caller: Caller) -> tuple[Document, bool]:
        """Create a version, or change the tags and description of an existing one.

        Returns the version and whether it is new. Raises AzureError 400 for a name or body that Azure
        refuses, and for a change of the model's path.
        """
        names.asset_name(name)
        names.asset_name(version)
        sent = body.get("properties")
        if not isinstance(sent, dict) or not isinstance(sent.get("modelUri"), str):
            raise invalid("properties.modelUri is missing.", "modelUri")
        uri = self._workspace.datastore_uri(self._workspace.blob_path(sent["modelUri"]))
        earlier = self._store.get(VERSIONS, f"{name}/{version}")
        kept: Document = earlier["properties"] if earlier else {"isArchived": False, "stage": "None"}
        if earlier and kept["modelUri"] != uri:
            raise refused("AssetPathImmutable", "Asset paths cannot be updated.", target="modelUri")
        model_type = sent.get("modelType", kept.get("modelType", "custom_model"))
        if earlier and kept["modelType"] != model_type:
            raise refused("AssetTypeImmutable", "Asset types cannot be updated.", target="modelType")
        properties = kept | {key: sent[key] for key in MUTABLE if key in sent}
        properties |= {
            "tags": names.checked_tags(sent.get("tags")),
            "properties": _strings(sent.get("properties")) | kept.get("properties", {}),
            "modelType": model_type,
            "modelUri": uri,
            "flavors": kept.get("flavors") or sent.get("flavors") or {},
            "isAnonymous": bool(sent.get("isAnonymous")),
            "provisioningState": "Succeeded",
        }
        document: Document = {
            "id": f"{self._workspace.model_id(name)}/versions/{version}",
            "name": version,
            "type": f"{PROVIDER}/workspaces/models/versions",
            "properties": properties,
            "systemData": written_by(caller, earlier),
        }
        self._store.put(VERSIONS, f"{name}/{version}", document)
        if self._store.get(CONTAINERS, name) is None:
            self.put_container(name, {}, caller)
        return document, earlier is None

    def version(self, name: str, version: str) -> Document:
        document = self._store.get(VERSIONS, f"{name}/{version}")
        if document is None:
            raise not_found("The model version", f"{name}:{version}")
        return document

    def latest(self, name: str) -> Document:
        """Return the version that was created last. Raises AzureError 404 if the model has none."""
        return self.versions(name, "All")[0]

    def versions(self, name: str, view: View) -> list[Document]:
        """Return the versions of a model, newest first. Raises AzureError 404 for a name without any."""
        if self._store.get(CONTAINERS, name) is None:
            raise not_found("The model", name)
        documents = [document for _, document in self._store.list(VERSIONS, f"{name}/")]
        return _in_view(reversed(documents), view)

    def put_container(self, name: str, body: Document, caller: Caller) -> tuple[Document, bool]:
        names.asset_name(name)
        sent = body.get("properties", {})
        earlier = self._store.get(CONTAINERS, name)
        document: Document = {
            "id": self._workspace.model_id(name),
            "name": name,
            "type": f"{PROVIDER}/workspaces/models",
            "properties": {
                "description": sent.get("description"),
                "tags": names.checked_tags(sent.get("tags")),
                "properties": _strings(sent.get("properties")),
                "isArchived": bool(sent.get("isArchived")),
                "provisioningState": "Succeeded",
            },
            "systemData": written_by(caller, earlier),
        }
        self._store.put(CONTAINERS, name, document)
        return self.container(name), earlier is None

    def container(self, name: str) -> Document:
        """Return the container, with its latest and next version. Raises AzureError 404."""
        document = self._store.get(CONTAINERS, name)
        if document is None:
            raise not_found("The model", name)
        versions = [version["name"] for version in self.versions(name, "All")]
        numbers = [int(version) for version in versions if version.isdecimal()]
        counted = {
            "latestVersion": versions[0] if versions else None,
            "nextVersion": str(max(numbers, default=0) + 1),
        }
        return document | {"properties": document["properties"] | counted}

    def find(self, name: str, version: str = "") -> Document | None:
        """A model, or a version of it, as the store keeps it."""
        kind, key = place_of(name, version)
        return self._store.get(kind, key)

    def delete(self, name: str, version: str = "") -> bool:
        """Delete a version, or the model with all of them; return whether it existed.

        Sources: "Model Versions - Delete", "Model Containers - Delete".
        """
        kind, key = place_of(name, version)
        if self.find(name, version) is None:
            return False
        for each in () if version else self.versions(name, "All"):
            self._store.delete(VERSIONS, f"{name}/{each['name']}")
        self._store.delete(kind, key)
        return True

    def containers(self, view: View) -> list[Document]:
        names_ = [document["name"] for _, document in self._store.list(CONTAINERS)]
        return _in_view((self.container(name) for name in names_), view)


def place_of(name: str, version: str) -> tuple[str, str]:
    """Kind and id in the store of a version of a model, or without a version of the model."""
    return (VERSIONS, f"{name}/{version}") if version else (CONTAINERS, name)


def _in_view(documents: Any, view: View) -> list[Document]:
    wanted = {"ActiveOnly": (False,), "ArchivedOnly": (True,), "All": (False, True)}[view]
    return [document for document in documents if document["properties"]["isArchived"] in wanted]


def _strings(properties: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in (properties or {}).items()}
