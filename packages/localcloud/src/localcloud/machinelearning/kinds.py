"""The workspace as a row: the resources that it names, and its identity.

Sources: "Workspaces - Create Or Update" of the Azure Machine Learning REST API, 2026-03-01; "Naming rules and
restrictions for Azure resources"; "Set up authentication" (user-assigned identities).
"""

from localcloud.identities import USER_ASSIGNED
from localcloud.inventory import WORKSPACE
from localcloud.providers.kinds import Kind, Name, Sent
from localcloud.service import Cloud
from localcloud.wire import AzureError

STORAGE = "Microsoft.Storage/storageAccounts"
NEEDED = ("storageAccount", "keyVault", "applicationInsights")


def check(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 where a workspace does not say which of its identities it uses."""
    identity = sent.body.get("identity") or {}
    carried = {each.lower() for each in identity.get("userAssignedIdentities") or {}}
    primary = str(sent.properties.get("primaryUserAssignedIdentity") or "").lower()
    only_user_assigned = str(identity.get("type")).lower() == "userassigned"
    if (only_user_assigned and not primary) or (primary and primary not in carried):
        message = (
            f"primaryUserAssignedIdentity of the workspace '{sent.name}' is one of its user assigned"
            " identities; it is required where the workspace has no system assigned identity."
        )
        raise AzureError(400, "BadRequest", message, target="properties.primaryUserAssignedIdentity")


KIND = Kind(
    WORKSPACE,
    ("2023-04-01", "2026-05-15"),
    Name(
        r"[A-Za-z0-9][\w-]{2,32}",
        "has 3 to 33 letters, digits, hyphens and underscores, and begins with a letter or digit",
        "BadRequest",
        "Workspace name {name} is invalid: it {rule}.",
    ),
    required=("properties", *(f"properties.{each}" for each in NEEDED)),
    choices={
        "kind": ("Default", "FeatureStore", "Hub", "Project"),
        "properties.publicNetworkAccess": ("Enabled", "Disabled"),
        "properties.systemDatastoresAuthMode": ("Identity", "AccessKey", "UserDelegationSAS"),
    },
    refers={
        "properties.storageAccount": STORAGE,
        "properties.keyVault": "Microsoft.KeyVault/vaults",
        "properties.applicationInsights": "Microsoft.Insights/components",
        "properties.containerRegistry": "Microsoft.ContainerRegistry/registries",
        "properties.primaryUserAssignedIdentity": USER_ASSIGNED,
    },
    fixed={"properties.storageAccount": None, "properties.keyVault": None, "properties.hbiWorkspace": False},
    read_only=("properties.workspaceId", "properties.discoveryUrl", "properties.mlFlowTrackingUri"),
    check=check,
)
