"""The Touchdown that a client talks to, on this machine or in Azure."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


@dataclass(frozen=True)
class Target:
    """The addresses and names of one deployed Touchdown, and the identity that uses it.

    api: URL of the Function App, without /api. function_key: one of its function keys; "" sends none.
    blob_url: URL of the storage account's Blob service. container: the container of the workspace's
    datastore, in which Touchdown keeps datasets and runs. datastore: the name of that datastore.
    resource_manager: URL of Azure Resource Manager. credential: for storage, Resource Manager and scoring.
    api_scope: scope of the tokens with which the API is called, if it asks for a sign-in ("api://ID/.default").
    verify: path of the CA bundle that signs the addresses' certificates; "" uses the system's default.
    proxy: URL of the proxy for every https address; "" uses the environment's, if any.
    """

    api: str
    function_key: str = field(repr=False)
    blob_url: str
    container: str
    resource_manager: str
    subscription: str
    resource_group: str
    workspace: str
    datastore: str
    credential: "TokenCredential" = field(repr=False)
    verify: str = ""
    proxy: str = ""
    api_scope: str = ""

    @property
    def workspace_path(self) -> str:
        """The Resource Manager id of the Azure ML workspace."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    @property
    def is_on_loopback(self) -> bool:
        """Whether the API is on this machine, where no proxy must come between."""
        host = urlsplit(self.api).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def datastore_uri(self, path: str) -> str:
        """The URI by which Azure ML reads and writes a blob of the container."""
        return f"azureml://datastores/{self.datastore}/paths/{path}"
