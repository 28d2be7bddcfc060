"""What reaches the processes of a localcloud from the shell that starts it."""

from pathlib import Path

import pytest
from localcloud import environment
from localcloud.home import Home, Ports

from runs.settings import App


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports.free())


def test_the_settings_of_the_app_are_complete(home: Home) -> None:
    app = App.read(environment.environment_of_app(home))
    assert app.storage_url == home.blob_url
    assert app.resource_manager == home.resource_manager


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


def test_a_persons_run_settings_and_pace_win_but_not_their_addresses(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHDOWN_EPOCHS", "5")
    monkeypatch.setenv("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "3")
    monkeypatch.setenv("TOUCHDOWN_STORAGE_URL", "https://theirs.blob.core.windows.net")
    made = environment.of_functions(home, {"TOUCHDOWN_LR": "0.5"})
    assert made["TOUCHDOWN_EPOCHS"] == "5"
    assert made["TOUCHDOWN_RUN_POLLING_CAP_SECONDS"] == "3"
    assert made["TOUCHDOWN_LR"] == "0.5"
    assert made["TOUCHDOWN_STORAGE_URL"] == home.blob_url


def test_loopback_goes_round_a_proxy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    made = environment.of_functions(home, {})
    assert made["NO_PROXY"].split(",") == ["127.0.0.1", "intranet.example", "localhost"]
    assert made["no_proxy"] == made["NO_PROXY"]
