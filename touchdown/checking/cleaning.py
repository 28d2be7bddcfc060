"""Deletes what a first run made, and tells what stays."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx

from runs import naming
from touchdown.checking import by_hand, first_run
from touchdown.checking.deployment import VERSIONS, WORKSPACE, pages
from touchdown.checking.findings import Finding, Outcome, Tell
from touchdown.checking.first_run import CANCEL_LIMIT, Attempt
from touchdown.client import ENDED, Client, Json
from touchdown.errors import ApiError, ClientError, WaitTimedOutError

DELETE_LIMIT = 900.0
POLLING_INTERVAL = 0.5
LONGEST_INTERVAL = 10.0
GONE, BUSY = 404, 409


@dataclass(frozen=True)
class Step:
    """One thing to delete. by_hand: how a person does it. otherwise: what is true of it if `do` fails."""

    what: str
    do: Callable[[], None]
    by_hand: str
    otherwise: str = "stays"


def clean(client: Client, attempt: Attempt, tell: Tell) -> None:
    """Delete dataset, endpoint, model and files of an attempt.

    `tell` gets a finding for each that cannot be deleted and, if the clean-up is interrupted, for each that
    may be left. An attempt without a run id is one whose upload got no answer: its dataset may be there.
    """
    complete = identified(client, attempt, tell)
    if not complete.run_id:
        return
    done, left = list[bool](), steps_of(client, complete)
    with listing(left, tell):
        while left:
            done.append(succeeds(left[0], tell))
            del left[0]
    if all(done):
        kept = naming.app_folder(complete.run_id)
        message = (
            "dataset, endpoint, model and files of the run are deleted. What only the app may write stays:"
            f" the record in {kept}, its entry in the list of runs, the endpoint's empty lock, and the note"
            " of its default in app/endpoints. So do services' logs."
        )
        tell(Finding("clean-up", Outcome.OK, message))


def identified(client: Client, attempt: Attempt, tell: Tell) -> Attempt:
    """The attempt with its run's id, which the ETag of its dataset tells; without one if nothing is there."""
    if attempt.run_id:
        return attempt
    found = [attempt]
    how = by_hand.blob(client.target, f"datasets/{attempt.dataset}")
    look = Step(
        f"dataset {attempt.dataset}",
        lambda: found.append(first_run.identified(client, attempt)),
        f"{how}. If it is there, its run makes endpoint {attempt.endpoint} and model {attempt.model}.",
        "may be left",
    )
    with listing([look], tell):
        succeeds(look, tell)
    return found[-1]


def steps_of(client: Client, attempt: Attempt) -> list[Step]:
    """What deletes all that an attempt made, the run first: it would go on making things."""
    target, run, endpoint = client.target, attempt.run_id, attempt.endpoint
    dataset = f"datasets/{attempt.dataset}"
    return [
        Step("the run", lambda: stop(client, attempt), by_hand.run(target, run)),
        Step(
            f"endpoint {endpoint}",
            lambda: delete(client, f"batchEndpoints/{endpoint}"),
            by_hand.endpoint(target, endpoint),
        ),
        Step(
            f"model {attempt.model}",
            lambda: delete_model(client, attempt.model),
            by_hand.model(target, attempt.model),
        ),
        Step(
            f"dataset {attempt.dataset}",
            lambda: delete_blob(client, dataset),
            by_hand.blob(target, dataset),
        ),
        Step(f"files of run {run}", lambda: delete_files(client, run), by_hand.folder(target, f"runs/{run}")),
    ]


@contextmanager
def listing(left: list[Step], tell: Tell) -> Iterator[None]:
    """If a person or a bug ends the block, tell that what is in `left` may be left."""
    try:
        yield
    except BaseException:
        for each in left:
            tell(failed(f"{each.what} may be left: the clean-up was interrupted. {each.by_hand}"))
        raise


def succeeds(step: Step, tell: Tell) -> bool:
    """Whether a step succeeds; `tell` gets why it does not."""
    from azure.core.exceptions import AzureError

    try:
        step.do()
    except (ClientError, AzureError, httpx.HTTPError) as error:
        said = sentence(str(error) or type(error).__name__)
        tell(failed(f"{step.what} {step.otherwise}: {said} {step.by_hand}"))
        return False
    return True


def failed(message: str) -> Finding:
    return Finding("clean-up", Outcome.FAILED, message)


def sentence(said: str) -> str:
    return said if said.endswith(".") else f"{said}."


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
    """Delete what the nodes wrote. The record stays, which keeps a late event from starting the run again."""
    for each in client.container.list_blobs(name_starts_with=f"{naming.RUNS}{run_id}/"):
        delete_blob(client, each.name)
