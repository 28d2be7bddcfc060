"""The specification that Touchdown gives to a localcloud."""

from pathlib import Path

import pytest
from localcloud import environment
from localcloud.home import Home, Ports

from runs.settings import App
from tests.checkout import CHECKOUT
from touchdown import local


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports.free())


def test_the_settings_of_the_app_are_complete(home: Home) -> None:
    app = App.read(local.spec(home, CHECKOUT).app_settings())
    assert app.storage_url == home.blob_url
    assert app.resource_manager == home.resource_manager


def test_a_persons_run_settings_and_pace_win_but_not_their_addresses(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHDOWN_EPOCHS", "5")
    monkeypatch.setenv("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "3")
    monkeypatch.setenv("TOUCHDOWN_STORAGE_URL", "https://theirs.blob.core.windows.net")
    made = environment.of_app(home, local.spec(home, CHECKOUT))
    assert made["TOUCHDOWN_EPOCHS"] == "5"
    assert made["TOUCHDOWN_RUN_POLLING_CAP_SECONDS"] == "3"
    assert made["TOUCHDOWN_STORAGE_URL"] == home.blob_url


def test_the_environment_of_the_nodes_is_made_where_none_is_ready(home: Home, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "bicep").mkdir(parents=True)
    (checkout / "bicep" / "definitions").symlink_to(CHECKOUT / "bicep" / "definitions")
    (checkout / "scripts").symlink_to(CHECKOUT / "scripts")
    assert local.spec(home, checkout).node_environment is None
    assert local.spec(home, checkout).node_requirements == checkout / "trainer" / "requirements.txt"
    packages = checkout / ".venv-trainer" / "lib" / "python3.11" / "site-packages" / "mlflow"
    packages.mkdir(parents=True)
    (packages / "__init__.py").touch()
    assert local.spec(home, checkout).node_environment == checkout / ".venv-trainer"
    assert local.spec(home, checkout, ready_environment=False).node_environment is None
