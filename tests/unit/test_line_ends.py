"""A clone with Windows line ends, the default of Git for Windows, deploys the same bytes as this checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import publish_trainer
from tests.checkout import CHECKOUT


def git(*arguments: str | Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], env=environment, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the checkout's files, uncommitted ones included, made with core.autocrlf=true."""
    folder = tmp_path_factory.mktemp("windows")
    git("init", "--quiet", folder / "origin")
    origin = ("--git-dir", folder / "origin" / ".git", "--work-tree", CHECKOUT)
    git(*origin, "add", "--all")
    git(*origin, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--message", "x")
    git("clone", "--quiet", "--config", "core.autocrlf=true", folder / "origin" / ".git", folder / "clone")
    return folder / "clone"


def cloned(windows: Path) -> list[Path]:
    files = (file.relative_to(windows) for file in windows.rglob("*") if file.is_file())
    return sorted(file for file in files if file.parts[0] != ".git")


def test_every_file_has_the_same_bytes(windows: Path) -> None:
    files = cloned(windows)
    deployed = ("bicep/definitions/start-task.sh", "bicep/definitions/autoscale.txt", "requirements.txt")
    assert {Path(name) for name in deployed} <= set(files)
    assert [file for file in files if (windows / file).read_bytes() != (CHECKOUT / file).read_bytes()] == []


def test_no_file_has_windows_line_ends(windows: Path) -> None:
    assert [file for file in cloned(windows) if b"\r\n" in (windows / file).read_bytes()] == []


def test_the_trainer_is_published_to_the_same_folder(windows: Path, tmp_path: Path) -> None:
    script = windows / "scripts" / "publish_trainer.py"
    published = subprocess.run(
        [sys.executable, "-I", str(script), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert published.stdout.strip() == publish_trainer.trainer_hash(publish_trainer.trainer_files())


def test_a_trainer_with_windows_line_ends_has_the_same_hash_and_bytes(tmp_path: Path) -> None:
    unix = publish_trainer.trainer_files()
    shutil.copytree(
        publish_trainer.TRAINER, tmp_path / "trainer", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, content in unix.items():
        (tmp_path / "trainer" / name).write_bytes(content.replace(b"\n", b"\r\n"))
    assert publish_trainer.trainer_files(tmp_path / "trainer") == unix
