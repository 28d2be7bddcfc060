"""The processes of a node are found and ended, also after a cloud that was killed."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from localcloud.batch import processes
from localcloud.batch.processes import Mark

MARK = Mark("LOCALCLOUD_TEST_MARK", "of this test")
PROGRAM = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"], env={})
child.wait()
"""


@pytest.fixture
def task() -> Iterator["subprocess.Popen[bytes]"]:
    """A process without the mark that leads a session, and its child, which has said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env={}, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == b"1\n"
        yield process
    asyncio.run(processes.end(MARK, leader=process.pid, grace=0))
    process.wait()


def test_a_task_that_hides_its_environment_is_ended_by_its_noted_session(
    task: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    processes.note_session(tmp_path, task.pid)
    (child,) = psutil.Process(task.pid).children()
    assert processes.members(MARK) == []
    sessions = processes.noted_sessions(tmp_path)
    assert {each.pid for each in processes.members(MARK, sessions=sessions)} == {task.pid, child.pid}

    # The leader has ended: its session is still that of the child.
    task.kill()
    task.wait()
    sessions = processes.noted_sessions(tmp_path)
    assert [each.pid for each in processes.members(MARK, sessions=sessions)] == [child.pid]
    asyncio.run(processes.end(MARK, sessions=sessions))
    assert processes.members(MARK, sessions=sessions) == []


def test_a_session_whose_id_another_process_has_by_now_is_left_alone(
    task: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    (tmp_path / str(task.pid)).write_text("1.0")
    assert processes.noted_sessions(tmp_path) == frozenset()
    processes.note_session(tmp_path, task.pid)
    processes.forget_session(tmp_path, task.pid)
    assert processes.noted_sessions(tmp_path) == frozenset()
