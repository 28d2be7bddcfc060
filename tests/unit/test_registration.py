"""From a step to an activity: refusals are returned, other errors raised, and both are sentences."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from activities.registration import activities, activity
from runs import settings
from runs.errors import RefusedError, TransientError
from runs.steps import Done, ProvisioningStatus
from services.clients import Clients, process_clients
from tests.unit.test_errors import answered


@dataclass(frozen=True)
class Order:
    name: str
    size: int = 1


@pytest.fixture(autouse=True)
def app_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of an app, from which the clients of this process are made."""
    for each in settings.APP_SETTINGS:
        if each.default is None:
            monkeypatch.setenv(each.variable, "x")
    forget()
    yield
    forget()


def forget() -> None:
    settings.app.cache_clear()
    process_clients.cache_clear()


def invoke(step: Any, given: dict[str, Any]) -> Any:
    """Call a step as the worker does: through the function that was registered for it."""
    activity(step)
    built = activities._function_builders.pop()
    assert built._function.get_function_name() == step.__name__
    return built._function.get_user_function()(given)


# --- What crosses -------------------------------------------------------------------------------------


def test_a_step_takes_and_gives_json() -> None:
    def measure(order: Order, clients: Clients) -> ProvisioningStatus:
        return ProvisioningStatus(order.size > 3, order.name)

    assert invoke(measure, {"name": "a", "size": 5, "from_the_future": 1}) == {
        "done": True,
        "operation_url": "a",
    }
    assert invoke(measure, {"name": "a"}) == {"done": False, "operation_url": "a"}


def test_a_refusal_is_a_value_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(order: Order, clients: Clients) -> Done:
        raise RefusedError("LabelMissing", f"dataset {order.name}: no such column")

    assert invoke(refuse, {"name": "x.csv"}) == {
        "refused": {"code": "LabelMissing", "message": "dataset x.csv: no such column"}
    }
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]


def test_a_transient_error_is_raised_as_it_is() -> None:
    def fail(order: Order, clients: Clients) -> Done:
        raise TransientError("busy")

    with pytest.raises(TransientError, match=r"^busy$"):
        invoke(fail, {"name": "x"})


def test_an_sdks_error_that_will_not_go_away_is_a_refusal() -> None:
    def fail(order: Order, clients: Clients) -> Done:
        raise answered(403, {"code": "AuthorizationFailed", "message": "You may not do that."})

    assert invoke(fail, {"name": "x"})["refused"] == {
        "code": "AuthorizationFailed",
        "message": "AuthorizationFailed (403): You may not do that. [GET https://arm/x]",
    }


def test_an_sdks_error_that_may_pass_is_raised_as_a_transient_error_of_one_line() -> None:
    def fail(order: Order, clients: Clients) -> Done:
        raise answered(503, {"code": "ServerBusy", "message": "Come back."})

    with pytest.raises(TransientError, match=r"^ServerBusy \(503\): Come back\. ") as caught:
        invoke(fail, {"name": "x"})
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, HttpResponseError)


def test_an_error_of_our_own_is_raised_so_that_it_is_seen() -> None:
    def fail(order: Order, clients: Clients) -> Done:
        raise KeyError("metrics")

    with pytest.raises(KeyError):
        invoke(fail, {"name": "x"})


def test_a_step_gets_the_clients_of_the_process_with_its_settings() -> None:
    def name_the_workspace(order: Order, clients: Clients) -> ProvisioningStatus:
        assert clients is process_clients()
        return ProvisioningStatus(True, clients.settings.workspace)

    assert invoke(name_the_workspace, {"name": "a"}) == {"done": True, "operation_url": "x"}


def test_an_app_without_its_settings_refuses_and_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOUCHDOWN_WORKSPACE")

    def never(order: Order, clients: Clients) -> Done:
        raise AssertionError("a step ran without settings")

    refused = invoke(never, {"name": "a"})["refused"]
    assert refused["code"] == "MissingAppSetting"
    assert "TOUCHDOWN_WORKSPACE" in refused["message"]
