"""What `func start` gets: the settings of the deployed site, and an account that its key opens."""

import json
import stat
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from localcloud import core_tools
from localcloud.cli.app import app
from localcloud.home import Home
from typer.testing import CliRunner

from localcloud_tests.resources import SITE_ID

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(cloud_home: Home) -> dict[str, str]:
    """The app settings of the site, which it has now."""
    wanted = {"COLOUR": "red", "WEBSITE_SITE_NAME": "app", "AzureWebJobsStorage__accountName": "a"}
    with core_tools.manager(cloud_home) as arm:
        path = f"{SITE_ID}/config/appsettings"
        core_tools.asked(arm, "PUT", path, "2025-03-01", json={"properties": wanted})
    return wanted


def test_the_settings_of_the_site_are_those_that_resource_manager_has(
    cloud_home: Home, settings: dict[str, str]
) -> None:
    assert core_tools.site_settings(cloud_home) == settings
    printed = CliRunner().invoke(app, ["env", "--app", "--home", str(cloud_home.root), "--json"]).stdout
    variables = json.loads(printed)
    assert variables.items() >= settings.items()
    assert variables["IDENTITY_HEADER"] == cloud_home.identity_headers["site"]


def test_core_tools_gets_an_account_that_its_key_opens(
    cloud_home: Home, settings: dict[str, str], tmp_path: Path
) -> None:
    file = core_tools.write_settings(cloud_home, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = json.loads(file.read_text())["Values"]
    assert values["COLOUR"] == settings["COLOUR"]
    assert "WEBSITE_SITE_NAME" not in values
    connection, ca, proxies = values["AzureWebJobsStorage"], str(cloud_home.ca_bundle), cloud_home.proxies
    for service in (BlobServiceClient, QueueServiceClient):
        with service.from_connection_string(connection, connection_verify=ca, proxies=proxies) as storage:
            assert storage.get_service_properties()
            assert storage.account_name == f"coretools{cloud_home.id}"
    core_tools.write_settings(cloud_home, tmp_path, force=True)
    assert json.loads(file.read_text())["Values"]["AzureWebJobsStorage"] == connection
