"""The pipeline's command, as it is deployed, runs the published trainer and nothing else that storage holds.

Data Factory copies all files of the code's folder into the task's working directory. Here whoever could write
to that folder has changed the archive, or has added files beside it.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import publish_trainer
from tests.unit.bicep.source import BICEP
from touchdown.local.snapshots import PIPELINE, TRAINER_HASH, filled, read

PROGRAM = b"""
import json, os, sys
import helper
print(json.dumps({"helper": helper.__file__, "here": os.getcwd(), "arguments": sys.argv[1:]}))
"""
FILES = {"main.py": PROGRAM, "helper.py": b"", "report.html.j2": b"\xc3\xa9"}


def command(hash_: str) -> str:
    """The command of the pipeline that was published with this hash."""
    values = {
        "DATA_FACTORY": "adf",
        "STORAGE_URL": "https://x.example",
        "CONTAINER": "blobs",
        "TRAINING_CLIENT_ID": "",
        TRAINER_HASH: hash_,
    }
    (pipeline,) = filled(read(PIPELINE), values)["predictedResources"]
    (activity,) = pipeline["properties"]["activities"]
    assert activity["typeProperties"]["folderPath"] == f"blobs/code/{hash_}"
    return str(activity["typeProperties"]["command"])


@dataclass
class Task:
    """A task of the published trainer on a node; marker: the file that hostile code makes."""

    folder: Path
    shared: Path
    marker: Path
    hash: str

    def run(self, words: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words or shlex.split(command(self.hash)),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "AZ_BATCH_NODE_SHARED_DIR": str(self.shared)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def evil(self) -> str:
        return f"open({str(self.marker)!r}, 'a').close()\n"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    folder, shared = tmp_path / "wd", tmp_path / "shared"
    folder.mkdir()
    (shared / "trainer" / "bin").mkdir(parents=True)
    (shared / "trainer" / "bin" / "python").symlink_to(sys.executable)
    archive = publish_trainer.archive_of(FILES)
    (folder / publish_trainer.ARCHIVE).write_bytes(archive)
    return Task(folder, shared, tmp_path / "marker", hashlib.sha256(archive).hexdigest())


@pytest.mark.parametrize("way", ["words", "shell"])
def test_the_published_trainer_runs_in_the_folder_of_its_task(way: str, task: Task) -> None:
    """How Batch's agent splits a command into words is not documented: see test_start_task.py."""
    done = task.run(None if way == "words" else ["/bin/sh", "-c", command(task.hash)])
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["here"], said["arguments"]) == (str(task.folder), [])
    unpacked = Path(said["helper"]).parent
    assert (unpacked.parent, unpacked.stat().st_mode & 0o077) == (task.folder, 0)
    assert {each.name: each.read_bytes() for each in unpacked.iterdir() if each.is_file()} == FILES


def test_an_archive_that_somebody_has_changed_is_not_run(task: Task) -> None:
    changed = publish_trainer.archive_of(FILES | {"helper.py": task.evil.encode()})
    (task.folder / publish_trainer.ARCHIVE).write_bytes(changed)
    done = task.run()
    assert (done.returncode, done.stdout) == (1, "")
    found = hashlib.sha256(changed).hexdigest()
    assert f"its SHA-256 is {found}, and this pipeline was published with {task.hash}" in done.stderr
    assert not task.marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        *("sitecustomize.py", "usercustomize.py", "__main__.py", "evil.pth", "pyvenv.cfg"),
        *("main.py", "helper.py", "hashlib.py", "runpy.py", "zipfile.py", "json.py", "encodings.py"),
        "python",
    ],
)
def test_a_file_that_somebody_has_put_beside_the_archive_is_never_run(name: str, task: Task) -> None:
    (task.folder / name).write_text(task.evil)
    (task.folder / name).chmod(0o755)
    done = task.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert not task.marker.exists()


def test_a_task_without_its_archive_says_so(task: Task) -> None:
    (task.folder / publish_trainer.ARCHIVE).unlink()
    done = task.run()
    assert (done.returncode, done.stderr) == (1, "trainer.zip is missing: publish the trainer again\n")


def test_a_command_that_lost_its_program_fails(task: Task) -> None:
    """Python without a program would end with exit code 0, as if it had trained."""
    start, _, rest = command(task.hash).partition("printf %s ")
    done = task.run(shlex.split(f"{start}printf %s  {rest.partition(' ')[2]}"))
    assert done.returncode != 0


def test_the_command_is_a_constant_but_for_the_hash() -> None:
    one, other = command("0" * 64), command("1" * 64)
    assert one.replace("0" * 64, "1" * 64) == other
    assert "@" not in one, "Data Factory would take it for an expression"
    assert len(one) < 4096
    assert one.startswith("/bin/bash -c '")
    assert one.count("'") == 2, "as in the commands of Batch's own samples"


def test_the_program_reads_the_archive_that_is_published() -> None:
    program = (BICEP / "definitions" / "run_trainer.py").read_text()
    assert f'ARCHIVE = "{publish_trainer.ARCHIVE}"' in program
