"""The start task of a Batch node, run as it is deployed: the command line and the environment of batch.bicep.

Batch starts a command without a shell
(learn.microsoft.com/azure/batch/batch-compute-node-environment-variables); Microsoft's own samples wrap their
commands as `/bin/bash -c '…'`. How the agent splits a command into words is not documented. So the command
runs here in both ways: split into words, and read by a shell.
"""

import base64
import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from tests.unit.bicep.source import BICEP, ROOT, properties, source, text

SCRIPT = BICEP / "definitions" / "start-task.sh"
PYTHON = """
echo "python3 $*" >>"{folder}/log"
[[ $1 == -m && $2 == venv ]] || exit 1
mkdir -p "$3/bin"
printf '#!/bin/bash\\nexit 0\\n' >"$3/bin/python"
cat >"$3/bin/uv" <<'END'
#!/bin/bash
echo "uv $*" >>"{folder}/log"
if [[ $1 == venv ]]; then
  echo "python from $UV_PYTHON_DOWNLOADS_JSON_URL" >>"{folder}/log"
  mkdir -p "${{@: -1}}/bin"
  printf '#!/bin/bash\\necho Python 3.11.9\\n' >"${{@: -1}}/bin/python"
  chmod +x "${{@: -1}}/bin/python"
fi
END
chmod +x "$3/bin/python" "$3/bin/uv"
"""
"""A python3 whose module venv makes a uv that makes environments, with the node's folder as {folder}."""


def literal(given: str) -> str:
    """The value of a string literal of Bicep without interpolation."""
    assert "${" not in given
    return re.sub(
        r"\\(.)", lambda escape: {"n": "\n", "r": "\r", "t": "\t"}.get(escape[1], escape[1]), given[1:-1]
    )


def encoded(script: bytes) -> str:
    """START_TASK as batch.bicep makes it from the bytes of start-task.sh."""
    module = source(BICEP / "modules" / "batch.bicep")
    (declared,) = [each for each in module.of("variable") if each.name == "startTask"]
    expression = text(declared.node).removeprefix("var startTask = ")
    assert expression == r"replace(loadTextContent('../definitions/start-task.sh'), '\r', '')"
    return base64.b64encode(script.decode().replace("\r", "").encode()).decode()


def command_line() -> str:
    (pool,) = [
        each for each in source(BICEP / "modules" / "batch.bicep").of("resource") if each.name == "pool"
    ]
    start_task = properties(properties(pool.properties()["properties"])["startTask"])
    settings = text(start_task["environmentSettings"])
    assert "{ name: 'START_TASK', value: base64(startTask) }" in settings
    assert "{ name: 'REQUIREMENTS_SHA256', value: startFiles['requirements.txt'] }" in settings
    assert "{ name: 'UV_SHA256', value: startFiles['uv.txt'] }" in settings
    assert "{ name: 'PYTHON_SHA256', value: startFiles['python.json'] }" in settings
    return literal(text(start_task["commandLine"]))


@dataclass
class Node:
    """A node at boot: the start task's files are in the working directory, and there is no network."""

    folder: Path
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def trainer(self) -> Path:
        return self.folder / "shared" / "trainer"

    def tool(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (self.folder / name).chmod(0o755)

    def write(self, name: str, content: str) -> None:
        """Give the pool another file for its start task."""
        (self.folder / name).write_text(content)
        self.hashes[f"{name.partition('.')[0].upper()}_SHA256"] = sha256(content.encode()).hexdigest()

    def start(self, words: list[str] | None = None, **changed: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line, or these words; changed: variables that differ from those deployed."""
        environment = self.hashes | {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "START_TASK": encoded(SCRIPT.read_bytes()),
            "START_TASK_PAUSE": "0",
            "AZ_BATCH_NODE_SHARED_DIR": str(self.folder / "shared"),
        }
        return subprocess.run(
            words or shlex.split(command_line()),
            cwd=self.folder,
            env=environment | changed,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "shared").mkdir()
    made = Node(tmp_path)
    for name, content in {"requirements.txt": "a==1\n", "uv.txt": "uv==1\n", "python.json": "{}\n"}.items():
        made.write(name, content)
    made.tool("python3", PYTHON.format(folder=tmp_path))
    return made


# --- How the script gets to the node ------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["words", "shell"])
def test_the_command_line_runs_the_script_however_the_agent_starts_it(way: str, node: Node) -> None:
    command = command_line()
    done = node.start(shlex.split(command) if way == "words" else ["/bin/sh", "-c", command])
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("start task: ready: Python 3.11.9\n")
    assert os.access(node.trainer / "bin" / "python", os.X_OK)


def test_the_command_line_has_single_quotes_at_its_ends_only() -> None:
    assert re.fullmatch(r"/bin/bash -c '[^']+'", command_line())


def test_no_value_of_the_start_task_has_more_than_one_line() -> None:
    assert "\n" not in command_line()
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", encoded(SCRIPT.read_bytes()))


def test_a_clone_with_the_line_ends_of_windows_deploys_the_same_start_task(node: Node) -> None:
    windows = SCRIPT.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert encoded(windows) == encoded(SCRIPT.read_bytes())
    assert node.start(START_TASK=encoded(windows)).returncode == 0


@pytest.mark.parametrize("broken", ["", "not base64!"])
def test_a_node_without_its_script_is_not_ready(broken: str, node: Node) -> None:
    assert node.start(START_TASK=broken).returncode != 0


@pytest.mark.parametrize("failed", [3, 1])
def test_the_exit_code_is_that_of_the_script(failed: int, node: Node) -> None:
    assert node.start(START_TASK=encoded(f"exit {failed}\n".encode())).returncode == failed


def test_it_is_what_the_compiler_says_is_deployed() -> None:
    snapshot = json.loads((ROOT / "tests" / "bicep" / "defaults.snapshot.json").read_text())
    (pool,) = [
        each for each in snapshot["predictedResources"] if each["type"].endswith("/batchAccounts/pools")
    ]
    deployed = pool["properties"]["startTask"]
    assert deployed["commandLine"] == command_line()
    hashes = json.loads((BICEP / "definitions" / "start-files.json").read_text())
    assert {each["name"]: each["value"] for each in deployed["environmentSettings"]} == {
        "START_TASK": encoded(SCRIPT.read_bytes()),
        "REQUIREMENTS_SHA256": hashes["requirements.txt"],
        "UV_SHA256": hashes["uv.txt"],
        "PYTHON_SHA256": hashes["python.json"],
    }


# --- What the script does -----------------------------------------------------------------------------------


def test_a_node_creates_the_environment_that_the_pipelines_command_uses(node: Node) -> None:
    assert node.start().returncode == 0
    command = json.loads((BICEP / "definitions" / "pipeline.json").read_text())["properties"]["activities"][0]
    program = re.search(r'"\$AZ_BATCH_NODE_SHARED_DIR/(\S+)"', command["typeProperties"]["command"])
    assert program is not None
    assert os.access(node.folder / "shared" / program[1], os.X_OK)
    assert [
        line for line in node.log.read_text().splitlines() if "sync" in line and "--require-hashes" in line
    ]


def test_a_node_that_boots_again_keeps_its_environment(node: Node) -> None:
    node.start()
    before = node.log.read_text()
    assert node.start().returncode == 0
    assert node.log.read_text() == before


def test_new_requirements_replace_the_environment(node: Node) -> None:
    node.start()
    old = node.trainer.resolve()
    node.write("requirements.txt", "a==2\n")
    assert node.start().returncode == 0
    assert node.trainer.resolve() != old
    assert not old.exists()


@pytest.mark.parametrize("name", ["requirements.txt", "uv.txt", "python.json"])
def test_a_node_installs_nothing_from_a_file_that_somebody_has_changed(name: str, node: Node) -> None:
    """Hashes of packages in the file do not help if another file came with hashes of its own."""
    (node.folder / name).write_text("evil==1 --hash=sha256:0000\n")
    done = node.start()
    assert done.returncode == 1
    assert "is not the one that this pool was deployed with" in done.stderr
    assert not node.log.exists()
    assert not node.trainer.exists()


def test_no_task_can_put_another_python_in_the_place_of_the_trainers(node: Node) -> None:
    """Batch lets the users of all tasks write to the shared folder."""
    (node.folder / "shared").chmod(0o777)
    assert node.start().returncode == 0
    inside = [each for each in (node.folder / "shared").rglob("*") if not each.is_symlink()]
    assert len(inside) > 2
    for each in [node.folder / "shared", *inside]:
        assert each.stat().st_mode & 0o022 == 0, each


def test_a_node_whose_environment_is_ready_refuses_a_changed_file_too(node: Node) -> None:
    node.start()
    (node.folder / "requirements.txt").write_text("evil==1\n")
    assert node.start().returncode == 1


def test_nothing_is_installed_without_a_version_and_a_hash(node: Node) -> None:
    """What apt would install has no version that stays, and no hash that the project knows."""
    assert node.start().returncode == 0
    (sync,) = [line for line in node.log.read_text().splitlines() if line.startswith("uv pip")]
    assert "sync" in sync
    assert "--require-hashes" in sync
    assert f"python from {node.folder}/python.json\n" in node.log.read_text()
    commands = re.sub("(?m)#.*$", "", SCRIPT.read_text())
    assert not re.search(r"\b(apt|apt-get|dnf|curl|wget)\b", commands)
    (install,) = re.findall(r"\binstall .*", commands)
    assert install == "install --quiet --no-deps --require-hashes -r uv.txt)"


def test_each_build_of_python_has_a_hash_and_is_of_the_version_of_the_trainer() -> None:
    builds = json.loads((BICEP / "definitions" / "python.json").read_text())
    assert {each["arch"]["family"] for each in builds.values()} == {"x86_64", "aarch64"}
    for name, each in builds.items():
        version = f"{each['major']}.{each['minor']}.{each['patch']}"
        assert name == f"cpython-{version}-linux-{each['arch']['family']}-gnu"
        assert (each["major"], each["minor"]) == (3, 11)
        assert (
            f"/{each['build']}/cpython-{version}%2B{each['build']}-{each['arch']['family']}-" in each["url"]
        )
        assert re.fullmatch("[0-9a-f]{64}", each["sha256"])


def test_without_the_module_venv_the_pip_of_the_image_installs_uv(node: Node) -> None:
    made = PYTHON.format(folder=node.folder)
    by_pip = made.replace("$1 == -m && $2 == venv", "$1 == -m && $2 == pip").replace("$3/", "${@: -1}/")
    node.tool("python3", by_pip)
    done = node.start()
    assert done.returncode == 0, done.stderr
    assert "pip install --quiet --no-deps --require-hashes -r uv.txt --target" in node.log.read_text()


def test_a_start_task_that_cannot_create_the_environment_fails_with_a_message(node: Node) -> None:
    node.tool("python3", "echo no >&2; exit 1")
    done = node.start()
    assert done.returncode == 1
    assert done.stderr.count("attempt") == 5
    assert "gave up" in done.stderr
    assert not node.trainer.exists()


def test_an_interrupted_build_does_not_count_as_complete(node: Node) -> None:
    node.start()
    (node.trainer / ".complete").unlink()
    node.log.unlink()
    assert node.start().returncode == 0
    assert "uv pip sync" in node.log.read_text()
