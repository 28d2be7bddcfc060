"""The names of Touchdown's resources on a localcloud, and their resource ids."""

from localcloud.home import STORAGE_ACCOUNT, SUBSCRIPTION, WORKSPACE_ID

RESOURCE_GROUP = "touchdown"
WORKSPACE = "touchdown"
CONTAINER = f"azureml-blobstore-{WORKSPACE_ID}"
"""The container that Azure ML makes for a workspace's default datastore."""
DATASTORE = "workspaceblobstore"
FACTORY = "touchdown-localcloud"
BATCH_ACCOUNT = "touchdown"
POOL = "trainers"
TOPIC = "touchdown-runs"
SYSTEM_TOPIC = "touchdown-uploads"
SITE = "touchdown"
DEAD_LETTERS = "deadletter"
"""The container for events that could not be delivered."""

GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
STORAGE_ID = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"
WORKSPACE_PATH = f"{GROUP_ID}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
FACTORY_ID = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
BATCH_ID = f"{GROUP_ID}/providers/Microsoft.Batch/batchAccounts/{BATCH_ACCOUNT}"
TOPIC_ID = f"{GROUP_ID}/providers/Microsoft.EventGrid/topics/{TOPIC}"
SYSTEM_TOPIC_ID = f"{GROUP_ID}/providers/Microsoft.EventGrid/systemTopics/{SYSTEM_TOPIC}"
SITE_ID = f"{GROUP_ID}/providers/Microsoft.Web/sites/{SITE}"


def identity_id(name: str) -> str:
    """The resource id of the identity of a component, such as `scoring`."""
    return f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{name}-{WORKSPACE}"
