"""`touchdown check` of a deployment in Azure needs its group and the account of az, and nothing else."""

import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import azure.identity
import azure.storage.blob
import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from localcloud.home import SUBSCRIPTION

from tests.unit.touchdown.checking.azure import Azure, Token
from tests.unit.touchdown.checking.test_trial import Container
from tests.unit.touchdown.commands import run
from touchdown.checking.checks import CHECKS

HTTP = httpx.Client
THERE = ("--group", "rg-touchdown", "--subscription", SUBSCRIPTION)
MANAGER = ("--resource-manager", "https://management.test/")


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What az is asked for; a token is its answer."""
    asked: list[dict[str, Any]] = []

    def credential(**given: Any) -> Token:
        asked.append(given)
        return Token()

    monkeypatch.setattr(azure.identity, "AzureCliCredential", credential)
    return asked


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Azure:
    there = Azure()
    monkeypatch.setattr(httpx, "Client", lambda **_: HTTP(transport=httpx.MockTransport(there)))
    return there


@pytest.mark.usefixtures("cloud")
def test_a_deployment_in_azure_is_checked_by_its_group(signed_in: list[dict[str, Any]]) -> None:
    answer = run("check", *THERE, *MANAGER, "--no-run", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["ok"] is True
    assert {each["check"] for each in answer.json["findings"]} >= {*CHECKS}
    assert [each["subscription"] for each in signed_in] == [SUBSCRIPTION]


@pytest.mark.usefixtures("signed_in")
def test_what_is_broken_is_printed_with_its_row_and_is_the_exit_code(cloud: Azure) -> None:
    del cloud.memory.deployed[cloud.id("systemTopics/eventSubscriptions", "models").lower()]
    answer = run("check", *THERE, *MANAGER)
    assert answer.code == 1
    assert "✗ events" in answer.out
    assert "docs/deploy.md: there is no run" in answer.out
    assert "? first run      not tried" in answer.out
    assert "The deployment works." not in answer.err


def test_a_group_without_its_subscription_is_wrong_usage(signed_in: list[dict[str, Any]]) -> None:
    answer = run("check", "--group", "rg-touchdown", "--json")
    assert answer.code == 2
    assert answer.json["error"]["hint"] == "az account show --query id --output tsv prints yours."
    assert signed_in == []


class Interrupted(Azure):
    """An Azure whose person ends the check at some of the calls of the app: one value a call, then False."""

    presses: list[bool]
    number = signal.SIGINT

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if "/api/runs/" in request.url.path and self.presses and self.presses.pop(0):
            os.kill(os.getpid(), self.number)
        return super().__call__(request)


@pytest.fixture
def unhandled() -> Iterator[Any]:
    """What SIGTERM does while no command runs, in place of the end of this process."""

    def fail(*_: int | FrameType | None) -> None:
        raise AssertionError("the command does not handle SIGTERM")

    before = signal.signal(signal.SIGTERM, fail)
    yield fail
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own SIGINT, which a process that a script starts in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch, ctrl_c: None) -> Interrupted:
    there = Interrupted()
    monkeypatch.setattr(httpx, "Client", lambda **_: HTTP(transport=httpx.MockTransport(there)))
    for kind in ("batchEndpoints", "models"):
        there.gone(f"{there.id('workspaces', 'mlw-')}/{kind}/")
    container = Container(at_deletion=HttpResponseError("The blob has a lease."))
    monkeypatch.setattr(azure.storage.blob, "ContainerClient", lambda *_, **__: container)
    return there


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_prints_what_it_left(
    interrupted: Interrupted, unhandled: Any, number: signal.Signals
) -> None:
    interrupted.presses, interrupted.number = [True], number
    answer = run("check", *THERE, *MANAGER)
    assert answer.code == 130
    assert "✗ clean-up       dataset touchdown-check-" in answer.out
    assert "To delete it: az storage blob delete" in answer.out
    assert "Ctrl-C again" in answer.err
    assert answer.err.rstrip().endswith("error: interrupted.")
    assert signal.getsignal(signal.SIGTERM) is unhandled


@pytest.mark.usefixtures("signed_in")
def test_an_interrupted_check_gives_a_program_what_it_found_and_left(interrupted: Interrupted) -> None:
    interrupted.presses = [True, True]
    answer = run("check", *THERE, *MANAGER, "--json")
    assert answer.code == 130
    assert answer.json["error"]["code"] == "interrupted"
    found = answer.json["findings"]
    assert {each["check"] for each in found} >= {*CHECKS}
    left = [each["message"].partition(" may be left")[0] for each in found if each["check"] == "clean-up"]
    assert [each.partition(" ")[0] for each in left] == [
        "the",
        "endpoint",
        "model",
        "dataset",
        "files",
    ]
