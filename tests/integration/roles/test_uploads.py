"""Who deploys publishes, who may upload uploads, and Event Grid keeps what it could not deliver."""

from collections.abc import Callable

import pytest
from azure.core.exceptions import AzureError
from localcloud import deploying
from localcloud.credentials import Principal
from localcloud.home import SUBSCRIPTION

from scripts.assigned_roles import assignments
from tests.checkout import CHECKOUT
from tests.integration.roles.assignments import Json
from tests.integration.roles.stage import Stage, proves, wait_for
from touchdown.cli.outcome import client_error
from touchdown.client import Client
from touchdown.local.deploying import outputs
from touchdown.local.names import DATASTORE
from touchdown.local.snapshots import EVENTS, read
from touchdown.local.trainer import Trainer
from touchdown.target import Target

pytestmark = pytest.mark.integration


def hint(call: Callable[[], object]) -> str:
    """What the command line suggests where a call fails; "" where it works."""
    try:
        call()
    except AzureError as error:
        return getattr(client_error(error), "hint", "")
    return ""


def target(stage: Stage, who: str) -> Target:
    values = outputs(stage.home)
    return Target(
        api=stage.home.functions_url,
        function_key="",
        blob_url=values["STORAGE_URL"],
        container=values["CONTAINER"],
        resource_manager=stage.home.resource_manager,
        subscription=SUBSCRIPTION,
        resource_group=values["AZURE_RESOURCE_GROUP"],
        workspace=values["WORKSPACE"],
        datastore=DATASTORE,
        credential=Principal(stage.home, who),
        verify=str(stage.home.ca_bundle),
        proxy=stage.home.proxy,
    )


def upload(stage: Stage, unique: str) -> None:
    with Client(target(stage, "uploader")) as client:
        client.upload(b"a,b\n1,2\n", f"{unique}.csv")


def publish(stage: Stage, _: str) -> None:
    values = outputs(stage.home)
    Trainer.of(CHECKOUT).upload(stage.home, values["STORAGE_URL"], values["CONTAINER"])


CALLS = {"uploadersUpload": upload, "publisherPublishesTrainer": publish}


@proves(*CALLS)
@pytest.mark.parametrize("name", CALLS)
def test_without_their_role_people_are_refused_and_told_which_they_need(
    stage: Stage, unique: str, name: str
) -> None:
    with stage.assignments.without(name):
        words = hint(lambda: CALLS[name](stage, unique))
    assert assignments()[name].role in words
    assert assignments()[name].scope in words
    assert hint(lambda: CALLS[name](stage, unique)) == ""


def subscription_of(name: str) -> Json:
    """The templates' event subscription to datasets, to a webhook, which needs no function."""
    snapshot = read(EVENTS)
    (found,) = [each for each in snapshot["predictedResources"] if each["name"].endswith("/datasets")]
    hook = {"endpointType": "WebHook", "properties": {"endpointUrl": "https://webhook.invalid/"}}
    topic = found["id"].rpartition("/")[0]
    changed = {
        **found,
        "id": f"{topic}/{name}",
        "name": f"{found['name'].partition('/')[0]}/{name}",
        "properties": {**found["properties"], "destination": hook},
    }
    return {**snapshot, "predictedResources": [changed], "outputs": {}}


@proves("eventsKeepDeadLetters")
def test_without_its_role_event_grid_cannot_keep_an_event_and_says_as_whom_it_tried(
    stage: Stage, unique: str
) -> None:
    deploying.deploy(stage.home, subscription_of(unique), name=f"events-{unique}")
    log = stage.home.root / "logs" / "cloud.log"

    def refused() -> str:
        lines = log.read_text().splitlines()
        return next((each for each in lines if "could not be written" in each and unique in each), "")

    def kept() -> list[Json]:
        return stage.controls.deliveries(subscription=unique, state="DeadLettered")

    with stage.controls.fault("eventgrid.deliver", "error", {"subscription": unique}, status=400):
        with stage.assignments.without("eventsKeepDeadLetters") as taken:
            upload(stage, unique)
            words = wait_for(refused)
        assert wait_for(kept)
    assert assignments()["eventsKeepDeadLetters"].role in words
    assert "id-events-" in words
    assert f"/{taken['properties']['scope'].rpartition('/')[2]}/" in words
