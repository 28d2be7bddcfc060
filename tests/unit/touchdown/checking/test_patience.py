"""A check waits for an Azure that throttles, restarts or does not answer."""

import httpx
import pytest
from azure.core.credentials import AccessToken

from tests.unit.touchdown.checking.azure import Azure
from touchdown.checking.patience import WAITS, PatientClient
from touchdown.client import Target
from touchdown.errors import ApiError, StackNotRunningError

PATH = "/subscriptions/s/providers/p/things"


class Credential:
    """Counts how often a token is asked for."""

    def __init__(self, life: int) -> None:
        self.asked = 0
        self._life = life

    def get_token(self, *_: str, **__: object) -> AccessToken:
        self.asked += 1
        return AccessToken("token", self._life)


def patient(azure: Azure, life: int = 2**40) -> tuple[PatientClient, list[float], Credential]:
    waited: list[float] = []
    credential = Credential(life)
    target = Target("", "", "", "", "https://management.test", "s", "g", "", "", credential)
    return azure.wired(PatientClient(target, waited.append)), waited, credential


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_call_is_repeated_until_it_is_answered(status: int) -> None:
    azure = Azure()
    unreached = httpx.ReadTimeout("slow"), httpx.ConnectError("down")
    azure.say(PATH, httpx.Response(status), *unreached, {"value": [1]})
    client, waited, _ = patient(azure)
    assert client.resource_manager("GET", PATH) == {"value": [1]}
    assert waited == [*WAITS[:3]]


def test_a_throttled_call_waits_as_long_as_azure_asks_for() -> None:
    azure = Azure()
    azure.say(PATH, httpx.Response(429, headers={"Retry-After": "17"}), {"value": []})
    client, waited, _ = patient(azure)
    assert client.resource_manager("POST", PATH) == {"value": []}
    assert waited == [17.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_a_refusal_is_final(status: int) -> None:
    azure = Azure()
    azure.say(PATH, httpx.Response(status), {"value": []})
    client, waited, _ = patient(azure)
    with pytest.raises(ApiError):
        client.resource_manager("GET", PATH)
    assert waited == []


def test_a_call_that_changes_something_is_not_repeated_when_its_answer_is_lost() -> None:
    azure = Azure()
    azure.say(PATH, httpx.ReadTimeout("slow"), {"value": []})
    client, waited, _ = patient(azure)
    with pytest.raises(httpx.ReadTimeout):
        client.resource_manager("POST", PATH)
    assert waited == []


def test_patience_ends() -> None:
    azure = Azure()
    azure.say(PATH, httpx.ConnectError("down"))
    client, waited, _ = patient(azure)
    with pytest.raises(StackNotRunningError):
        client.resource_manager("GET", PATH)
    assert waited == [*WAITS]


def test_a_token_is_asked_for_once_in_its_life() -> None:
    azure = Azure()
    azure.say(PATH, {"value": []})
    client, _, credential = patient(azure)
    client.resource_manager("GET", PATH)
    client.resource_manager("GET", PATH)
    assert credential.asked == 1
    ended, _, brief = patient(azure, life=0)
    ended.resource_manager("GET", PATH)
    ended.resource_manager("GET", PATH)
    assert brief.asked == 2
