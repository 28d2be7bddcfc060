"""Each identity changes blobs in its own places alone, also with the broad roles; it asks by its token."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from localcloud import persons
from localcloud.credentials import Principal
from localcloud.identities import client_id_of

from activities.provisioning import ensure_compute
from runs.contracts import Upload
from runs.steps import PolledStep
from tests.integration.product.test_serving import poll
from tests.integration.roles.stage import Stage, in_cases, told_of
from tests.integration.roles.test_prefixes import BLOCKS, Team, team
from touchdown.local.names import identity_id

pytestmark = pytest.mark.integration

CARRIERS = {"app": "site", "training": "pool", "scoring": "cluster"}
PLACES = (
    "app/runs/{0}/run.json",
    "app/endpoints/{0}",
    "index/{0}",
    "locks/{0}",
    "code/{0}/main.py",
    "datasets/{0}.md",
    "runs/{0}/0/m/artifacts/model/MLmodel",
    "runs/{0}/smoke/predictions.csv",
    "runs/{0}/0/m/artifacts/model/smoke/predictions.csv",
    "scoring/{0}/predictions.csv",
    "azureml/{0}/output",
    "elsewhere/{0}",
)
OWN = {
    ("defaults", "app"): "app/runs app/endpoints index locks smoke",
    ("defaults", "training"): "runs scoring azureml elsewhere",
    ("defaults", "scoring"): "smoke scoring azureml elsewhere",
    ("defaults", "publisher"): "code datasets scoring",
    ("narrow", "app"): "app/runs app/endpoints index locks smoke",
    ("narrow", "training"): "runs",
    ("narrow", "scoring"): "smoke scoring azureml",
    ("narrow", "publisher"): "code datasets scoring",
}
"""By case of tests/bicep and identity, where it may change blobs of the container."""

MAKERS = {"defaults": {"training", "scoring"}, "narrow": {"training"}}
"""By case, who may make containers, and so change their metadata: docs/roles.md says why."""


def place_of(name: str) -> str:
    parts = name.split("/")
    if parts[0] == "app":
        return "/".join(parts[:2])
    return "deeper" if "/model/smoke/" in name else "smoke" if "/smoke/" in name else parts[0]


@pytest.fixture
def as_identity(stage: Stage) -> Iterator[dict[str, Team]]:
    """Everybody who has a token here, at storage. A cluster has an identity as long as it exists."""
    upload = Upload(stage.clients.settings.container, "datasets/places.csv", "0x1", "2026-05-01T00:00:00Z")
    poll(ensure_compute, PolledStep(*told_of(stage, upload)), stage.clients)
    credentials = {
        who: Principal(stage.home, carrier, client_id_of(identity_id(who)))
        for who, carrier in CARRIERS.items()
    }
    credentials["publisher"] = Principal(stage.home)
    made = {who: team(stage.home, each) for who, each in credentials.items()}
    yield made
    for connection in (each for who in made.values() for each in who.kept):
        connection.close()


@pytest.fixture
def no_owner(stage: Stage, unique: str) -> Iterator[Team]:
    """Somebody with what the templates assign to who publishes, and with nothing else."""
    given = stage.assignments.all()["publisherPublishesTrainer"]
    person = persons.add_person(stage.home, unique, "User")
    own = {
        "id": f"{given['id'].rpartition('/')[0]}/{person.object_id}",
        "properties": given["properties"] | {"principalId": person.object_id, "description": ""},
    }
    stage.assignments.put(own)
    made = team(stage.home, Principal(stage.home, unique))
    yield made
    for connection in made.kept:
        connection.close()
    stage.assignments.delete(own)


@in_cases("defaults", "narrow")
def test_each_identity_changes_blobs_in_its_own_places_alone(
    as_identity: dict[str, Team], unique: str, case: str
) -> None:
    for who, send in as_identity.items():
        allowed = []
        for name in (each.format(f"{unique}-{who}") for each in PLACES):
            status, text, _ = send("PUT", f"/{name}", b"{}", BLOCKS)
            assert (status == 201) is ("AuthorizationPermissionMismatch" not in text)
            deleted, _, _ = send("DELETE", f"/{name}")
            assert (status, deleted) in ((201, 202), (403, 403)), (who, name)
            if status == 201:
                allowed.append(place_of(name))
        assert allowed == OWN[case, who].split(), who


@in_cases("defaults", "narrow")
def test_files_of_services_lie_in_containers_of_their_own(
    as_identity: dict[str, Team], unique: str, case: str
) -> None:
    for who, container in (("training", "adfjobs"), ("scoring", "azureml")):
        there = replace(as_identity[who], place=f"/{container}")
        assert there("PUT", f"/{unique}/log.txt", b"", BLOCKS)[0] == 201
    for who, container in (("app", "adfjobs"), ("app", "azureml"), ("publisher", "adfjobs")):
        there = replace(as_identity[who], place=f"/{container}")
        assert there("PUT", f"/{unique}/log.txt", b"", BLOCKS)[0] == 403


@in_cases("defaults", "narrow")
def test_no_identity_deletes_a_container_or_changes_who_may_use_it(
    stage: Stage, as_identity: dict[str, Team], no_owner: Team, unique: str, case: str
) -> None:
    """Who deploys here owns the subscription, and so may; who only publishes may not."""
    for who, send in (as_identity | {"publisher": no_owner}).items():
        assert send("GET", "?restype=container&comp=list&maxresults=1")[0] == 200
        for container in (stage.clients.settings.container, "adfjobs", "azureml"):
            there = replace(send, place=f"/{container}")
            for method, query in (("DELETE", "?restype=container"), ("PUT", "?restype=container&comp=acl")):
                status, text, _ = there(method, query)
                assert (status, "AuthorizationPermissionMismatch" in text) == (403, True), (who, method)
            changed, _, _ = there("PUT", "?restype=container&comp=metadata", b"", {"x-ms-meta-a": who})
            assert changed == (200 if who in MAKERS[case] else 403), (who, container)
        made, _, _ = replace(send, place=f"/{unique}-{who}")("PUT", "?restype=container")
        assert made == (201 if who in MAKERS[case] else 403), who


def test_an_identity_cannot_lift_its_condition_by_a_signature_of_its_own(
    stage: Stage, as_identity: dict[str, Team], unique: str
) -> None:
    """A SAS that is signed with a user-delegation key holds what its maker may, and no more."""
    settings = stage.clients.settings
    node = Principal(stage.home, "pool", client_id_of(identity_id("training")))
    now = datetime.now(UTC)
    account = BlobServiceClient(
        settings.storage_url, node, connection_verify=str(stage.home.ca_bundle), proxies=stage.home.proxies
    )
    until = now + timedelta(hours=1)
    key = account.get_user_delegation_key(now - timedelta(minutes=1), until)
    signed = generate_container_sas(
        str(account.account_name),
        settings.container,
        user_delegation_key=key,
        permission=ContainerSasPermissions(read=True, write=True, delete=True, create=True, add=True),
        expiry=until,
    )
    (send,) = [each for who, each in as_identity.items() if who == "training"]
    assert send("GET", "?restype=container&comp=list&maxresults=1")[0] == 200

    def status(name: str) -> int:
        return replace(send, token="")("PUT", f"/{name}?{signed}", b"{}", BLOCKS)[0]

    assert status(f"runs/{unique}/0/m/artifacts/x") == 201
    assert [status(each) for each in (f"app/runs/{unique}/run.json", f"code/{unique}/x")] == [403, 403]
