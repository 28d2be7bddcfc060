"""A node without processes: its settings, its start task, and the environment of its tasks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from localcloud.batch.node import NodeFolders, NodeName, task_environment
from localcloud.batch.node_python import NodeEnvironment
from localcloud.batch.nodes import NODE as NODE_NAME
from localcloud.batch.nodes import Node, add, remove_idle
from localcloud.batch.scaling import PoolSettings, Scaling
from localcloud.batch.start_task import StartTask, make_tools, start_task_environment
from localcloud.batch.tasks import ResourceFile, Task, TaskSpec
from localcloud.blob_urls import BlobUrl, located
from localcloud.home import Home, Ports
from localcloud.wire import AzureError

NODE = NodeName("node", "workers", "batches", "batches.localcloud.batch.azure.com")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports())


@pytest.fixture
def folders(home: Home) -> NodeFolders:
    folders = NodeFolders(home.root / "batch")
    folders.make()
    return folders


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text("one==1.0")
    return file


def make_environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    return folder


def test_settings_leave_the_pool_as_it_is_defined_and_refuse_what_is_no_number() -> None:
    assert PoolSettings.read({}) == PoolSettings(nodes=None, task_slots=None)
    assert PoolSettings.read({"LOCALCLOUD_POOL_NODES": "3"}).nodes == 3
    with pytest.raises(ValueError, match="LOCALCLOUD_POOL_TASK_SLOTS is '0'"):
        PoolSettings.read({"LOCALCLOUD_POOL_TASK_SLOTS": "0"})


def test_this_machine_bounds_a_formula_by_its_cores_unless_its_person_says_otherwise() -> None:
    formula = "$TargetDedicatedNodes = min(5, $PendingTasks.GetSample(1));"
    pool = {"taskSlotsPerNode": 2, "scaleSettings": {"autoScale": {"formula": formula}}}
    assert Scaling.of(pool, PoolSettings(), cores=6).nodes(99, 0) == 3
    assert Scaling.of(pool, PoolSettings(), cores=1).nodes(99, 0) == 1
    assert Scaling.of(pool, PoolSettings(nodes=4), cores=1).nodes(99, 0) == 4
    assert Scaling.of(pool, PoolSettings(nodes=9), cores=1).nodes(99, 0) == 5
    assert Scaling.of(pool, PoolSettings(), cores=6).nodes(0, 2) == 0
    assert Scaling.of(pool, PoolSettings(), cores=6).nodes(0, 0) == 0


def test_a_formula_is_evaluated_in_the_interval_of_its_pool() -> None:
    automatic = {"formula": "$TargetDedicatedNodes = 1;"}
    pool = {"scaleSettings": {"autoScale": automatic}}
    assert Scaling.of(pool, PoolSettings()).interval == 15 * 60
    automatic["evaluationInterval"] = "P1DT1H5M10S"
    assert Scaling.of(pool, PoolSettings()).interval == 25 * 3600 + 5 * 60 + 10


def test_idle_nodes_go_the_newest_first_and_their_names_are_given_again() -> None:
    pool: list[Node] = []
    add(pool, 3, "idle")
    assert [node.id for node in pool] == [f"{NODE_NAME}_1", f"{NODE_NAME}_2", f"{NODE_NAME}_3"]
    pool[1].running.add("task")
    remove_idle(pool, 2)
    assert [node.id for node in pool] == [f"{NODE_NAME}_1", f"{NODE_NAME}_2"]
    remove_idle(pool, 0)
    assert [node.id for node in pool] == [f"{NODE_NAME}_2"], "a node that runs a task stays"
    add(pool, 2, "idle")
    assert [node.id for node in pool] == [f"{NODE_NAME}_2", f"{NODE_NAME}_1"]


def test_a_fixed_scale_counts_dedicated_and_spot_nodes() -> None:
    pool = {"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 1, "targetLowPriorityNodes": 2}}}
    assert Scaling.of(pool, PoolSettings()).nodes(0, 0) == 3
    assert Scaling.of(pool, PoolSettings(nodes=1)).nodes(0, 0) == 1


def test_the_environment_is_made_once_for_the_same_requirements(
    home: Home, folders: NodeFolders, requirements: Path
) -> None:
    task = NodeEnvironment(home, folders, requirements)
    make, sync = task.commands()
    assert "--require-hashes" in sync
    make_environment(Path(make[-1]))
    assert task.commands() == [make, sync], "an interrupted start task is run again"
    task.finish()
    assert task.commands() == []
    assert (folders.environment / "bin" / "python").exists()

    requirements.write_text("one==2.0")
    other, _ = task.commands()
    assert other[-1] != make[-1]
    make_environment(Path(other[-1]))
    task.finish()
    assert folders.environment.resolve() == Path(other[-1])
    assert not Path(make[-1]).exists(), "the environment before is deleted"


def test_a_ready_environment_is_linked_to_and_never_written(
    home: Home, folders: NodeFolders, requirements: Path, tmp_path: Path
) -> None:
    ready = make_environment(tmp_path / "ready")
    given = NodeEnvironment(home, folders, requirements, ready)
    assert given.commands() == []
    given.finish()
    assert folders.environment.resolve() == ready

    own = NodeEnvironment(home, folders, requirements)
    make, _ = own.commands()
    assert Path(make[-1]).parent == folders.shared
    make_environment(Path(make[-1]))
    own.finish()
    assert folders.environment.resolve() == Path(make[-1])
    assert (ready / "bin" / "python").exists()


def test_an_environment_without_python_is_refused_by_name(
    home: Home, folders: NodeFolders, requirements: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="has no bin/python"):
        NodeEnvironment(home, folders, requirements, tmp_path / "nothing").commands()


def test_a_task_gets_nothing_of_the_environment_of_localcloud_but_its_way_to_the_cloud(
    home: Home, folders: NodeFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    environment = task_environment(home, folders, NODE, Task("id", "job", TaskSpec("true")))
    assert "AZURE_CLIENT_SECRET" not in environment
    assert environment["HTTPS_PROXY"] == home.proxy
    secrets = {home.control_key, home.identity_headers["site"], home.identity_headers["person"]}
    assert not secrets & set(environment.values())
    assert all(
        Path(value).is_absolute()
        for name, value in environment.items()
        if name.startswith("AZ_BATCH_") and name.endswith("_DIR")
    )


def test_the_start_task_trusts_what_the_machine_trusts_and_goes_by_the_homes_proxy(
    home: Home, folders: NodeFolders, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(home.ca_bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/machine.pem")
    monkeypatch.setenv("HTTPS_PROXY", home.proxy)
    environment = NodeEnvironment(home, folders, requirements).process_environment(NODE)
    assert "SSL_CERT_FILE" not in environment
    assert environment["REQUESTS_CA_BUNDLE"] == "/etc/machine.pem"
    assert environment["HTTPS_PROXY"] == home.proxy


def test_nodes_without_requirements_have_no_environment(home: Home, folders: NodeFolders) -> None:
    nothing = NodeEnvironment(home, folders)
    assert nothing.commands() == []
    nothing.finish()
    assert not folders.environment.exists()


def locate(url: str) -> BlobUrl | None:
    """Finds the blobs of an account `data`."""
    container, _, blob = url.removeprefix("https://data/").partition("/")
    return BlobUrl("data", container, blob) if url.startswith("https://data/") else None


def test_a_start_task_names_its_files_as_blobs_of_this_storage_and_who_reads_them() -> None:
    identity = "/subscriptions/s/…/trainer"
    file = {
        "httpUrl": "https://data/code/pool/a.txt",
        "filePath": "a.txt",
        "fileMode": "0750",
        "identityReference": {"resourceId": identity},
    }
    sent = {
        "commandLine": "true",
        "environmentSettings": [{"name": "A", "value": "1"}],
        "resourceFiles": [file, {"httpUrl": "https://data/code/b", "filePath": "b"}],
        "maxTaskRetryCount": 2,
        "waitForSuccess": False,
    }
    task = StartTask.parse(sent, locate)
    assert (task.command_line, task.settings, task.retries, task.wait) == ("true", {"A": "1"}, 2, False)
    assert task.files == (
        ResourceFile("a.txt", BlobUrl("data", "code", "pool/a.txt"), identity, mode=0o750),
        ResourceFile("b", BlobUrl("data", "code", "b")),
    )
    assert StartTask.parse({"commandLine": "true"}, locate).wait, "Batch waits if nothing is said"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 400),
        ({"commandLine": "true", "maxTaskRetryCount": -1}, 501),
        ({"commandLine": "true", "resourceFiles": [{"httpUrl": "https://x/c/b", "filePath": "a"}]}, 501),
        (
            {"commandLine": "true", "resourceFiles": [{"httpUrl": "https://data/c/b", "filePath": "../a"}]},
            501,
        ),
    ],
)
def test_a_start_task_that_cannot_be_run_is_refused(sent: dict[str, Any], status: int) -> None:
    with pytest.raises(AzureError) as refused:
        StartTask.parse(sent, locate)
    assert refused.value.status == status


def test_a_url_is_a_blob_of_this_cloud_only_where_account_and_host_are_its_own(home: Home) -> None:
    root = home.storage_url("data")
    assert located(home, ["other", "data"], f"{root}/code/a%20b/c") == BlobUrl("data", "code", "a b/c")
    for foreign in (f"{root}x/code/b", "https://data.blob.core.windows.net/code/b", f"{root}/code", root):
        assert located(home, ["data"], foreign) is None
    assert located(home, ["other"], f"{root}/code/b") is None


def test_an_administrator_on_a_node_gains_nothing_on_this_machine(home: Home, folders: NodeFolders) -> None:
    make_tools(folders)
    environment = start_task_environment(home, folders, NODE, StartTask("true", {"PAUSE": "0"}))
    for command in ("sudo true", "apt-get install -y x", "su -c true"):
        done = subprocess.run(
            ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, "does not change the system" in done.stderr) == (126, True), command
    assert Path(environment["HOME"]).is_relative_to(folders.root)
    assert environment["PAUSE"] == "0"


def test_a_ready_environment_also_is_where_the_start_task_looks_for_one(
    home: Home, folders: NodeFolders, tmp_path: Path
) -> None:
    ready = make_environment(tmp_path / "ready")
    given = NodeEnvironment(home, folders, ready=ready, mark="env-1/.complete")
    given.finish()
    given.finish()
    place = folders.shared / "env-1"
    assert (place / ".complete").is_file()
    assert (place / "bin").readlink() == ready / "bin"
    assert not (ready / ".complete").exists()
