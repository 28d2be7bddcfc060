"""The environment variables that a localcloud's processes get from its shell and its specification."""

import json
from pathlib import Path

import pytest
from localcloud import environment
from localcloud.functions.site import OVERRIDES, Site, site_file
from localcloud.home import Home, Ports
from localcloud.spec import CloudSpec

from localcloud_tests.resources import SITE_ID, resource

SPEC = CloudSpec([resource(f"{SITE_ID}/config/appsettings", "2024-11-01", COLOUR="red", SIZE="2")])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports.free())


@pytest.mark.parametrize(
    "variable",
    ["AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "ARM_CLOUD_METADATA_URL", "IDENTITY_HEADER", "MSI_SECRET"],
)
def test_another_clouds_identity_never_reaches_a_process(
    variable: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "somebody else's")
    for made in (
        environment.of_functions(home, {}),
        environment.of_cloud(home, {}),
        environment.of_storage(home),
    ):
        assert made.get(variable) != "somebody else's"


def test_the_host_gets_an_identity_and_the_settings_that_override_its_sites(home: Home) -> None:
    made = environment.of_functions(home, {"SIZE": "3"})
    assert json.loads(made[OVERRIDES]) == {"SIZE": "3"}
    assert made["IDENTITY_HEADER"] == home.identity_headers["site"]


def test_the_settings_of_the_app_are_those_of_the_site_once_it_is_deployed(home: Home) -> None:
    assert environment.of_app(home, SPEC)["COLOUR"] == "red"
    Site("app", home.root, {"COLOUR": "green"}).write(site_file(home))
    deployed = environment.of_app(home, SPEC)
    assert (deployed["COLOUR"], "SIZE" in deployed) == ("green", False)


def test_loopback_goes_round_a_proxy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    made = environment.of_functions(home, {})
    assert made["NO_PROXY"].split(",") == ["127.0.0.1", "intranet.example", "localhost"]
    assert made["no_proxy"] == made["NO_PROXY"]


def test_func_start_gets_the_apps_settings_and_the_storage_of_the_home(home: Home) -> None:
    values = environment.func_settings(home, SPEC)["Values"]
    assert (values["COLOUR"], values["FUNCTIONS_WORKER_RUNTIME"]) == ("red", "python")
    assert f"BlobEndpoint={home.blob_url}" in values["AzureWebJobsStorage"].split(";")
