"""Deploying again: what the cloud has is not sent, and what failed or changed is."""

import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest
from azure.storage.blob import ContainerClient
from localcloud import deploying
from localcloud.controls import Controls
from localcloud.credentials import Principal
from localcloud.deploying import DeploymentFailedError
from localcloud.home import Home
from localcloud.spec import Json

from tests.checkout import CHECKOUT
from touchdown import local
from touchdown.local.deploying import named, outputs, put_pipeline
from touchdown.local.snapshots import MAIN, PIPELINE, SITE, read, tuned
from touchdown.local.trainer import Trainer

PUT = {"method": "^PUT$"}


@pytest.fixture
def sent(cloud_home: Home) -> Iterator[Callable[[], int]]:
    """How many resources have been PUT to Resource Manager since the test began."""
    with Controls(cloud_home) as controls, controls.fault("http", "delay", PUT, times=None) as counted:
        yield lambda: controls.taken(counted)


def deploy(home: Home, main: Json | None = None) -> list[str]:
    def snapshot_of(name: str) -> Json:
        return main if main is not None and name == MAIN else read(name)

    return local.deploy(home, CHECKOUT, code=False, snapshot_of=snapshot_of)


def test_what_the_cloud_has_is_not_deployed_again(cloud_home: Home, sent: Callable[[], int]) -> None:
    assert (deploy(cloud_home), sent()) == ([], 0)


@pytest.mark.parametrize(
    ("snapshot", "kind", "version"),
    [
        (MAIN, "roleAssignments", "2022-04-01"),
        (MAIN, "diagnosticSettings", "2021-05-01-preview"),
        (MAIN, "managementPolicies", "2025-08-01"),
        (PIPELINE, "pipelines", "2018-06-01"),
    ],
)
def test_what_was_deleted_is_deployed_again(
    cloud_home: Home, sent: Callable[[], int], snapshot: str, kind: str, version: str
) -> None:
    everything = made_by(cloud_home, snapshot)
    assert delete(cloud_home, made_by(cloud_home, snapshot, kind)[0], version) == 200
    assert (deploy(cloud_home), sent()) == ([snapshot], len(everything))
    assert (deploy(cloud_home), sent()) == ([], len(everything))


def made_by(home: Home, snapshot: str, kind: str = "") -> list[str]:
    """The ids of what a snapshot has deployed, of one kind if it is given."""
    group = outputs(home)["AZURE_RESOURCE_GROUP"] if snapshot == PIPELINE else None
    known = deploying.newest(home, name=named(snapshot), group=group)
    assert known is not None
    ids = [each["id"] for each in known["deployment"]["properties"]["outputResources"]]
    return [each for each in ids if not kind or f"/{kind}/" in each]


def delete(home: Home, id_: str, version: str) -> int:
    """The status with which Resource Manager answers."""
    token = Principal(home, "person").get_token(home.resource_manager).token
    answer = httpx.delete(
        f"{home.resource_manager}{id_}",
        params={"api-version": version},
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    )
    return answer.status_code


def test_a_changed_snapshot_is_deployed_and_what_does_not_depend_on_it_is_not(
    cloud_home: Home, sent: Callable[[], int]
) -> None:
    changed = tuned(read(MAIN), {"TOUCHDOWN_EPOCHS": "7"})
    assert deploy(cloud_home, changed) == [MAIN]
    assert sent() >= len(changed["predictedResources"])
    assert deploy(cloud_home) == [MAIN]


def test_a_deployment_that_failed_goes_on(cloud_home: Home) -> None:
    changed = tuned(read(MAIN), {"TOUCHDOWN_EPOCHS": "8"})
    refused = {**PUT, "path": f"/{SITE}/"}
    told = pytest.raises(DeploymentFailedError, match="A fault that was armed")
    with Controls(cloud_home) as controls, controls.fault("http", "error", refused), told:
        deploy(cloud_home, changed)
    assert deploy(cloud_home, changed) == [MAIN]
    assert deploy(cloud_home) == [MAIN]


def test_another_pin_for_the_pool_is_published_although_the_code_is_the_same(cloud_home: Home) -> None:
    trainer, values = Trainer.of(CHECKOUT), outputs(cloud_home)
    other = Trainer(trainer.hash, {**trainer.files, "code/pool/0/uv.txt": b"uv==0"})
    with container_of(cloud_home, values) as container:
        for each in (other, trainer):
            changed: list[str] = []
            put_pipeline(cloud_home, each, values, read(PIPELINE), changed)
            assert changed == [PIPELINE]
            for path, content in each.files.items():
                assert container.download_blob(path).readall() == content


def test_a_trainer_that_went_with_its_storage_is_published_again(cloud_home: Home) -> None:
    trainer = Trainer.of(CHECKOUT)
    lost = f"code/{trainer.hash}/trainer.zip"
    with container_of(cloud_home, outputs(cloud_home)) as container:
        container.delete_blob(lost)
        assert delete(cloud_home, made_by(cloud_home, MAIN, "managementPolicies")[0], "2025-08-01") == 200
        assert deploy(cloud_home) == [MAIN]
        assert container.download_blob(lost).readall() == trainer.files[lost]


def container_of(home: Home, values: dict[str, str]) -> ContainerClient:
    return ContainerClient(
        values["STORAGE_URL"],
        values["CONTAINER"],
        credential=Principal(home, "person"),
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
    )
