"""The environment variables that a localcloud's processes get from its shell and its specification."""

import json
from pathlib import Path

import pytest
from localcloud import environment
from localcloud.core_tools import local_settings
from localcloud.functions.site import OVERRIDES
from localcloud.home import Home, Ports
from localcloud.metadata import environment as metadata


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


def test_an_app_gets_the_settings_of_its_site_and_its_identity(home: Home) -> None:
    made = environment.of_app(home, {"COLOUR": "red"})
    assert (made["COLOUR"], made["IDENTITY_HEADER"]) == ("red", home.identity_headers["site"])


def test_every_host_but_loopback_goes_by_the_homes_proxy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "intranet.example")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    for made in (environment.of_functions(home, {}), environment.of_cloud(home, {})):
        assert made["HTTPS_PROXY"] == made["https_proxy"] == home.proxy
        assert made["NO_PROXY"] == made["no_proxy"] == "127.0.0.1,localhost"


def test_the_proxy_learns_the_persons_own_proxy_and_its_exceptions(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    made = environment.of_storage(home)
    assert made["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert made["NO_PROXY"].split(",") == ["127.0.0.1", "intranet.example", "localhost"]


def test_func_start_gets_the_apps_settings_and_storage_but_nothing_of_the_deployed_sites_host(
    home: Home,
) -> None:
    of_host = {"AzureWebJobsStorage__blobServiceUri": "https://a", "WEBSITE_SITE_NAME": "app"}
    values = local_settings(home, {"COLOUR": "green", **of_host}, "AccountName=tools")["Values"]
    assert (values["COLOUR"], values["FUNCTIONS_WORKER_RUNTIME"]) == ("green", "python")
    assert values["AzureWebJobsStorage"] == "AccountName=tools"
    assert not values.keys() & of_host.keys()


def test_a_template_writes_the_address_of_the_metadata_as_env_does(home: Home) -> None:
    """It puts the path behind `environment().resourceManager`, which ends with a slash as in Azure."""
    written = f"{metadata(home)['resourceManager']}metadata/endpoints?api-version=2019-05-01"
    assert written == environment.of_person(home)["ARM_CLOUD_METADATA_URL"]
