"""A stack with an app made for these tests, through the installed command line."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud.home import Home, Ports
from localcloud.spec import CloudSpec, of_home
from localcloud.stack import PartFailedError, Stack, is_locked

from localcloud_tests.integration.conftest import CHECKOUT, NODE_ENVIRONMENT
from localcloud_tests.resources import SITE, SITE_ID, TOPIC_ID, resource, resources, subscription

pytestmark = pytest.mark.integration

APP = """
import os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("colour")
def colour(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ["COLOUR"])
"""


@dataclass(frozen=True)
class Shell:
    """Runs commands in one home."""

    home: Home

    def run(self, *arguments: str) -> Any:
        """The JSON that a command prints, and its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "localcloud", *arguments, "--json", "--home", str(self.home.root)],
            cwd=CHECKOUT,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(Home.open(tmp_path_factory.mktemp("stack") / "my cloud", Ports.free()))
    yield shell
    shell.run("down")


@pytest.fixture(scope="module")
def spec(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a specification."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "app").mkdir()
    (folder / "app" / "function_app.py").write_text(APP)
    (folder / "app" / "host.json").write_text('{"version": "2.0"}')
    settings = resource(f"{SITE_ID}/config/appsettings", "2024-11-01", COLOUR="red")
    whole = CloudSpec([*resources(shell.home), settings], folder / "app", node_environment=NODE_ENVIRONMENT)
    whole.write(folder / "spec.json")
    return folder / "spec.json"


def test_up_serves_the_given_specification_and_later_the_last_one(shell: Shell, spec: Path) -> None:
    report, code = shell.run("up", "--spec", str(spec))
    assert code == 0
    assert [part["name"] for part in report["parts"]] == ["azurite", "functions", "cloud"]
    assert [part["state"] for part in report["parts"]] == ["running"] * 3
    assert [node["id"] for node in report["nodes"]] == ["tvm-localcloud_1"]
    url = f"{shell.home.functions_url}/api/colour"
    assert httpx.get(url, trust_env=False).text == "red"
    trust = ssl.create_default_context(cafile=shell.home.ca_bundle)
    by_name = f"https://{shell.home.site_host(SITE)}/api/colour"
    assert httpx.get(by_name, trust_env=False, verify=trust, proxy=shell.home.proxy).text == "red"
    pid = report["supervisor"]["pid"]
    assert shell.run("up")[0]["supervisor"]["pid"] == pid
    assert shell.run("status")[1] == 0

    assert shell.run("down") == ({"stopped": True}, 0)
    assert shell.run("up")[1] == 0
    assert httpx.get(url, trust_env=False).text == "red"


def test_a_fault_is_armed_listed_and_disarmed(shell: Shell, spec: Path) -> None:
    shell.run("up", "--spec", str(spec))
    where = ("--where", "path=/nothing$")
    fault, code = shell.run("faults", "arm", "http", "error", *where, "--option", "status=429")
    assert (code, fault["status"], fault["where"]) == (0, 429, {"path": "/nothing$"})
    listed, _ = shell.run("faults", "list")
    assert [each["id"] for each in listed["faults"]] == [fault["id"]]
    assert shell.run("status")[0]["faults"] == 1
    assert shell.run("faults", "disarm", fault["id"]) == ({"disarmed": fault["id"]}, 0)
    assert shell.run("faults", "list") == ({"faults": []}, 0)
    refused, code = shell.run("faults", "arm", "http", "nonsense")
    assert (code, "nonsense" in refused["error"]["message"]) == (2, True)


def test_a_list_that_cannot_be_applied_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", Ports.free())
    lost = subscription("lost", f"{TOPIC_ID}-2", destination={})
    with pytest.raises(PartFailedError, match=r"eventSubscriptions/lost: ResourceNotFound"):
        Stack(home, CloudSpec([*resources(home), lost])).start()
    assert not is_locked(home)


def test_a_stack_without_an_app_has_no_functions_host(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", Ports.free())
    states: list[str] = []
    stack = Stack(home, CloudSpec(resources(home)))
    with stack.start(on_cloud_ready=lambda: states.append(stack.parts["cloud"].state)) as running:
        assert list(running.parts) == ["azurite", "cloud"]
        assert states == ["running"]
        assert running.controls.call("GET", "health") == {"state": "Running"}
    assert len(of_home(home).resources) == len(resources(home))
