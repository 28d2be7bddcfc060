"""What several steps ask of the Azure ML workspace."""

from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from runs.contracts import Upload
from services.clients import Clients

if TYPE_CHECKING:
    from azure.ai.ml.entities import BatchDeployment, BatchEndpoint

TAG_LENGTH = 256
"""Characters of a tag's value. Azure ML refuses an empty value (azure-sdk-for-python #41586)."""


def lineage(run_id: str, upload: Upload) -> dict[str, str]:
    """The tags by which a model version or a deployment is found again and traced to its dataset."""
    return {
        "run": run_id,
        "dataset": upload.dataset[:TAG_LENGTH],
        "etag": upload.etag,
        "uploaded": upload.uploaded_at,
    }


def datastore_uri(path: str, clients: Clients) -> str:
    """The URI by which Azure ML knows a path in the app's container."""
    return f"azureml://datastores/{clients.settings.datastore}/paths/{path}"


def default_of(endpoint: "BatchEndpoint") -> str:
    """The name of an endpoint's default deployment, or "" if it has none."""
    return (endpoint.defaults.deployment_name or "") if endpoint.defaults else ""


def find_deployment(endpoint: str, name: str, clients: Clients) -> "BatchDeployment | None":
    try:
        return clients.machine_learning.batch_deployments.get(name, endpoint)
    except ResourceNotFoundError:
        return None
