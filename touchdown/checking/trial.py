"""A first run from its upload to its clean-up."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import httpx
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from touchdown.checking import cleaning, first_run
from touchdown.checking.deployment import Deployment
from touchdown.checking.findings import Finding, Outcome, Tell
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


type Following = Callable[[], AbstractContextManager[Report]]
"""Makes what hears of the run while it is followed."""


def unheard() -> AbstractContextManager[Report]:
    return nullcontext(lambda _: None)


def trial(
    client: Client,
    found: Deployment,
    tell: Tell,
    *,
    following: Following = unheard,
    on_interrupt: Callable[[], None] = lambda: None,
    limit: float = RUN_LIMIT,
) -> None:
    """Upload a dataset, follow its run, and delete what that made, whatever happens in between.

    `on_interrupt` is called after a KeyboardInterrupt, before the clean-up; `following` has ended by then.
    """
    if not client.target.function_key and not client.target.api_scope:
        tell(NO_KEY)
        return
    shared = first_run.names_for_all(found)
    if shared:
        message = (
            f"not tried: {shared} of the app gives every run the same name, so a run of the check has none."
        )
        tell(Finding("first run", Outcome.NOT_CHECKED, message))
        return
    attempt, nothing_made = first_run.named(client.target.workspace_path), False
    try:
        try:
            attempt = first_run.upload(client, attempt)
        except AzureError as error:
            tell(not_uploaded(client, attempt, error))
            nothing_made = is_refusal(error)
            return
        with following() as report:
            ended = followed(client, found, attempt, report, limit)
        tell(ended)
    except KeyboardInterrupt:
        on_interrupt()
        raise
    finally:
        if not nothing_made:
            cleaning.clean(client, attempt, tell)


def not_uploaded(client: Client, attempt: Attempt, error: AzureError) -> Finding:
    """Why a dataset cannot be uploaded."""
    target = client.target
    said = f"{attempt.dataset} cannot be uploaded to {target.blob_url}/{target.container}: {error}"
    if isinstance(error, HttpResponseError) and error.status_code == FORBIDDEN:
        said += (
            f" Whoever checks needs Touchdown blob writer on container {target.container}: give"
            " your object id as publisherPrincipalId. A new assignment takes effect within 30 minutes."
        )
    return Finding("first run", Outcome.FAILED, said)


def is_refusal(error: AzureError) -> bool:
    """Whether the service, or whoever gives its tokens, refused a call, which then had no effect."""
    if isinstance(error, ClientAuthenticationError):
        return True
    return isinstance(error, HttpResponseError) and 400 <= (error.status_code or 0) < 500


def followed(client: Client, found: Deployment, attempt: Attempt, report: Report, limit: float) -> Finding:
    """How the run ended; where it cannot be followed, why."""
    try:
        return first_run.follow(client, found, attempt, report, limit)
    except (ClientError, AzureError, httpx.HTTPError) as error:
        message = f"run {attempt.run_id} cannot be followed: {error or type(error).__name__}"
        return Finding("first run", Outcome.FAILED, message)
