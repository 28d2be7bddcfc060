"""What to do about a failure of Azure ML or Data Factory, by Azure's own words for it.

Sources of the words: "Manage and increase quotas" and Azure/azureml-examples for the quotas; the error bodies
in Azure-Samples/azure-search-openai-demo#2220 (TasksOperationsNotAllowed), MicrosoftLearning/mslearn-dp100#35
(JobNodeCountExceedsCoreQuota) and Azure/azure-sdk-for-python#39535 ("Image build failed").
For those about keys: "Troubleshoot Azure Data Factory" (2505) and "Prevent Shared Key authorization for an
Azure Storage account".
"""

import re

from runs import missing_roles
from runs.missing_roles import RECENT, STORAGE_REFUSES

QUOTA = (
    "Request more cores of this VM family for Azure Machine Learning, or set vm_size and compute_name to a"
    ' family for which there are some: docs/deploy.md, "Quotas that bite".'
)
TASKS = (
    "This subscription may not run tasks in its container registry, which build the images: let a cluster"
    " build them (parameter imageBuildCompute), or ask Azure support: docs/deploy.md,"
    " TasksOperationsNotAllowed."
)
IMAGE = (
    "The image of the model's environment could not be built: its log is in Azure ML studio under"
    " Environments, and in the registry under Tasks, Runs. Usually a package of the model's conda.yaml cannot"
    " be installed."
)
STORAGE_ROLES = (
    "It wrote no error.txt: usually the cluster's identity may not use the workspace's storage account. Azure"
    " ML's driver needs Touchdown container maker, Storage Table Data Contributor and Storage Queue Data"
    " Contributor on the data account, or with roleSet=Narrow Touchdown blob writer on two containers in"
    " place of the first (docs/roles.md). Otherwise a package that the driver imports is missing from the"
    " model's environment: docs/deploy.md, exit code 42."
)
BLOB_ROLES = (
    "An identity of Azure ML may not use a blob. The workspace's needs Storage Blob Data Contributor on the"
    " data account. The cluster's needs Touchdown container maker there, or with roleSet=Narrow Touchdown"
    " blob writer on the container of datasets, code and runs and on the container azureml of the data"
    " account: docs/roles.md."
    f" {RECENT}"
)
KEYS = (
    "Data Factory did not accept its identity in place of a key: deploy with batchAuthentication=KeyVault:"
    ' docs/deploy.md, "When keys are needed".'
)
KEYS_OFF = (
    "Data Factory uses the account's key (batchAuthentication=KeyVault), and the account takes none: deploy"
    " the infrastructure again, which turns keys on. Where a policy forbids keys, deploy with"
    ' batchAuthentication=ManagedIdentity: docs/deploy.md, "When keys are needed".'
)

CHILD_FAILED = "failed child jobs"
"""Part of what the run history says about a job of which a child failed; the child's own error says why."""

_REMEDIES = (
    (re.compile(r"TasksOperationsNotAllowed|ACR Tasks requests", re.IGNORECASE), TASKS),
    (
        re.compile(
            r"Exceeds?CoreQuota|CoreQuotaReached|QuotaExceeded|vCPU quota|quota limit|exceed\w*[^.]*quota",
            re.IGNORECASE,
        ),
        QUOTA,
    ),
    (re.compile(STORAGE_REFUSES), BLOB_ROLES),
    (re.compile(r"image build|ImageBuild|build(ing)? (the |an )?image", re.IGNORECASE), IMAGE),
)
_OF_TRAINING = (
    (re.compile(r"KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted"), KEYS_OFF),
    (re.compile(r"Cannot create Shared Access Signature"), KEYS),
)
_DRIVER_FAILED = re.compile(r"(?:status|exit) code:? 42\b|SystemExit: 42\b", re.IGNORECASE)


def remedy(words: str) -> str:
    """What to do about an error that Azure ML describes in these words; "" if that is not known."""
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(words)), "")


def of_training(code: str, words: str) -> str:
    """The error of a Custom activity, by Data Factory's code and words, and what to do if that is known."""
    known = next((remedy for pattern, remedy in _OF_TRAINING if pattern.search(words)), "")
    found = known or missing_roles.of_training(words)
    coded = f"{code}: {words}" if code and words else words
    return f"{coded.rstrip()} {found}".strip()


def is_about_quota(words: str) -> bool:
    """Whether Azure ML refuses something because the subscription has too few cores for it."""
    return remedy(words) == QUOTA


def is_driver_failure(words: str) -> bool:
    """Whether an error says no more than that the driver of a batch deployment has failed (exit code 42)."""
    return bool(_DRIVER_FAILED.search(words))


def messages(run: object) -> str:
    """The message of a run's error in the run history, with those of its details; "" if it has no error.

    Source: azure-ai-ml 1.35 `_restclient/runhistory`, Run.error, ErrorResponse and RootError.
    """
    response = run.get("error") if isinstance(run, dict) else None
    error = response.get("error") if isinstance(response, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    every = [error, *(details if isinstance(details, list) else [])]
    found = [each["message"] for each in every if isinstance(each, dict) and each.get("message")]
    return " ".join(dict.fromkeys(map(str, found)))


def coded(response: object) -> str:
    """The code and the message of an error response, `{"error": {"code", "message"}}`; "" if it has none."""
    error = response.get("error") if isinstance(response, dict) else None
    parts = [error.get("code"), messages({"error": response})] if isinstance(error, dict) else []
    return ": ".join(str(part) for part in parts if part)


def failure(own: str, of_children: list[str]) -> str:
    """Why a job failed, in Azure's words and with what to do; "" if nothing says why.

    own: its own error. of_children: those of its children, which come without the job's own if that only
    points to them.
    """
    own = "" if CHILD_FAILED in own and any(of_children) else own
    return with_remedy(" ".join(dict.fromkeys(each for each in (own, *of_children) if each)))


def with_remedy(words: str) -> str:
    """An error in Azure's words, followed by what to do about it, if that is known."""
    found = remedy(words)
    return f"{words.rstrip()} {found}".strip() if found else words
