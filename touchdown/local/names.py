"""The names and ids of Touchdown's resources on a localcloud, as the snapshots have them."""

from functools import cache

from touchdown.local.snapshots import MAIN, read


@cache
def _ids() -> dict[tuple[str, str], str]:
    """The ids of what main.bicep deploys, by type and name."""
    found = read(MAIN)["predictedResources"]
    return {(each["type"], each["name"]): each["id"] for each in found if "(" not in each["id"]}


def id_of(type_: str, beginning: str = "") -> str:
    """The id of the resource of a type whose own name begins so. Raises ValueError unless there is one."""
    (found,) = [
        id_
        for (kind, name), id_ in _ids().items()
        if kind == type_ and name.rpartition("/")[2].startswith(beginning)
    ]
    return found


def name_of(type_: str, beginning: str = "") -> str:
    return id_of(type_, beginning).rpartition("/")[2]


def identity_id(name: str) -> str:
    """The resource id of the identity of a component, such as `scoring`."""
    return id_of("Microsoft.ManagedIdentity/userAssignedIdentities", f"id-{name}-")


GROUP_ID = id_of("Microsoft.Resources/resourceGroups")
RESOURCE_GROUP = GROUP_ID.rpartition("/")[2]
STORAGE_ID = id_of("Microsoft.Storage/storageAccounts", "stdata")
STORAGE_ACCOUNT = STORAGE_ID.rpartition("/")[2]
WORKSPACE_PATH = id_of("Microsoft.MachineLearningServices/workspaces")
WORKSPACE = WORKSPACE_PATH.rpartition("/")[2]
FACTORY_ID = id_of("Microsoft.DataFactory/factories")
FACTORY = FACTORY_ID.rpartition("/")[2]
BATCH_ID = id_of("Microsoft.Batch/batchAccounts")
BATCH_ACCOUNT = BATCH_ID.rpartition("/")[2]
POOL = name_of("Microsoft.Batch/batchAccounts/pools")
TOPIC_ID = id_of("Microsoft.EventGrid/topics")
TOPIC = TOPIC_ID.rpartition("/")[2]
SITE_ID = id_of("Microsoft.Web/sites")
SITE = SITE_ID.rpartition("/")[2]
DATASTORE = "workspaceblobstore"
