"""A first run from its upload to its clean-up."""

from collections.abc import Iterator

import httpx
from azure.core.exceptions import AzureError, HttpResponseError

from touchdown.checking import cleaning, first_run
from touchdown.checking.deployment import Deployment
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.first_run import RUN_LIMIT, Attempt, Report
from touchdown.client import Client
from touchdown.errors import ClientError

FORBIDDEN = 403
NO_KEY = Finding(
    "first run",
    Outcome.FAILED,
    "the app gives no function key: open its URL once, so that its host starts, and check again. Whoever"
    " checks needs the right to list the keys of its host (Microsoft.Web/sites/host/listkeys/action).",
)


def trial(client: Client, found: Deployment, report: Report, limit: float = RUN_LIMIT) -> Iterator[Finding]:
    """Upload a dataset, follow its run, and delete what that made, whatever happens in between."""
    if not client.target.function_key:
        yield NO_KEY
        return
    attempt = first_run.named(client.target.workspace_path)
    left: list[Finding] = []
    try:
        uploaded = upload(client, attempt)
        if isinstance(uploaded, Finding):
            yield uploaded
            return
        attempt = uploaded
        yield followed(client, found, attempt, report, limit)
    finally:
        if attempt.run_id:
            left = [*cleaning.clean(client, attempt)]
    yield from left


def upload(client: Client, attempt: Attempt) -> Attempt | Finding:
    """The attempt with its run's id, or why its dataset cannot be uploaded."""
    try:
        return first_run.upload(client, attempt)
    except AzureError as error:
        target = client.target
        said = f"{attempt.dataset} cannot be uploaded to {target.blob_url}/{target.container}: {error}"
        if isinstance(error, HttpResponseError) and error.status_code == FORBIDDEN:
            said += (
                f" Whoever checks needs Storage Blob Data Contributor on container {target.container}: give"
                " your object id as publisherPrincipalId. A new assignment takes effect within 30 minutes."
            )
        return Finding("first run", Outcome.FAILED, said)


def followed(client: Client, found: Deployment, attempt: Attempt, report: Report, limit: float) -> Finding:
    """How the run ended; where it cannot be followed, why."""
    try:
        return first_run.follow(client, found, attempt, report, limit)
    except (ClientError, httpx.HTTPError) as error:
        message = f"run {attempt.run_id} cannot be followed: {error or type(error).__name__}"
        return Finding("first run", Outcome.FAILED, message)
