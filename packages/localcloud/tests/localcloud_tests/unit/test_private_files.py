"""Files that only their owner can read, and that are whole at any moment."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from localcloud import core_tools, persons, private_files
from localcloud.access.decisions import Access
from localcloud.functions import keys
from localcloud.home import Home
from localcloud.storage import policy
from localcloud.store import Store
from localcloud.tokens import Tokens


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Others may read what a program does not protect."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_home_and_its_database_are_their_owners_alone(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    store = Store(home.root / "cloud.sqlite")
    store.put("kind", "id", {"secret": "s"})
    found = {each.name: mode(each) for each in home.root.glob("cloud*")}
    store.close()
    assert mode(home.root) == 0o700
    assert set(found) == {"cloud.json", "cloud.sqlite", "cloud.sqlite-wal", "cloud.sqlite-shm"}
    assert set(found.values()) == {0o600}


def test_a_folder_that_others_could_look_into_is_closed_when_it_is_a_home(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o755)
    Home.open(root)
    assert mode(root) == 0o700
    root.chmod(0o750)
    Home.open(root)
    assert mode(root) == 0o700


def written_policy(home: Home) -> None:
    policy.write(home, "PEM", [], Access([]), "platform")


WRITERS: dict[str, Callable[[Home], object]] = {
    "storage-policy.json": written_policy,
    "keys.json": lambda home: keys.load(home.root / "keys.json"),
    "certificates/token.key": Tokens,
    "cloud.json": lambda home: Home.open(home.root),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_killed_writer_left_does_not_remain(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill is a replace that never comes: what is in the folder then is there for the next process."""
    home = Home.open(tmp_path / "home")
    (home.root / name).unlink(missing_ok=True)

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as killing:
        for each in ("replace", "hardlink_to"):
            killing.setattr(Path, each, killed)
        killing.setattr(os, "getpid", lambda: 1)
        with pytest.raises(SystemExit):
            WRITERS[name](home)
    assert not (home.root / name).exists()
    WRITERS[name](home)
    folder = (home.root / name).parent
    assert [each.name for each in folder.iterdir() if "draft" in each.name or "partial" in each.name] == []
    assert [each.name for each in folder.glob(f".*{Path(name).stem}*")] == []
    assert mode(home.root / name) == 0o600


def test_processes_that_open_a_new_home_at_once_open_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        homes = list(threads.map(lambda _: Home.open(tmp_path / "home"), range(32)))
    assert {each.id for each in homes} == {homes[0].id}


def test_those_who_write_a_file_at_once_each_write_all_of_it(tmp_path: Path) -> None:
    """As two `up` at once write the specification of a stack."""
    texts = [str(number) * 10_000 for number in range(10)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: private_files.replace(tmp_path / "spec.json", text), texts * 20))
    assert (tmp_path / "spec.json").read_text() in texts


def test_settings_of_core_tools_that_others_could_read_become_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cloud: what the file holds is tested where one runs."""
    home = Home.open(tmp_path / "home")
    file = tmp_path / core_tools.SETTINGS_FILE
    file.write_text("{}")
    file.chmod(0o644)
    monkeypatch.setattr(core_tools, "manager", lambda _: nullcontext())
    monkeypatch.setattr(core_tools, "site_of", lambda *_: "site")
    monkeypatch.setattr(core_tools, "settings_of", lambda *_: {})
    monkeypatch.setattr(core_tools, "storage", lambda *_: "connection")
    core_tools.write_settings(home, tmp_path, force=True)
    assert mode(file) == 0o600
    assert json.loads(file.read_text())["Values"]["AzureWebJobsStorage"] == "connection"


def test_an_added_person_is_kept_privately(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    persons.add_person(home, "alice", "User")
    assert {mode(each) for each in home.root.iterdir() if each.is_file()} == {0o600}
