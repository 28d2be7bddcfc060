"""The identities of Touchdown on a localcloud and their roles: those that bicep/modules/roles*.bicep assigns.

What a localcloud lacks (registry, key vault, telemetry) has no assignments here.
"""

from uuid import NAMESPACE_URL, uuid5

from localcloud.access.built_in import built_in_named
from localcloud.home import SUBSCRIPTION
from localcloud.identities import object_id_of
from localcloud.persons import person
from localcloud.spec import Json, Resource

from touchdown.local.names import (
    BATCH_ID,
    CONTAINER,
    DEAD_LETTERS,
    FACTORY_ID,
    GROUP_ID,
    STORAGE_ID,
    TOPIC_ID,
    WORKSPACE_PATH,
    identity_id,
)

AUTHORIZATION = "providers/Microsoft.Authorization"
CONTAINERS = f"{STORAGE_ID}/blobServices/default/containers"
RUNS = f"{CONTAINERS}/{CONTAINER}"
PIPELINE_RUNNER = str(uuid5(NAMESPACE_URL, "Touchdown pipeline runner"))
PIPELINE_ACTIONS = (
    "read",
    "pipelines/read",
    "pipelines/createRun/action",
    "pipelineruns/*",
    "querypipelineruns/*",
)

IDENTITIES = ("app", "events", "scoring", "training", "workspace")
ASSIGNED = (
    ("app", "Storage Blob Data Owner", STORAGE_ID),
    ("app", "Storage Queue Data Contributor", STORAGE_ID),
    ("app", "Storage Table Data Contributor", STORAGE_ID),
    ("app", "Managed Identity Operator", identity_id("scoring")),
    ("app", "AzureML Data Scientist", WORKSPACE_PATH),
    ("app", "AzureML Compute Operator", WORKSPACE_PATH),
    ("app", "EventGrid Data Sender", TOPIC_ID),
    ("events", "Storage Blob Data Contributor", f"{CONTAINERS}/{DEAD_LETTERS}"),
    ("training", "Storage Blob Data Owner", STORAGE_ID),
    ("training", "Azure Batch Account Contributor", BATCH_ID),
    ("scoring", "Storage Blob Data Contributor", STORAGE_ID),
    ("scoring", "Storage Table Data Contributor", STORAGE_ID),
    ("scoring", "Storage Queue Data Contributor", STORAGE_ID),
    ("scoring", "Storage File Data Privileged Contributor", STORAGE_ID),
    ("workspace", "Contributor", STORAGE_ID),
    ("workspace", "Storage Blob Data Contributor", STORAGE_ID),
    ("workspace", "Storage File Data Privileged Contributor", STORAGE_ID),
    ("workspace", "Storage Table Data Contributor", STORAGE_ID),
    ("workspace", "Storage Queue Data Contributor", STORAGE_ID),
    ("workspace", "Contributor", WORKSPACE_PATH),
    ("person", "Storage Blob Data Contributor", RUNS),
)
"""Identity or person, role and scope."""


def identities(region: str) -> list[Resource]:
    return [Resource(identity_id(name), {"location": region}, "2024-11-30") for name in IDENTITIES]


def carrying(name: str) -> Json:
    """The `identity` of a resource that carries one of IDENTITIES."""
    return {"type": "UserAssigned", "userAssignedIdentities": {identity_id(name): {}}}


def assignments() -> list[Resource]:
    """The custom role of Bicep that the app needs, and all assignments."""
    return [
        Resource(
            f"{GROUP_ID}/{AUTHORIZATION}/roleDefinitions/{PIPELINE_RUNNER}",
            {
                "properties": {
                    "roleName": "Touchdown pipeline runner",
                    "type": "CustomRole",
                    "permissions": [
                        {"actions": [f"Microsoft.DataFactory/factories/{each}" for each in PIPELINE_ACTIONS]}
                    ],
                    "assignableScopes": [GROUP_ID],
                }
            },
            "2022-04-01",
        ),
        assigned("app", PIPELINE_RUNNER, FACTORY_ID),
        *(assigned(who, role_of(role), scope) for who, role, scope in ASSIGNED),
    ]


def role_of(name: str) -> str:
    """The id of a built-in role."""
    found = built_in_named(name)
    assert found is not None
    return found.id


def assigned(who: str, role: str, scope: str) -> Resource:
    """An assignment of a role, by its id, to one of IDENTITIES or a person."""
    is_identity = who in IDENTITIES
    return Resource(
        f"{scope}/{AUTHORIZATION}/roleAssignments/{uuid5(NAMESPACE_URL, f'{who} {role} {scope}')}",
        {
            "properties": {
                "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{AUTHORIZATION}/roleDefinitions/{role}",
                "principalId": object_id_of(identity_id(who)) if is_identity else person(who).object_id,
                "principalType": "ServicePrincipal" if is_identity else "User",
            }
        },
        "2022-04-01",
    )
