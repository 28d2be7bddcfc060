"""Which role is missing where Azure refuses a call of the app, or of what trains and scores for it.

Roles and scopes are called as in docs/roles.md. Sources of the words: "Troubleshoot Azure RBAC" for Resource
Manager; "Common REST API error codes" for storage; "Troubleshoot Azure Data Factory" for 2501 and 2502;
Azure-DataFactory#526 for Batch; Azure Key Vault's "Caller is not authorized to perform action on resource".
"""

import re
from dataclasses import dataclass

REFUSALS = frozenset(
    {
        "AuthorizationFailed",
        "AuthorizationPermissionMismatch",
        "LinkedAuthorizationFailed",
        "Unauthorized",
    }
)
"""Codes with which Azure refuses a caller whom it knows."""
RECENT = "A role that was assigned just now may take 10 minutes to work."
STORAGE_REFUSES = (
    r"AuthorizationPermissionMismatch|not authorized to perform this operation using this permission"
)


@dataclass(frozen=True)
class Role:
    """A role assignment. name: in bicep/roles.json. pattern: of the words of a refusal without it."""

    name: str
    role: str
    scope: str
    pattern: str

    @property
    def words(self) -> str:
        return f"{self.role} on the {self.scope}"


APP = (
    Role(
        "appGivesClustersTheirIdentity",
        "Managed Identity Operator",
        "identity scoring",
        r"userAssignedIdentities/assign/action",
    ),
    Role(
        "appMakesClusters",
        "AzureML Compute Operator",
        "Azure ML workspace",
        r"Microsoft\.MachineLearningServices/workspaces/computes/write",
    ),
    Role(
        "appRegistersDeploysAndScores",
        "AzureML Data Scientist",
        "Azure ML workspace",
        r"Microsoft\.MachineLearningServices/",
    ),
    Role(
        "appRunsPipelines",
        "Touchdown pipeline runner",
        "data factory",
        r"Microsoft\.DataFactory/",
    ),
    Role("appTellsOthers", "EventGrid Data Sender", "topic of lifecycle events", r"/api/events\b"),
    Role(
        "appReadsTrainingLogs",
        "Storage Blob Data Reader",
        "container adfjobs of the data account",
        r"https://[^/]+\.blob\.[^/]+/adfjobs\b",
    ),
    Role(
        "appReadsScoringLogs",
        "Storage Blob Data Reader",
        "container azureml of the data account",
        r"https://[^/]+\.blob\.[^/]+/azureml(?=[/\]])",
    ),
    Role(
        "appReadsAndWritesRuns",
        "Touchdown blob writer",
        "container of datasets, code and runs",
        r"https://[^/]+\.blob\.",
    ),
)
"""Those of the app's identity; of several that a refusal matches, the first is missing."""

PERSON = (
    Role(
        "publisherPublishesTrainer",
        "Touchdown blob writer",
        "container of datasets, code and runs",
        "",
    ),
    Role("uploadersUpload", "Touchdown uploader", "container of datasets, code and runs", ""),
)
"""Those of a person who deploys or uploads."""

TRAINING = (
    (
        r"Caller is not authorized to perform action on resource",
        (
            Role("trainingReadsStorageKey", "Key Vault Secrets User", "secret data-storage-key", ""),
            Role("trainingReadsBatchKey", "Key Vault Secrets User", "secret batch-key", ""),
        ),
        " and ",
    ),
    (
        r"Cannot access user batch account",
        (
            Role("trainingManagesBatch", "Azure Batch Account Contributor", "Batch account", ""),
            Role("trainingSubmitsTasks", "Azure Batch Data Contributor", "Batch account", ""),
        ),
        ", with roleSet=Narrow ",
    ),
    (
        rf"Cannot access user storage account|Azure Blob\(s\) is denied|{STORAGE_REFUSES}",
        (
            Role("trainingOwnsDataAccount", "Touchdown blob owner", "data account", ""),
            Role("trainingUsesDataAccount", "Touchdown container maker", "data account", ""),
        ),
        ", with roleSet=Narrow ",
    ),
)
"""Those of the identity that trains, by the words in which Data Factory says why an activity has failed."""


def of_app(code: str, words: str) -> str:
    """The role that the app lacks, as a sentence. code: of an error of Azure, which says `words`; or ""."""
    if code not in REFUSALS:
        return ""
    found = next((each for each in APP if re.search(each.pattern, words, re.IGNORECASE)), None)
    return f"The app's identity lacks the role {found.words}: docs/roles.md. {RECENT}" if found else ""


def of_person(words: str) -> str:
    """The role that a person lacks whom storage refuses with these words, as a sentence; or ""."""
    if not re.search(STORAGE_REFUSES, words):
        return ""
    deploys, uploads = PERSON
    return (
        f"Whoever uploads needs the role {uploads.role}, and whoever deploys {deploys.role}, on"
        f" the {uploads.scope}: docs/roles.md. The condition of each allows some names only: of"
        f" an uploader, those below datasets/ that begin with its prefix. {RECENT}"
    )


def of_training(words: str) -> str:
    """The roles that a training may lack that failed with these words, as a sentence; or ""."""
    for pattern, roles, joint in TRAINING:
        if re.search(pattern, words, re.IGNORECASE):
            needed = joint.join(each.words for each in roles)
            return f"The identity that trains needs the role {needed}: docs/roles.md. {RECENT}"
    return ""
