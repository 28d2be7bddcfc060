"""A host that starts as a placeholder and becomes the site of a file."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import pytest
from localcloud.functions.site import OVERRIDES, STATUS, Site
from localcloud.home import LOOPBACK, free_ports
from localcloud.plain_http import no_trust

from localcloud_tests.integration.functions_host.test_starting_and_stopping import app_of

pytestmark = pytest.mark.integration

LIMIT = 60
APP = """
import os
import time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("setting/{name}")
def setting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "not set"))

@app.route("slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.5)
    return func.HttpResponse("done")
"""


@dataclass
class SiteHost:
    """A host's process, the file of its site, and a file in which Python tells the process's imports."""

    process: "subprocess.Popen[bytes]"
    file: Path
    imports: Path
    http: httpx.Client
    known: Site

    def status(self) -> dict[str, str]:
        try:
            found: dict[str, str] = self.http.get(STATUS).json()
        except httpx.TransportError:
            return {"state": "none"}
        return found

    def reach(self, state: str) -> dict[str, str]:
        """Wait until the host has become the site of the file, in this state."""
        return self._wait(lambda status: status["state"] == state and status["site"] == self.known.generation)

    def be(self, state: str, site: Site) -> dict[str, str]:
        self.known = site
        site.write(self.file)
        return self.reach(state)

    def setting(self, name: str) -> str:
        return self.http.get(f"/api/setting/{name}").text

    def _wait(self, enough: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        deadline = time.monotonic() + LIMIT
        while not enough(status := self.status()):
            assert self.process.poll() is None, "the host has ended"
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        return status


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteHost]:
    root = tmp_path_factory.mktemp("site")
    (root / "app").mkdir()
    app = app_of(root / "app", APP)
    port, file = free_ports(1)[0], root / "site.json"
    command = [sys.executable, "-m", "localcloud.parent_watchdog", "localcloud.functions"]
    shell = {
        OVERRIDES: json.dumps({"SIZE": "mine"}),
        "COLOUR": "of the shell",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    imports = root / "imports.txt"
    with imports.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--site", str(file), "--port", str(port), "--keys", str(root / "keys.json")],
            cwd=root,
            env=os.environ | shell,
            stdin=subprocess.PIPE,
            stderr=errors,
        )
    with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", trust_env=False, timeout=LIMIT) as http:
        yield SiteHost(process, file, imports, http, Site("app", app, {"COLOUR": "red", "SIZE": "1"}))
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=20)
    assert process.stdin is not None
    process.stdin.close()


def test_a_placeholder_answers_503_until_there_is_a_site(host: SiteHost) -> None:
    host._wait(lambda status: status["state"] == "Placeholder")
    answer = host.http.get("/api/setting/COLOUR")
    assert (answer.status_code, answer.text) == (503, "Function host is not running.")


def test_a_placeholder_has_imported_microsofts_libraries(host: SiteHost) -> None:
    assert host._wait(lambda status: status["state"] == "Placeholder")
    imported = {line.rpartition("|")[2].strip() for line in host.imports.read_text().splitlines()}
    libraries = {
        "azure.functions",
        "azure.durable_functions",
        "azure_functions_runtime",
        "durabletask",
        "grpc",
    }
    assert libraries <= imported


def test_it_becomes_the_site_with_its_settings_but_for_those_that_are_overridden(host: SiteHost) -> None:
    host.be("Running", host.known)
    assert host.setting("COLOUR") == "red"
    assert host.setting("SIZE") == "mine"


def test_a_changed_setting_restarts_it_in_place(host: SiteHost) -> None:
    host.be("Running", replace(host.known, settings={"SHAPE": "round"}))
    assert host.setting("SHAPE") == "round"
    assert host.setting("COLOUR") == "of the shell"
    assert host.setting("SIZE") == "mine"
    assert psutil.Process(host.process.pid).is_running()


def test_requests_are_answered_or_refused_with_503_while_it_restarts(host: SiteHost) -> None:
    host.be("Running", host.known)
    host.known = replace(host.known, restarts=host.known.restarts + 1)
    host.known.write(host.file)
    seen = set()
    while host.status().get("site") != host.known.generation:
        # A connection of its own, as from another client each time.
        answer = httpx.get(
            f"{host.http.base_url}/api/setting/SIZE", verify=no_trust(), trust_env=False, timeout=LIMIT
        )
        seen.add(answer.status_code)
    assert seen <= {200, 503}
    host.reach("Running")


def test_what_is_running_when_it_restarts_is_answered(host: SiteHost) -> None:
    host.be("Running", host.known)
    host.known = replace(host.known, restarts=host.known.restarts + 1)
    with httpx.stream("GET", f"{host.http.base_url}/api/slow", trust_env=False, timeout=LIMIT) as answer:
        host.known.write(host.file)
        answer.read()
    assert (answer.status_code, answer.text) == (200, "done")
    host.reach("Running")


def test_a_stopped_site_answers_403(host: SiteHost) -> None:
    host.be("Stopped", replace(host.known, state="Stopped"))
    assert host.http.get("/api/setting/SIZE").status_code == 403
    host.be("Running", replace(host.known, state="Running"))
    assert host.setting("SIZE") == "mine"


def test_code_that_does_not_import_is_an_error_until_other_code_comes(host: SiteHost, tmp_path: Path) -> None:
    good = host.known
    broken = app_of(tmp_path, "import azure.functions\nraise RuntimeError('no settings')")
    failed = host.be("Error", replace(good, folder=broken))
    assert "RuntimeError: no settings" in failed["error"]
    assert "No job functions found." in failed["error"]
    assert host.http.get("/api/setting/SIZE").status_code == 503
    host.be("Running", good)
    assert host.setting("SIZE") == "mine"


def test_a_site_on_flex_consumption_needs_storage_for_its_host(host: SiteHost) -> None:
    good = host.known
    flex = {"WEBSITE_SKU": "FlexConsumption"}
    failed = host.be("Error", replace(good, settings=flex))
    assert "AzureWebJobsStorage__blobServiceUri" in failed["error"]
    host.be("Running", replace(good, settings=flex | {"AzureWebJobsStorage__blobServiceUri": "https://x"}))


def test_a_deleted_site_leaves_a_placeholder_which_a_signal_ends_with_0(host: SiteHost) -> None:
    host.be("Running", host.known)
    host.file.unlink()
    host._wait(lambda status: status["state"] == "Placeholder" and not status["site"])
    host.process.terminate()
    assert host.process.wait(timeout=20) == 0
