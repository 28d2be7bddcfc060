"""As whom Azure ML works: it holds no rights of its own.

The workspace's identity checks models and builds images; a cluster's identity mounts data, and writes logs
and predictions. A cluster without an identity works as the caller of its job. Sources: "Set up authentication
between Azure Machine Learning and other services"; "Authorization on batch endpoints".
"""

from localcloud.identities import PLATFORM, Principal
from localcloud.inventory import WORKSPACE
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.folders import Folders
from localcloud.machinelearning.uris import Workspace
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError


class Acting:
    """The principals with which Azure ML calls storage, and their blob folders there."""

    def __init__(self, cloud: Cloud, workspace: Workspace, computes: Computes) -> None:
        self._cloud = cloud
        self._workspace = workspace
        self._computes = computes

    def workspace(self) -> Principal:
        """The identity that the workspace uses. Raises AzureError 404 without a workspace."""
        found = self._cloud.inventory.one(WORKSPACE)
        if found is None:
            raise AzureError(404, "ResourceNotFound", "This cloud has no workspace yet.")
        primary = found["properties"].get("primaryUserAssignedIdentity")
        if primary:
            return self._cloud.principals.of_identity(primary)
        identity = found.get("identity") or {"type": "SystemAssigned"}
        return self._cloud.principals.carried(identity, found["id"])[0]

    def cluster(self, job: Document) -> Principal:
        """The identity of the cluster of a job, or the caller of the job if the cluster has none."""
        document = self._computes.get(job["compute"])
        carried = self._cloud.principals.carried(document.get("identity"), document["id"])
        return carried[-1] if carried else Principal(**job["caller"])

    def as_workspace(self) -> Folders:
        """Blob folders as the workspace's identity sees them."""
        return self._folders(self.workspace())

    def as_cluster(self, job: Document) -> Folders:
        """Blob folders as the identity of a job's cluster sees them."""
        return self._folders(self.cluster(job))

    def as_platform(self) -> Folders:
        """Blob folders for the containers that come with a workspace."""
        return self._folders(PLATFORM)

    def _folders(self, principal: Principal) -> Folders:
        return Folders(lambda: self._cloud.storage_as(principal, self._workspace.account))
