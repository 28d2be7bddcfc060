"""A pool and its start task, with real processes and without storage."""

import asyncio
import hashlib
import itertools
import os
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from localcloud.batch.pool import Pool
from localcloud.batch.scaling import PoolSettings
from localcloud.batch.tasks import TaskSpec
from localcloud.faults import Fault, Faults
from localcloud.home import Home, Ports
from localcloud.service import Cloud
from localcloud.spec import CloudSpec
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

pytestmark = pytest.mark.integration


class Open(Protocol):
    def __call__(self, spec: CloudSpec, settings: PoolSettings = ...) -> Awaitable[Pool]: ...


DEFINED = PoolSettings()


@pytest.fixture
async def open_pool(tmp_path: Path) -> AsyncIterator[Open]:
    """Returns a function that makes pools of one home; they are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def open_(spec: CloudSpec, settings: PoolSettings = DEFINED) -> Pool:
            return await stack.enter_async_context(pool_of(tmp_path / "home", spec, settings))

        yield open_


@asynccontextmanager
async def pool_of(root: Path, spec: CloudSpec, settings: PoolSettings = DEFINED) -> AsyncIterator[Pool]:
    home = Home.open(root, Ports.free())
    store = Store(home.root / "cloud.sqlite")
    cloud = Cloud(home, store, Tokens(home), Operations(store, home.resource_manager), Faults(), spec)
    pool = Pool(cloud, settings)
    try:
        yield pool
    finally:
        await pool.stop()
        await cloud.operations.stop()
        store.close()


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """One package, from a wheel on this disk."""
    wheel = tmp_path / "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "TEXT = 'hello'")
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(f"greeting-1.0.dist-info/{name}", text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    file = tmp_path / "requirements.txt"
    file.write_text(f"greeting @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return file


async def test_a_task_waits_for_the_start_task_and_uses_what_it_prepared(
    open_pool: Open, requirements: Path
) -> None:
    pool = await open_pool(CloudSpec(node_requirements=requirements))
    pool.define({})
    code = "import greeting; print(greeting.TEXT)"
    command = f"""/bin/bash -c 'exec "$AZ_BATCH_NODE_SHARED_DIR/environment/bin/python" -c "{code}"'"""
    task = pool.submit(str(uuid4()), TaskSpec(command))
    assert task.state == "active"
    await pool.start()
    await task.completed.wait()
    assert (task.exit_code, task.failure) == (0, None)
    assert (pool.folders.task(task) / "stdout.txt").read_text() == "hello\n"


async def test_tasks_fail_with_the_stderr_of_a_start_task_that_failed(
    open_pool: Open, tmp_path: Path
) -> None:
    requirements = tmp_path / "bad.txt"
    requirements.write_text("unhashed==1.0\n")
    pool = await open_pool(CloudSpec(node_requirements=requirements))
    pool.define({})
    early = pool.submit(str(uuid4()), TaskSpec("true"))
    await pool.start()
    await early.completed.wait()
    late = pool.submit(str(uuid4()), TaskSpec("true"))
    for task in (early, late):
        assert task.completed.is_set()
        assert task.failure is not None
        assert task.failure.code == "StartTaskFailed"
        assert "unhashed" in task.failure.message
    assert [node.state for node in pool.nodes] == ["startTaskFailed"]
    assert not pool.folders.environment.exists()


async def test_tasks_are_served_in_the_order_in_which_they_came(open_pool: Open, ready: Path) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready), PoolSettings(task_slots=1))
    pool.define({})
    tasks = [pool.submit(str(uuid4()), TaskSpec("true")) for _ in range(4)]
    await pool.start()
    for task in tasks:
        await task.completed.wait()
    for earlier, later in itertools.pairwise(tasks):
        assert earlier.ended is not None
        assert later.started is not None
        assert earlier.ended <= later.started


async def test_nodes_share_the_tasks_between_them(open_pool: Open, ready: Path) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready), PoolSettings(nodes=2, task_slots=1))
    pool.define({})
    await pool.start()
    tasks = [pool.submit(str(uuid4()), TaskSpec("sleep 600")) for _ in range(3)]
    async with asyncio.timeout(30):
        while [task.state for task in tasks] != ["running", "running", "active"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert {tasks[0].node, tasks[1].node} == {node.id for node in pool.nodes}
    await pool.terminate(tasks[2])
    await pool.terminate(tasks[0])
    assert [task.failure.code if task.failure else None for task in tasks] == ["TaskEnded", None, "TaskEnded"]
    assert {node.id: node.state for node in pool.nodes}[str(tasks[0].node)] == "idle"


async def test_a_command_that_a_signal_ends_has_the_exit_code_of_the_signal(
    open_pool: Open, ready: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    pool.define({})
    await pool.start()
    task = pool.submit(str(uuid4()), TaskSpec("/bin/bash -c 'kill -KILL $$'"))
    await task.completed.wait()
    assert task.exit_code == 137


@pytest.mark.parametrize("command", ["", "'unbalanced", "/no/such/program", "/etc/passwd", "a\0b"])
async def test_a_command_that_cannot_start_fails_the_task_and_frees_the_slot(
    open_pool: Open, ready: Path, command: str
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready), PoolSettings(task_slots=1))
    pool.define({})
    await pool.start()
    task = pool.submit(str(uuid4()), TaskSpec(command))
    await task.completed.wait()
    assert task.failure is not None
    assert task.failure.code == "CommandProgramNotFound"
    after = pool.submit(str(uuid4()), TaskSpec("true"))
    await after.completed.wait()
    assert after.exit_code == 0


async def test_old_task_folders_are_deleted_at_the_start_and_others_are_kept(
    tmp_path: Path, ready: Path
) -> None:
    spec = CloudSpec(node_environment=ready)
    async with pool_of(tmp_path / "home", spec) as pool:
        pool.define({})
        await pool.start()
        specs = [TaskSpec("true", retention=timedelta(0)), TaskSpec("true")]
        tasks = [pool.submit(str(uuid4()), spec) for spec in specs]
        for task in tasks:
            await task.completed.wait()
        over, kept = (pool.folders.task(task) for task in tasks)
        forgotten = over.with_name("forgotten")
        forgotten.mkdir()
        long_ago = time.time() - timedelta(days=8).total_seconds()
        os.utime(forgotten, (long_ago, long_ago))
    async with pool_of(tmp_path / "home", spec) as again:
        again.define({})
        await again.start()
        assert not over.exists()
        assert not forgotten.exists()
        assert (kept / "stdout.txt").exists()


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """An environment with an executable named python, which these tests never run."""
    folder = tmp_path / "ready"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/bin/sh")
    return folder


async def test_a_task_that_is_held_back_can_be_ended(open_pool: Open, ready: Path) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    pool.define({})
    pool.cloud.faults.arm(Fault("batch.task", "delay", seconds=600))
    await pool.start()
    task = pool.submit(str(uuid4()), TaskSpec("true"))
    async with asyncio.timeout(30):
        while task.state != "preparing":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await pool.terminate(task)
    assert task.failure is not None
    assert task.failure.code == "TaskEnded"
    assert not pool.folders.task(task).exists()


async def test_nodes_run_the_start_task_of_the_pool_before_any_task(open_pool: Open, ready: Path) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    write = """/bin/bash -c 'echo "$WORD" > "$AZ_BATCH_NODE_SHARED_DIR/word"'"""
    settings = [{"name": "WORD", "value": "hello"}]
    pool.define({"startTask": {"commandLine": write, "environmentSettings": settings}})
    task = pool.submit(str(uuid4()), TaskSpec("""/bin/bash -c 'cat "$AZ_BATCH_NODE_SHARED_DIR/word"'"""))
    await pool.start()
    await task.completed.wait()
    assert (pool.folders.task(task) / "stdout.txt").read_text() == "hello\n"


async def test_a_new_start_task_makes_the_nodes_ready_anew(open_pool: Open, ready: Path) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    await pool.start()
    pool.define({"startTask": {"commandLine": "/bin/bash -c 'echo broken >&2; exit 3'"}})
    assert [node.state for node in pool.nodes] == ["waitingForStartTask"]
    task = pool.submit(str(uuid4()), TaskSpec("true"))
    await task.completed.wait()
    assert task.failure is not None
    assert (task.failure.code, "broken" in task.failure.message) == ("StartTaskFailed", True)
    pool.define({"taskSlotsPerNode": 3, "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 2}}})
    again = pool.submit(str(uuid4()), TaskSpec("true"))
    await again.completed.wait()
    assert (again.exit_code, len(pool.nodes), pool.task_slots) == (0, 2, 3)


FORMULA = "$TargetDedicatedNodes = min(2, ceil($PendingTasks.GetSample(1) / 2));"


def scaled(**more: object) -> dict[str, object]:
    return {"taskSlotsPerNode": 2, "scaleSettings": {"autoScale": {"formula": FORMULA}}, **more}


async def test_a_pool_that_a_formula_scales_has_nodes_when_there_are_tasks_and_no_more_than_it_says(
    open_pool: Open, ready: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready), PoolSettings(nodes=8))
    pool.define(scaled(taskSchedulingPolicy={"nodeFillType": "Pack"}))
    await pool.start()
    assert pool.nodes == []
    tasks = [pool.submit(str(uuid4()), TaskSpec("sleep 600")) for _ in range(6)]
    async with asyncio.timeout(30):
        while [str(task.state) for task in tasks].count("running") < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [len(node.running) for node in pool.nodes] == [2, 2]
    assert [task.state for task in tasks[4:]] == ["active", "active"]
    assert len({task.node for task in tasks[:2]}) == 1, "tasks are packed"


async def test_idle_nodes_go_after_an_interval_without_tasks_and_new_ones_run_the_start_task(
    open_pool: Open, ready: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    boots = pool.folders.root.parent / "boots"
    pool.define(scaled(startTask={"commandLine": f"/bin/bash -c 'echo booted >> {boots}'"}))
    await pool.start()
    await pool.submit(str(uuid4()), TaskSpec("true")).completed.wait()
    running = pool.submit(str(uuid4()), TaskSpec("sleep 600"))
    pool.evaluate()
    await pool.terminate(running)
    pool.evaluate()
    assert [node.state for node in pool.nodes] == ["idle"], "there was a task in this interval"
    pool.evaluate()
    assert pool.nodes == []
    assert boots.read_text().count("booted") == 1
    again = pool.submit(str(uuid4()), TaskSpec("true"))
    await again.completed.wait()
    assert (again.exit_code, boots.read_text().count("booted")) == (0, 2)


async def test_new_nodes_run_the_start_task_again_when_it_has_failed_for_all(
    open_pool: Open, ready: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    flag = pool.folders.root.parent / "published"
    pool.define(scaled(startTask={"commandLine": f"/bin/bash -c 'test -f {flag}'"}))
    await pool.start()
    early = pool.submit(str(uuid4()), TaskSpec("true"))
    await early.completed.wait()
    assert early.failure is not None
    assert early.failure.code == "StartTaskFailed"
    flag.touch()
    late = pool.submit(str(uuid4()), TaskSpec("true"))
    await late.completed.wait()
    assert late.exit_code == 0


async def test_a_start_task_is_run_again_as_often_as_the_pool_says(
    open_pool: Open, ready: Path, tmp_path: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    log = tmp_path / "attempts"
    count = f"/bin/bash -c 'echo again >> {log}; test $(wc -l < {log}) -ge 3'"
    pool.define({"startTask": {"commandLine": count, "maxTaskRetryCount": 2}})
    task = pool.submit(str(uuid4()), TaskSpec("true"))
    await pool.start()
    await task.completed.wait()
    assert (task.exit_code, log.read_text().split()) == (0, ["again"] * 3)


async def test_nodes_that_do_not_wait_for_their_start_task_serve_tasks_although_it_fails(
    open_pool: Open, ready: Path
) -> None:
    pool = await open_pool(CloudSpec(node_environment=ready))
    pool.define({"startTask": {"commandLine": "false", "waitForSuccess": False}})
    await pool.start()
    task = pool.submit(str(uuid4()), TaskSpec("true"))
    await task.completed.wait()
    assert task.exit_code == 0


async def test_a_pool_that_was_not_deployed_yet_has_no_node_and_one_with_a_formula_none_before_a_task(
    open_pool: Open, ready: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    pool = await open_pool(CloudSpec(node_environment=ready))
    await pool.start()
    assert pool.nodes == []
    pool.define(scaled(startTask={"commandLine": f"/bin/bash -c 'echo once >> {ran}'"}))
    assert pool.nodes == []
    await pool.submit(str(uuid4()), TaskSpec("true")).completed.wait()
    assert ran.read_text() == "once\n"
