"""AmlCompute clusters: names with a maximum of nodes that scoring jobs share.

A PUT replaces a cluster, but for what cannot be changed (FIXED). Source: "Compute - Create Or Update";
azure-ai-ml 1.35 `entities/_compute/aml_compute.py`.
"""

from typing import Any

from localcloud.faults import Faults
from localcloud.home import REGION
from localcloud.machinelearning import names
from localcloud.machinelearning.errors import invalid, not_found, refused
from localcloud.machinelearning.provisioning import Change, Provisioned, written_by
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.store import Document, Store
from localcloud.tokens import Caller
from localcloud.wire import not_imitated, timestamp

KIND = "machinelearning.compute"
FIXED = {"vmSize": "VM size", "vmPriority": "VM priority", "subnet": "subnet"}
"""What a cluster keeps until it is deleted. "Compute - Update" changes no more than scale settings, and
terraform-provider-azurerm, `machine_learning_compute_cluster_resource.go`, replaces a cluster for these."""


class Computes:
    """The compute clusters of the workspace."""

    def __init__(self, store: Store, faults: Faults, workspace: Workspace) -> None:
        self._workspace = workspace
        self.provisioned = Provisioned(store, faults, kind=KIND, point="compute", noun="Compute")

    def get(self, name: str) -> Document:
        document = self.provisioned.find(name.lower())
        if document is None:
            raise not_found("The compute", name)
        return document

    def list(self) -> list[Document]:
        return self.provisioned.list()

    def nodes(self, name: str) -> int | None:
        """Return the cluster's maximum of nodes, or None if it was deleted."""
        document = self.provisioned.find(name.lower())
        return document["properties"]["properties"]["scaleSettings"]["maxNodeCount"] if document else None

    def put(self, name: str, body: Document, caller: Caller) -> Change:
        """Create or replace a cluster.

        Raises AzureError 400 for a body that Azure refuses, 409 while an operation on the cluster is running,
        501 for other kinds of compute.
        """
        names.compute_name(name)
        outer = body.get("properties") or {}
        if str(outer.get("computeType", "")).lower() != "amlcompute":
            raise not_imitated(f"computes of type '{outer.get('computeType')}': AmlCompute only")
        inner = _cluster(outer.get("properties") or {})
        earlier = self.provisioned.idle(name.lower())
        if earlier:
            check_same(name, earlier["properties"]["properties"], inner)
        document: Document = {
            "id": f"{self._workspace.path}/computes/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/computes",
            "location": body.get("location") or REGION,
            "tags": names.checked_tags(body.get("tags")),
            "properties": {
                "computeType": "AmlCompute",
                "computeLocation": body.get("location") or REGION,
                "description": outer.get("description"),
                "disableLocalAuth": bool(outer.get("disableLocalAuth", True)),
                "isAttachedCompute": False,
                "provisioningErrors": None,
                "createdOn": earlier["properties"]["createdOn"] if earlier else timestamp(),
                "modifiedOn": timestamp(),
                "properties": inner,
            },
            "systemData": written_by(caller, earlier),
        }
        if body.get("identity"):
            document["identity"] = self._identity(name, body["identity"])
        return self.provisioned.change(name.lower(), document)

    def identities(self, name: str) -> tuple[str, ...]:
        """The resource ids of the user-assigned identities of a cluster."""
        identity = self.get(name).get("identity") or {}
        return tuple(identity.get("userAssignedIdentities") or ())

    def _identity(self, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        """The identity of a cluster `name`, with the ids of its principals.

        Raises AzureError 400 for a user-assigned identity that does not exist.
        """
        assigned = sent.get("userAssignedIdentities") or {}
        inventory = self._workspace.inventory
        for each in assigned:
            if inventory.get(each) is None:
                raise refused(
                    "FailedIdentityOperation", f"The identity '{each}' was not found.", target="identity"
                )
        return inventory.expanded(sent, f"{self._workspace.path}/computes/{name}")

    def delete(self, name: str) -> Change | None:
        """Delete a cluster; returns None if it does not exist."""
        if self.provisioned.find(name.lower()) is None:
            return None
        self._workspace.inventory.own_identities.end(f"{self._workspace.path}/computes/{name}")
        return self.provisioned.remove(name.lower())


def check_same(name: str, earlier: Document, inner: Document) -> None:
    """Raises AzureError 400 for a change of what cannot be changed."""
    for key, what in FIXED.items():
        had, wanted = comparable(earlier.get(key)), comparable(inner[key])
        if had.lower() != wanted.lower():
            raise refused(
                f"Compute{key[0].upper()}{key[1:]}Immutable",
                f"The {what} of compute '{name}' cannot be changed"
                f" from {had or 'none'} to {wanted or 'none'}.",
                target=key,
            )


def comparable(value: Any) -> str:
    """A fixed property as text: a subnet is `{"id": ...}`."""
    return str((value or {}).get("id") or "") if not isinstance(value, str) else value


def _cluster(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the cluster's own properties, checked and with Azure's defaults."""
    size = sent.get("vmSize")
    if not isinstance(size, str) or not size:
        raise invalid("properties.properties.vmSize is missing.", "vmSize")
    scale = sent.get("scaleSettings") or {}
    low, high = scale.get("minNodeCount", 0), scale.get("maxNodeCount")
    if not isinstance(low, int) or not isinstance(high, int) or not 0 <= low <= high:
        raise invalid("scaleSettings must have 0 <= minNodeCount <= maxNodeCount.", "scaleSettings")
    return {
        "osType": "Linux",
        "vmSize": size,
        "vmPriority": sent.get("vmPriority") or "Dedicated",
        "subnet": sent.get("subnet"),
        "scaleSettings": {
            "minNodeCount": low,
            "maxNodeCount": high,
            "nodeIdleTimeBeforeScaleDown": scale.get("nodeIdleTimeBeforeScaleDown") or "PT2M",
        },
        "remoteLoginPortPublicAccess": sent.get("remoteLoginPortPublicAccess") or "NotSpecified",
        "enableNodePublicIp": bool(sent.get("enableNodePublicIp", True)),
        "allocationState": "Steady",
        "errors": None,
        "currentNodeCount": low,
        "targetNodeCount": low,
    }
