"""A ready environment of the trainer is where the deployed start task looks for one."""

import hashlib
import os
import subprocess
from pathlib import Path

from localcloud.batch.node_python import stand_in

from tests.checkout import CHECKOUT, DEFINITIONS
from touchdown.local.trainer_environment import environment_mark, published_files


def test_the_start_task_takes_the_ready_environment_at_once_and_changes_nothing_of_it(tmp_path: Path) -> None:
    ready, shared, work, tools = (tmp_path / name for name in ("ready", "shared", "work", "tools"))
    (ready / "bin").mkdir(parents=True)
    for folder in (shared / "trainer-of-before", work, tools):
        folder.mkdir(parents=True)
    python = ready / "bin" / "python"
    python.write_text("#!/bin/sh\necho Python 3.11.9\n")
    python.chmod(0o700)
    (ready / "pyvenv.cfg").touch(0o600)
    for name in ("python3", "apt-get"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o700)
    files = published_files(CHECKOUT)
    for name, content in files.items():
        (work / name).write_bytes(content)
    mark = shared / environment_mark(files)
    stand_in(ready, mark)

    done = subprocess.run(
        ["/bin/bash", DEFINITIONS / "start-task.sh"],
        cwd=work,
        env={
            "PATH": f"{tools}:{os.environ['PATH']}",
            "AZ_BATCH_NODE_SHARED_DIR": str(shared),
            "START_TASK_PAUSE": "0",
            "REQUIREMENTS_SHA256": hashlib.sha256(files["requirements.txt"]).hexdigest(),
            "UV_SHA256": hashlib.sha256(files["uv.txt"]).hexdigest(),
            "PYTHON_SHA256": hashlib.sha256(files["python.json"]).hexdigest(),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "start task: ready: Python 3.11.9\n")
    assert (shared / "trainer").resolve() == mark.parent
    assert not (shared / "trainer-of-before").exists()
    assert (python.stat().st_mode & 0o777, (ready / "pyvenv.cfg").stat().st_mode & 0o777) == (0o700, 0o600)
    assert sorted(each.name for each in ready.iterdir()) == ["bin", "pyvenv.cfg"]


def test_another_requirement_is_another_environment() -> None:
    files = published_files(CHECKOUT)
    assert environment_mark(files) != environment_mark({**files, "uv.txt": b"uv==0\n"})
