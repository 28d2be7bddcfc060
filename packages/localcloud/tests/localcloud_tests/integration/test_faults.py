"""Faults of the point `http`, armed through the controls of a running cloud."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from localcloud.controls import Controls, RefusedControlError
from localcloud.home import Home

pytestmark = pytest.mark.integration


@pytest.fixture
def controls(cloud_home: Home) -> Iterator[Controls]:
    with Controls(cloud_home) as controls:
        yield controls
        controls.disarm()


@pytest.fixture
def arm(cloud_home: Home) -> Iterator[httpx.Client]:
    """A client of the TLS listener, without a token: an answer of 401 shows that the cloud was reached."""
    context = ssl.create_default_context(cafile=cloud_home.ca_bundle)
    with httpx.Client(
        base_url=cloud_home.resource_manager, verify=context, trust_env=False, proxy=cloud_home.proxy
    ) as client:
        yield client


PATH = "/subscriptions/s?api-version=2022-12-01"


def test_a_dropped_request_gets_no_answer_and_the_next_one_does(
    controls: Controls, arm: httpx.Client
) -> None:
    controls.arm_fault("http", "drop", {"path": "^/subscriptions/s$"})
    with pytest.raises(httpx.TransportError) as dropped:
        arm.get(PATH)
    assert not isinstance(dropped.value, httpx.TimeoutException)
    assert arm.get(PATH).status_code == 401


def test_a_dropped_request_on_a_connection_in_use_gets_no_answer(
    controls: Controls, arm: httpx.Client
) -> None:
    assert arm.get(PATH).status_code == 401
    controls.arm_fault("http", "drop", {"path": "^/subscriptions/s$"})
    with pytest.raises(httpx.TransportError) as dropped:
        arm.post(PATH, content=b"x" * 200_000)
    assert not isinstance(dropped.value, httpx.TimeoutException)
    assert arm.get(PATH).status_code == 401


@pytest.mark.parametrize(
    "fault",
    [
        {"point": "http", "action": "error", "where": {"path": "("}},
        {"point": "http", "action": "error", "where": "path"},
        {"point": "http", "action": "error", "times": "many"},
        {"point": "http", "action": "delay", "seconds": "long"},
        {"point": "http", "action": "explode"},
        {"point": "http", "action": "error", "status": 42},
        {"point": "http", "action": "error", "colour": "red"},
        {"point": "http", "action": "error", "taken": 1},
        {"point": "http", "action": "error", "id": "mine"},
        {"action": "error"},
    ],
    ids=repr,
)
def test_a_fault_that_cannot_be_carried_out_is_refused_and_breaks_no_request(
    controls: Controls, arm: httpx.Client, fault: dict[str, Any]
) -> None:
    with pytest.raises(RefusedControlError) as refused:
        controls.call("POST", "faults", json=fault)
    assert (refused.value.status, refused.value.code) == (400, "InvalidFault")
    assert controls.faults() == []
    assert arm.get(PATH).status_code == 401


@pytest.mark.parametrize("key", ["schlüssel", "\N{SNOWMAN}", "", "k" * 10_000])
def test_a_wrong_control_key_is_refused_whatever_its_characters(cloud_home: Home, key: str) -> None:
    answer = httpx.get(
        f"{cloud_home.control_url}/faults", headers={b"X-Localcloud-Key": key.encode()}, trust_env=False
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


@pytest.mark.parametrize("header", ["geheim\N{SNOWMAN}", "é", ""])
def test_a_wrong_identity_header_is_refused_whatever_its_characters(cloud_home: Home, header: str) -> None:
    answer = httpx.get(
        cloud_home.identity_endpoint,
        params={"resource": "https://storage.azure.com", "api-version": "2019-08-01"},
        headers={b"X-IDENTITY-HEADER": header.encode()},
        trust_env=False,
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    "token", ["é", "é.é.é", "a.b", "..", "e30.e30.e30", "W10.e30.e30", "eyJhbGciOlt9fQ.e30."]
)
def test_a_malformed_token_is_refused_whatever_its_characters(
    arm: httpx.Client, token: str, encoding: str
) -> None:
    answer = arm.get(PATH, headers={b"Authorization": f"Bearer {token}".encode(encoding)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
