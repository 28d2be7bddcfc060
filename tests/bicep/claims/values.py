"""Claims about values that neither the compiler nor Azure's types hold to a list, each with its reason.

A property's name or value is listed here where its type is open: a slip there would first be seen in Azure.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.bicep.deployed import Deployed, differences
from tests.checkout import DEFINITIONS

CONTAINER = "format('azureml-blobstore-{0}', Microsoft.MachineLearningServices/workspaces/mlw-.workspaceId)"
ACCOUNT = "format('https://{0}.blob.{1}', 'stdata', environment().suffixes.storage)"
CREDENTIAL = {"referenceName": "training", "type": "CredentialReference"}
LINKED: dict[str, dict[str, Any]] = {
    "storage": {
        "type": "AzureBlobStorage",
        "typeProperties": {
            "serviceEndpoint": f"[format('{{0}}/', {ACCOUNT})]",
            "accountKind": "StorageV2",
            "credential": CREDENTIAL,
        },
    },
    "batch": {
        "type": "AzureBatch",
        "typeProperties": {
            "accountName": "ba",
            "batchUri": "[format('https://{0}', Microsoft.Batch/batchAccounts/ba.accountEndpoint)]",
            "poolName": "trainers",
            "linkedServiceName": {"referenceName": "storage", "type": "LinkedServiceReference"},
            "credential": CREDENTIAL,
        },
    },
}


def secret(name: str) -> dict[str, Any]:
    store = {"referenceName": "vault", "type": "LinkedServiceReference"}
    return {"type": "AzureKeyVaultSecret", "store": store, "secretName": name}


LINKED_WITH_KEYS = {
    "vault": {
        "type": "AzureKeyVault",
        "typeProperties": {"baseUrl": "[Microsoft.KeyVault/vaults/kv-.vaultUri]", "credential": CREDENTIAL},
    },
    "storage": {
        "type": "AzureBlobStorage",
        "typeProperties": {
            "connectionString": (
                "[format('DefaultEndpointsProtocol=https;AccountName={0};EndpointSuffix={1}', 'stdata',"
                " environment().suffixes.storage)]"
            ),
            "accountKey": secret("data-storage-key"),
        },
    },
    "batch": {
        "type": "AzureBatch",
        "typeProperties": {
            **{
                name: value
                for name, value in LINKED["batch"]["typeProperties"].items()
                if name != "credential"
            },
            "accessKey": secret("batch-key"),
        },
    },
}


def linked_services_use_one_identity_or_keys_of_the_vault(deployed: Deployed) -> Iterator[str]:
    """Azure's types leave open what a linked service contains.

    Their shapes: https://learn.microsoft.com/azure/data-factory/connector-azure-blob-storage and
    https://learn.microsoft.com/azure/data-factory/compute-linked-services.
    """
    if not deployed.is_main:
        return
    wanted = LINKED_WITH_KEYS if deployed.given.get("batchAuthentication") == "KeyVault" else LINKED
    found = {
        each["name"].rpartition("/")[2]: deployed.plain(each["properties"])
        for each in deployed.of("Microsoft.DataFactory/factories/linkedservices")
    }
    yield from differences("linked services", found, wanted)
    credential = {
        "type": "ManagedIdentity",
        "typeProperties": {"resourceId": "Microsoft.ManagedIdentity/userAssignedIdentities/id-training-"},
    }
    used = deployed.only("Microsoft.DataFactory/factories/credentials", "training")
    yield from differences("credential", deployed.plain(used["properties"]), credential)


def the_pipeline_is_the_definition_with_this_environments_places(deployed: Deployed) -> Iterator[str]:
    found = deployed.of("Microsoft.DataFactory/factories/pipelines")
    if len(found) != ("trainerHash" in deployed.given):
        yield f"{len(found)} pipelines"
    for each in found:
        wanted = json.loads((DEFINITIONS / "pipeline.json").read_text())["properties"]
        program = base64.b64encode((DEFINITIONS / "run_trainer.py").read_bytes()).decode()
        named = deployed.given["trainerHash"]
        train = wanted["activities"][0]["typeProperties"]
        train["command"] = train["command"].replace("{program}", program).replace("{trainerHash}", named)
        train["folderPath"] = f"[format('{{0}}/code/{{1}}', {CONTAINER}, '{named}')]"
        train["extendedProperties"] |= {
            "accountUrl": f"[{ACCOUNT}]",
            "container": f"[{CONTAINER}]",
            "clientId": "[Microsoft.ManagedIdentity/userAssignedIdentities/id-training-.clientId]",
        }
        text = json.dumps(deployed.plain(each["properties"]))
        # union() chooses between two values where only the deployment knows whether the second one is null.
        chosen = r"\[if\(equals\(([^\"]+), null\(\)\), '[^']*', \1\)\]"
        given = json.loads(re.sub(chosen, r"[\1]", text))
        yield from differences("pipeline", given, wanted)


def events_go_to_the_function_and_else_to_dead_letters(deployed: Deployed) -> Iterator[str]:
    found = deployed.of("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    definitions = [] if deployed.is_main else json.loads((DEFINITIONS / "subscriptions.json").read_text())
    named = {each["name"].rpartition("/")[2]: each for each in found}
    if sorted(named) != sorted(each["name"] for each in definitions):
        yield f"event subscriptions {sorted(named)}"
    for definition in definitions:
        given = deployed.plain(named[definition["name"]]["properties"])
        given_filter = given.pop("filter")
        wanted = {
            "eventDeliverySchema": "EventGridSchema",
            "destination": {
                "endpointType": "AzureFunction",
                "properties": {
                    "resourceId": f"Microsoft.Web/sites/func-/functions/{definition['functionName']}",
                    "maxEventsPerBatch": 1,
                    "preferredBatchSizeInKilobytes": 64,
                },
            },
            "retryPolicy": definition["retryPolicy"],
            "deadLetterWithResourceIdentity": {
                "identity": {
                    "type": "UserAssigned",
                    "userAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities/id-events-",
                },
                "deadLetterDestination": {
                    "endpointType": "StorageBlob",
                    "properties": {
                        "resourceId": "Microsoft.Storage/storageAccounts/sthost",
                        "blobContainerName": "deadletters",
                    },
                },
            },
        }
        yield from differences(f"event subscription {definition['name']}", given, wanted)
        # The filter holds the container's name, which only the deployment knows: it is one expression.
        text = json.dumps(definition["filter"], separators=(",", ":"))
        if given_filter != f"[json(replace('{text}', '{{container}}', {CONTAINER}))]":
            yield f"event subscription {definition['name']} has the filter {given_filter}"


def nodes_are_of_the_kind_that_is_asked_for(deployed: Deployed) -> Iterator[str]:
    """Which variable of the formula is set to 0: https://learn.microsoft.com/azure/batch/batch-automatic-scaling."""
    for each in deployed.of("Microsoft.Batch/batchAccounts/pools"):
        formula = each["properties"]["scaleSettings"]["autoScale"]["formula"]
        kinds = ["$TargetDedicatedNodes", "$TargetLowPriorityNodes"]
        if deployed.case in ("spot", "everything"):
            kinds.reverse()
        limits = "8, ceil(tasks / 4)" if deployed.case == "everything" else "2, ceil(tasks / 2)"
        if not {f"{kinds[0]} = min({limits});", f"{kinds[1]} = 0;"} <= {*formula.splitlines()}:
            yield f"the pool scales by: {formula}"
    for each in deployed.of("Microsoft.MachineLearningServices/workspaces/computes"):
        if each["properties"]["properties"].get("vmPriority") != "Dedicated":
            yield "the scoring cluster has other nodes than dedicated ones"


def nodes_start_with_the_start_task(deployed: Deployed) -> Iterator[str]:
    """The start task travels as one line: nothing says how Batch hands a node a value of several lines."""
    script = (DEFINITIONS / "start-task.sh").read_bytes()
    folder = f"format('{{0}}/{{1}}/code/pool', {ACCOUNT}, {CONTAINER})"
    identity = {"resourceId": "Microsoft.ManagedIdentity/userAssignedIdentities/id-training-"}
    for each in deployed.of("Microsoft.Batch/batchAccounts/pools"):
        task = deployed.plain(each["properties"]["startTask"])
        hashes = json.loads((DEFINITIONS / "start-files.json").read_text())
        settings = {setting["name"]: setting["value"] for setting in task["environmentSettings"]}
        if base64.b64decode(settings.pop("START_TASK")) != script:
            yield "nodes get another start task"
        if settings != {f"{name.split('.')[0].upper()}_SHA256": each for name, each in hashes.items()}:
            yield f"nodes expect {settings}"
        wanted = [
            {
                "httpUrl": f"[format('{{0}}/{{1}}/{name}', {folder}, '{hashes[name]}')]",
                "filePath": name,
                "identityReference": identity,
            }
            for name in ("requirements.txt", "uv.txt", "python.json")
        ]
        if task["resourceFiles"] != wanted:
            yield f"nodes download {task['resourceFiles']}"
        if '"$START_TASK" | base64 --decode' not in task["commandLine"] or not task["waitForSuccess"]:
            yield f"nodes run {task['commandLine']}"


def old_files_are_deleted(deployed: Deployed) -> Iterator[str]:
    """Logs of Custom activities, versions that were replaced, and dead letters: nothing else deletes them."""
    days = 90 if deployed.case == "everything" else 30
    after = {"delete": {"daysAfterModificationGreaterThan": days}}
    wanted = {
        "delete-activity-logs": {
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["adfjobs/"]},
            "actions": {"baseBlob": after},
        },
        "delete-earlier-versions": {
            "filters": {"blobTypes": ["blockBlob", "appendBlob"]},
            "actions": {"version": {"delete": {"daysAfterCreationGreaterThan": days}}},
        },
        "delete-dead-letters": {
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["deadletters/"]},
            "actions": {"baseBlob": after},
        },
    }
    found = {
        rule["name"]: rule["definition"]
        for each in deployed.of("Microsoft.Storage/storageAccounts/managementPolicies")
        for rule in each["properties"]["policy"]["rules"]
        if rule["enabled"] and rule["type"] == "Lifecycle"
    }
    yield from differences("policies", found, wanted if deployed.is_main else {})


CLAIMS = [
    linked_services_use_one_identity_or_keys_of_the_vault,
    the_pipeline_is_the_definition_with_this_environments_places,
    events_go_to_the_function_and_else_to_dead_letters,
    nodes_are_of_the_kind_that_is_asked_for,
    nodes_start_with_the_start_task,
    old_files_are_deleted,
]
