"""The search for Azurite."""

from pathlib import Path

import pytest
from localcloud.storage.emulator import StorageUnavailableError, azurite


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder and a PATH without Azurite."""
    monkeypatch.delenv("LOCALCLOUD_AZURITE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def package(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"bin": {"azurite": "dist/azurite.js"}}')
    return folder / "dist" / "azurite.js"


def test_it_is_found_above_the_app_and_above_the_current_folder(tmp_path: Path) -> None:
    of_app = package(tmp_path / "project" / "node_modules" / "azurite")
    here = package(tmp_path / "node_modules" / "azurite")
    assert azurite(tmp_path / "project" / "app") == of_app
    assert azurite() == here


def test_the_variable_wins_and_must_name_azurite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "node_modules" / "azurite")
    own = package(tmp_path / "own")
    monkeypatch.setenv("LOCALCLOUD_AZURITE", str(tmp_path / "own"))
    assert azurite() == own
    monkeypatch.setenv("LOCALCLOUD_AZURITE", str(tmp_path / "nothing"))
    with pytest.raises(StorageUnavailableError, match="LOCALCLOUD_AZURITE is"):
        azurite()


def test_it_is_found_on_the_path(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "azurite"
    command.parent.mkdir()
    command.write_text("#!/usr/bin/env node\n")
    command.chmod(0o755)
    assert azurite() == command


def test_where_it_is_missing_the_error_says_how_to_get_it() -> None:
    with pytest.raises(StorageUnavailableError, match="npm install azurite"):
        azurite()
