"""Storage accounts that are put while the cloud runs: Azurite knows them and their keys at once."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from localcloud.home import Home
from localcloud.persons import person
from localcloud.tokens import Tokens

from localcloud_tests.resources import STORAGE, STORAGE_ID

pytestmark = pytest.mark.integration

NAME = "freshaccount"
ID = f"{STORAGE_ID.rpartition('/')[0]}/{NAME}"


@pytest.fixture
def arm(cloud_home: Home) -> Iterator[httpx.Client]:
    """Resource Manager, called as the person, with the api-version of storage."""
    token, _ = Tokens(cloud_home).issue(person("person"), cloud_home.resource_manager)
    with httpx.Client(
        base_url=cloud_home.resource_manager,
        verify=ssl.create_default_context(cafile=cloud_home.ca_bundle),
        proxy=cloud_home.proxy,
        trust_env=False,
        params={"api-version": "2025-08-01"},
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


def send(arm: httpx.Client, method: str, id_: str, body: Any = None) -> Any:
    answer = arm.request(method, id_, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def keys(answer: Any) -> list[str]:
    return [each["value"] for each in answer["keys"]]


def containers(home: Home, key: str) -> list[str]:
    """The account's containers, listed with a key. Raises HttpResponseError where storage refuses."""
    with BlobServiceClient(
        home.storage_url(NAME),
        credential=key,
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
        retry_total=0,
    ) as blobs:
        return [each.name for each in blobs.list_containers()]


def refusal(home: Home, key: str) -> str:
    with pytest.raises(HttpResponseError) as refused:
        containers(home, key)
    code = refused.value.error_code  # type: ignore[attr-defined]
    return str(getattr(code, "value", code))


def test_an_account_has_its_own_keys_and_containers_as_long_as_it_exists(
    cloud_home: Home, arm: httpx.Client
) -> None:
    send(arm, "PUT", ID, STORAGE)
    send(arm, "PUT", f"{ID}/blobServices/default/containers/readings", {})
    first, second = keys(send(arm, "POST", f"{ID}/listKeys"))
    assert containers(cloud_home, first) == containers(cloud_home, second) == ["readings"]

    renewed, _ = keys(send(arm, "POST", f"{ID}/regenerateKey", {"keyName": "key1"}))
    assert refusal(cloud_home, first) == "AuthenticationFailed"
    assert containers(cloud_home, renewed) == ["readings"]

    send(arm, "PATCH", ID, {"properties": {"allowSharedKeyAccess": False}})
    assert refusal(cloud_home, renewed) == "KeyBasedAuthenticationNotPermitted"

    send(arm, "PATCH", ID, {"properties": {"allowSharedKeyAccess": True}})
    send(arm, "DELETE", f"{ID}/blobServices/default/containers/readings")
    assert containers(cloud_home, renewed) == []

    send(arm, "DELETE", ID)
    with pytest.raises(HttpResponseError):
        containers(cloud_home, renewed)
