"""A site that is deployed to a running stack, gets its code, and changes: its host follows."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud.controls import RefusedControlError
from localcloud.credentials import Principal
from localcloud.functions.site import STATUS, site_file
from localcloud.home import Home, Ports
from localcloud.plain_http import no_trust
from localcloud.spec import CloudSpec
from localcloud.stack import Stack

from localcloud_tests.resources import SITE, SITE_ID, SYSTEM_TOPIC_ID, function, resources

pytestmark = pytest.mark.integration

APP = """
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("colour")
def colour(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get("COLOUR", "none"))

@app.event_grid_trigger(arg_name="event")
def on_event(event: func.EventGridEvent) -> None: ...
"""
MORE = """
@app.route("shape")
def shape(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("round")
"""
SETTINGS = f"{SITE_ID}/config/appsettings"
HOST_STATUS = f"{SITE_ID}/host/default/properties/status"
BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    bundle = {"id": BUNDLE, "version": "[4.*, 5.0.0)"}
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensionBundle": bundle}))
    (folder / "function_app.py").write_text(APP)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.open(tmp_path_factory.mktemp("publishing") / "home", Ports.free())


@pytest.fixture(scope="module")
def stack(home: Home) -> Iterator[Stack]:
    """A stack with a site that has no code yet."""
    with Stack(home, CloudSpec(resources(home)), functions=True).start() as running:
        yield running


@pytest.fixture(scope="module")
def published(stack: Stack, code: Path) -> list[str]:
    """The functions of the site, which has its code now."""
    assert colour(stack.home).status_code == 503
    assert (
        httpx.get(stack.home.functions_url + STATUS, verify=no_trust(), trust_env=False).json()["state"]
        == "Placeholder"
    )
    assert arm(stack.home, "GET", HOST_STATUS).json()["properties"] == {"state": "Default"}
    return stack.controls.publish(SITE, code)


def client(home: Home) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=home.ca_bundle)
    return httpx.Client(verify=trusted, trust_env=False, proxy=home.proxy, timeout=60)


def arm(home: Home, method: str, path: str, body: Any = None) -> httpx.Response:
    token = Principal(home, "person").get_token("https://management.azure.com/.default").token
    with client(home) as https:
        return https.request(
            method,
            f"{home.resource_manager}{path}",
            params={"api-version": "2025-03-01"},
            headers={"Authorization": f"Bearer {token}"},
            json=body,
        )


def colour(home: Home) -> httpx.Response:
    return httpx.get(f"{home.functions_url}/api/colour", verify=no_trust(), trust_env=False, timeout=60)


def wait_until(what: Callable[[], bool], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def names(home: Home) -> list[str]:
    listed = arm(home, "GET", f"{SITE_ID}/functions").json()["value"]
    return [each["name"] for each in listed]


def test_published_functions_are_listed_and_run(stack: Stack, published: list[str]) -> None:
    assert published == ["colour", "on_event"]
    assert names(stack.home) == [f"{SITE}/colour", f"{SITE}/on_event"]
    assert colour(stack.home).text == "none"
    one = arm(stack.home, "GET", f"{SITE_ID}/functions/on_event").json()["properties"]
    assert [each["type"] for each in one["config"]["bindings"]] == ["eventGridTrigger"]
    assert arm(stack.home, "GET", f"{SITE_ID}/functions/nothing").status_code == 404
    called = arm(stack.home, "GET", f"{SITE_ID}/functions/colour").json()["properties"]["invoke_url_template"]
    with client(stack.home) as https:
        assert https.get(called).text == "none"
    keys = arm(stack.home, "POST", f"{SITE_ID}/host/default/listkeys").json()
    assert keys["systemKeys"]["eventgrid_extension"]
    assert arm(stack.home, "GET", HOST_STATUS).json()["properties"] == {
        "state": "Running",
        "extensionBundle": {"id": BUNDLE, "version": "4.37.1"},
    }


@pytest.mark.usefixtures("published")
def test_a_changed_setting_restarts_the_host(stack: Stack) -> None:
    pid = stack.parts["functions"].pid
    assert arm(stack.home, "PUT", SETTINGS, {"properties": {"COLOUR": "red"}}).status_code == 200
    wait_until(lambda: colour(stack.home).text == "red")
    assert arm(stack.home, "PUT", SETTINGS, {"properties": {}}).status_code == 200
    wait_until(lambda: colour(stack.home).text == "none")
    assert (stack.parts["functions"].pid, stack.parts["functions"].state) == (pid, "running")
    assert names(stack.home) == [f"{SITE}/colour", f"{SITE}/on_event"]


@pytest.mark.usefixtures("published")
def test_a_stopped_site_answers_403_until_it_is_started(stack: Stack) -> None:
    assert arm(stack.home, "POST", f"{SITE_ID}/stop").status_code == 200
    wait_until(lambda: colour(stack.home).status_code == 403)
    assert arm(stack.home, "GET", SITE_ID).json()["properties"]["state"] == "Stopped"
    refused = arm(stack.home, "GET", HOST_STATUS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")
    assert arm(stack.home, "POST", f"{SITE_ID}/start").status_code == 200
    wait_until(lambda: colour(stack.home).status_code == 200)


@pytest.mark.usefixtures("published")
def test_events_go_to_functions_that_are_listed_and_have_their_trigger(stack: Stack) -> None:
    def subscribe(to: str) -> httpx.Response:
        path = f"{SYSTEM_TOPIC_ID}/eventSubscriptions/mine"
        return arm(stack.home, "PUT", path, {"properties": {"destination": function(to)}})

    missing = subscribe("on_nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "Endpoint validation")
    other = subscribe("colour")
    assert other.json()["error"]["code"] == "Unsupported Azure Function Trigger"
    assert subscribe("on_event").status_code == 201


@pytest.mark.usefixtures("published")
def test_changed_code_runs_and_is_listed_when_it_is_published_again(stack: Stack, code: Path) -> None:
    pid = stack.parts["functions"].pid
    (code / "function_app.py").write_text(APP + MORE)
    assert stack.controls.publish(SITE, code) == ["colour", "on_event", "shape"]
    assert httpx.get(f"{stack.home.functions_url}/api/shape", trust_env=False).text == "round"
    (code / "function_app.py").write_text("import nothing_of_this_name")
    with pytest.raises(RefusedControlError, match="nothing_of_this_name"):
        stack.controls.publish(SITE, code)
    status = arm(stack.home, "GET", HOST_STATUS).json()["properties"]
    assert status["state"] == "Error"
    assert "nothing_of_this_name" in status["errors"][0]
    (code / "function_app.py").write_text(APP)
    assert stack.controls.publish(SITE, code) == ["colour", "on_event"]
    assert stack.parts["functions"].pid == pid


def test_a_folder_without_an_app_and_a_site_that_is_not_deployed_are_refused(
    stack: Stack, tmp_path: Path
) -> None:
    with pytest.raises(RefusedControlError, match=r"host\.json is missing"):
        stack.controls.publish(SITE, tmp_path)
    with pytest.raises(RefusedControlError, match=r"sites/another' under resource group"):
        stack.controls.publish("another", tmp_path)


@pytest.mark.usefixtures("published")
def test_the_host_is_the_site_again_after_its_part_was_restarted(stack: Stack) -> None:
    stack.restart("functions", kill=True, app_settings={"COLOUR": "mine"})
    assert colour(stack.home).text == "mine"


@pytest.mark.usefixtures("published")
def test_a_stack_without_a_host_lists_the_functions_for_one_that_is_started_by_hand(
    stack: Stack, code: Path
) -> None:
    stack.stop()
    (code / "function_app.py").write_text(APP + MORE)
    without = Stack(stack.home, CloudSpec(resources(stack.home)), functions=False)
    with without.start() as running:
        assert "functions" not in running.parts
        assert running.controls.publish(SITE, code) == ["colour", "on_event", "shape"]
        assert site_file(stack.home).exists()
