"""Why a scoring job failed, in Azure's own words, and what to do about it."""

import logging
from collections.abc import Callable

from azure.core.exceptions import AzureError, ResourceNotFoundError

from runs import remedies
from runs.contracts import Json
from runs.text import quote
from services.addresses import may_receive_management_token
from services.blobs import read_end
from services.clients import Clients
from services.errors import explain

log = logging.getLogger("touchdown.activities")

ARTIFACT_STORE = "azureml"
"""The container behind a workspace's datastore workspaceartifactstore, to which its runs write their logs."""
ERROR_LOG_LENGTH = 1500
"""Characters, from the end of a failed scoring job's error.txt, that its run keeps."""
MESSAGE_LENGTH = 1500
"""Characters of an error in the run history that its run keeps."""
API_VERSION = "2024-04-01"
NO_REASON = "its logs in Azure ML studio say why"


def why_failed(job: str, clients: Clients) -> str:
    """Why a scoring job failed: what the run history says, the end of the log, and what to do.

    Resource Manager does not say why a job failed. The run history does, at the address that the workspace
    names for discovery (azure-ai-ml 1.35 `_run_operations.py`). A scoring job has a child, batchscoring,
    whose error and log tell why. If its image could not be built or it could not be submitted, there is no
    child, and only the job itself has an error (`_job_ops_helper.py`, which streams a job, shows that one).
    """
    own = attempt("its own error", lambda: history_error(job, clients)) or ""
    children = attempt("its children", lambda: child_runs(job, clients)) or []
    return remedies.failure(own, [child_error(child, clients) for child in children]) or NO_REASON


def attempt[T](what: str, read: Callable[[], T]) -> T | None:
    """The result of `read`; None, with a warning in the log, if it fails: one part may be missing."""
    try:
        return read()
    except (AzureError, ValueError) as error:
        why = explain(error) if isinstance(error, AzureError) else error
        log.warning("of a scoring job, %s could not be read: %s", what, why)
        return None


def child_runs(job: str, clients: Clients) -> list[str]:
    return [str(child.name) for child in clients.machine_learning.jobs.list(parent_job_name=job)]


def child_error(run: str, clients: Clients) -> str:
    """The error of a job's child, and the end of its log; or "".

    "Troubleshoot batch endpoints", "Get logs": the traceback of a model that cannot score is in
    logs/user/error.txt. The driver writes none if it fails before it scores.
    """
    error = attempt("the error of its child", lambda: history_error(run, clients)) or ""
    logged = attempt("its error.txt", lambda: logged_error(run, clients))
    no_log = remedies.STORAGE_ROLES if logged == "" and remedies.is_driver_failure(error) else ""
    return " ".join(part for part in (error, logged, no_log) if part)


def history_error(run: str, clients: Clients) -> str:
    """The error of a run in the run history, with its details, or ""."""
    settings = clients.settings
    discovery = str(clients.machine_learning.workspaces.get(settings.workspace).discovery_url)
    api = str(get_json(discovery, clients).get("api", ""))
    details = get_json(f"{api}/history/v1.0{settings.workspace_id}/runs/{run}/details", clients)
    return remedies.messages(details)[:MESSAGE_LENGTH]


def cluster_error(name: str, clients: Clients) -> str:
    """Why a cluster cannot start nodes, in Azure's words and with what to do; "" if it reports no error.

    A cluster that has reached a quota keeps its jobs waiting. It says so in its own `errors`, which
    azure-ai-ml does not show ("Compute - Get", AmlComputeProperties).
    """
    settings = clients.settings
    url = f"{settings.resource_manager}{settings.workspace_id}/computes/{name}?api-version={API_VERSION}"
    cluster = attempt("the errors of its cluster", lambda: get_json(url, clients)) or {}
    inner = (cluster.get("properties") or {}).get("properties") or {}
    words = [remedies.coded(each) for each in inner.get("errors") or []]
    return remedies.with_remedy(" ".join(dict.fromkeys(each for each in words if each))[:MESSAGE_LENGTH])


def get_json(url: str, clients: Clients) -> Json:
    """The JSON object at an address that a response has named; {} if the address is not Azure's."""
    from azure.core.rest import HttpRequest

    if not may_receive_management_token(url, clients.settings):
        log.warning("%s is not asked: it may not receive a token of this app", quote(url))
        return {}
    response = clients.resource_manager.send_request(HttpRequest("GET", url))
    response.raise_for_status()
    document = response.json()
    return document if isinstance(document, dict) else {}


def logged_error(run: str, clients: Clients) -> str:
    """The end of the error.txt that a run logged, or ""."""
    path = f"ExperimentRun/dcid.{run}/logs/user/error.txt"
    blob = clients.storage.get_blob_client(ARTIFACT_STORE, path)
    try:
        end = read_end(blob, 4 * ERROR_LOG_LENGTH)
    except ResourceNotFoundError:
        return ""
    return end.decode("utf-8", errors="replace").strip()[-ERROR_LOG_LENGTH:]
