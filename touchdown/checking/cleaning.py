"""Deletes what a first run made, and tells what stays."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from touchdown.checking.deployment import VERSIONS, WORKSPACE, pages
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.first_run import CANCEL_LIMIT, Attempt
from touchdown.client import ENDED, Client, Json
from touchdown.errors import ApiError, ClientError, WaitTimedOutError

DELETE_LIMIT = 900.0
POLLING_INTERVAL = 0.5
LONGEST_INTERVAL = 10.0
GONE, BUSY = 404, 409


def clean(client: Client, attempt: Attempt) -> Iterator[Finding]:
    """Delete dataset, endpoint, model and files of an attempt; each that cannot be deleted is a finding."""
    from azure.core.exceptions import AzureError

    steps: list[tuple[str, Callable[[], None]]] = [
        ("the run", lambda: stop(client, attempt)),
        (f"endpoint {attempt.endpoint}", lambda: delete(client, f"batchEndpoints/{attempt.endpoint}")),
        (f"model {attempt.model}", lambda: delete_model(client, attempt.model)),
        (f"dataset {attempt.dataset}", lambda: delete_blob(client, f"datasets/{attempt.dataset}")),
        (
            f"the lock of endpoint {attempt.endpoint}",
            lambda: delete_blob(client, f"locks/{attempt.endpoint}"),
        ),
        (f"files of run {attempt.run_id}", lambda: delete_files(client, attempt.run_id)),
    ]
    left = []
    for what, step in steps:
        try:
            step()
        except (ClientError, AzureError) as error:
            left.append(what)
            yield Finding("clean-up", Outcome.FAILED, f"{what} stays: {error}")
    if not left:
        stays = (
            f"its record, runs/{attempt.run_id}/run.json, stays in the list of runs, as do services' logs."
        )
        yield Finding(
            "clean-up", Outcome.OK, f"dataset, endpoint, model and files of the run are deleted; {stays}"
        )


def stop(client: Client, attempt: Attempt) -> None:
    """Cancel the run if it has not ended, and wait for its end."""
    run = client.find(attempt.run_id)
    if run is None or run["status"] in ENDED:
        return
    with suppress(ApiError):
        # It may have come to its end meanwhile. If it goes on, that is what the wait tells.
        client.cancel(attempt.run_id)
    client.wait(attempt.run_id, limit=CANCEL_LIMIT)


def delete(client: Client, path: str) -> None:
    """Delete something of the workspace, and wait until it is gone. Raises ApiError and WaitTimedOutError.

    Azure ML answers 409 while another operation on it is under way; then it is asked again.
    """
    start, method = time.monotonic(), "DELETE"
    while (waited := time.monotonic() - start) < DELETE_LIMIT:
        try:
            machine_learning(client, method, path)
            method = "GET"
        except ApiError as error:
            if error.status == GONE:
                return
            if error.status != BUSY:
                raise
        time.sleep(min(LONGEST_INTERVAL, max(POLLING_INTERVAL, waited / 10)))
    raise WaitTimedOutError(f"{path} still exists {DELETE_LIMIT:g} s after its deletion was asked for.")


def delete_model(client: Client, model: str) -> None:
    """Delete the versions of a model, and the model."""
    try:
        versions = [*model_versions(client, model)]
    except ApiError as error:
        if error.status == GONE:
            return
        raise
    for each in versions:
        delete(client, f"models/{model}/versions/{each['name']}")
    delete(client, f"models/{model}")


def model_versions(client: Client, model: str) -> Iterator[Json]:
    yield from pages(client, client.target.workspace_path, f"/models/{model}/versions")


def machine_learning(client: Client, method: str, path: str) -> Json:
    return client.resource_manager(
        method, f"{client.target.workspace_path}/{path}", params={"api-version": VERSIONS[WORKSPACE]}
    )


def delete_blob(client: Client, path: str) -> None:
    """Delete one blob, if it is there."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        client.container.delete_blob(path)
    except ResourceNotFoundError:
        return


def delete_files(client: Client, run_id: str) -> None:
    """Delete what the run wrote, but for its record: an event that comes twice must not start it again."""
    prefix = f"runs/{run_id}/"
    for each in client.container.list_blobs(name_starts_with=prefix):
        if each.name != f"{prefix}run.json":
            delete_blob(client, each.name)
