"""The names of Touchdown's resources on a localcloud."""

from localcloud.home import SUBSCRIPTION, WORKSPACE_ID

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

GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
FACTORY_ID = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
