"""A compute node: its folders, its Python, the environment of its processes, and its start task.

All nodes of a local pool are on one machine, so they share one root folder. The folders that each node has to
itself in Azure (shared, startup) would have the same content for all of them.
Source: "Azure Batch runtime environment variables"; "Files and directories in Azure Batch".
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from localcloud.batch.processes import Mark
from localcloud.batch.tasks import Task
from localcloud.home import Home
from localcloud.wire import AzureError, not_imitated

INHERITED = ("PATH", "HOME", "LANG")
"""The variables of localcloud's own environment that a task's process inherits; it inherits no other."""


@dataclass(frozen=True)
class NodeFolders:
    """The folders of a node. All paths are absolute."""

    root: Path

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def startup(self) -> Path:
        return self.root / "startup"

    @property
    def mounts(self) -> Path:
        return self.root / "fsmounts"

    @property
    def jobs(self) -> Path:
        return self.root / "workitems"

    @property
    def environment(self) -> Path:
        """The Python environment of the nodes; there once it is complete."""
        return self.shared / "environment"

    def task(self, task: Task) -> Path:
        return self.jobs / task.job / "job-1" / task.id

    def working(self, task: Task) -> Path:
        return self.task(task) / "wd"

    def make(self) -> None:
        for folder in (self.shared, self.startup / "wd", self.mounts, self.jobs, self.startup / "certs"):
            folder.mkdir(parents=True, exist_ok=True)

    def mark(self) -> Mark:
        """Return the mark of every process that a node of this home has started, also before a restart."""
        return Mark("AZ_BATCH_NODE_ROOT_DIR", str(self.root))


@dataclass(frozen=True)
class NodeName:
    """A node, and the pool and Batch account that it belongs to. endpoint: host of the account."""

    node: str
    pool: str
    account: str
    endpoint: str


def node_environment(folders: NodeFolders, name: NodeName) -> dict[str, str]:
    return {
        "AZ_BATCH_ACCOUNT_NAME": name.account,
        "AZ_BATCH_ACCOUNT_URL": f"https://{name.endpoint}",
        "AZ_BATCH_POOL_ID": name.pool,
        "AZ_BATCH_NODE_ID": name.node,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_ROOT_DIR": str(folders.root),
        "AZ_BATCH_NODE_SHARED_DIR": str(folders.shared),
        "AZ_BATCH_NODE_STARTUP_DIR": str(folders.startup),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(folders.mounts),
        "AZ_BATCH_CERTIFICATES_DIR": str(folders.startup / "certs"),
    }


def task_environment(home: Home, folders: NodeFolders, node: NodeName, task: Task) -> dict[str, str]:
    """Everything in the environment of `task`: the node's managed identity, but no secret of localcloud.

    `python` is that of the nodes' environment, as an image for data science has one with libraries.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PATH": os.pathsep.join([str(folders.environment / "bin"), inherited.get("PATH", os.defpath)]),
        **node_environment(folders, node),
        "AZ_BATCH_JOB_ID": task.job,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_TASK_DIR": str(folders.task(task)),
        "AZ_BATCH_TASK_WORKING_DIR": str(folders.working(task)),
        **home.trust(),
        **home.identity("node"),
    }


def start_task_environment(
    home: Home, folders: NodeFolders, node: NodeName, start_task: "StartTask"
) -> dict[str, str]:
    """Everything in the environment of a pool's start task."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        **node_environment(folders, node),
        **home.trust(),
        **home.identity("node"),
        **start_task.settings,
    }


@dataclass(frozen=True)
class NodeEnvironment:
    """Makes `<shared>/environment` lead to a Python environment with the given requirements.

    The link is set last: what it leads to is complete, also when an earlier attempt was interrupted. ready:
    an environment to use instead of making one. It is only linked to, never written, so that clouds may share
    it. requirements: a file of requirements, locked by hash. Without either, nodes have no environment.
    """

    home: Home
    folders: NodeFolders
    requirements: Path | None = None
    ready: Path | None = None
    python: str = "3.11"

    def commands(self) -> list[list[str]]:
        """Return the commands to run; none if the environment is up to date. Raises OSError."""
        target = self._target()
        if self.ready is not None and not _has_python(self.ready):
            raise FileNotFoundError(
                f"The environment of the nodes is {target}, which has no bin/python: name a virtual"
                " environment, or requirements from which one is made."
            )
        if target is None or self.ready is not None:
            return []
        if _has_python(target) and self.folders.environment.resolve() == target:
            return []
        python = str(target / "bin" / "python")
        return [
            [*UV, "venv", "--no-project", "--clear", "--python", self.python, str(target)],
            [
                *(*UV, "pip", "sync", "--require-hashes", "--compile-bytecode"),
                *("--python", python, str(self.requirements)),
            ],
        ]

    def finish(self) -> None:
        """After the commands have succeeded, set the link and delete older environments."""
        target, link = self._target(), self.folders.environment
        if target is None:
            link.unlink(missing_ok=True)
            return
        partial = link.with_name("environment.partial")
        partial.unlink(missing_ok=True)
        partial.symlink_to(target)
        partial.replace(link)
        for old in self.folders.shared.glob("environment-*"):
            if old != target:
                shutil.rmtree(old)

    def process_environment(self, name: NodeName) -> dict[str, str]:
        """Packages are fetched as the person at this machine would, with their settings.

        Two variables are not theirs: the virtual environment of localcloud itself, and the trust in
        localcloud's own certificates, which would hide the machine's.
        """
        trust = self.home.trust()
        kept = {
            name: value
            for name, value in os.environ.items()
            if name != "VIRTUAL_ENV" and trust.get(name) != value
        }
        return {"UV_SYSTEM_CERTS": "true", **kept, **node_environment(self.folders, name)}

    def _target(self) -> Path | None:
        """The environment: the ready one, or one that is named for what is in it."""
        if self.ready is not None:
            return self.ready.absolute()
        if self.requirements is None:
            return None
        contents = self.python.encode() + self.requirements.read_bytes()
        return self.folders.shared / f"environment-{hashlib.sha256(contents).hexdigest()[:16]}"


@dataclass(frozen=True)
class StartTask:
    """The start task of a pool, which every node runs before it serves tasks.

    files: by name in the working directory, the (container, blob) that is copied there.
    """

    command_line: str
    settings: dict[str, str]
    files: dict[str, tuple[str, str]]

    @classmethod
    def parse(cls, sent: dict[str, Any], blob_url: str) -> "StartTask":
        """From `startTask` of a pool's properties.

        Raises AzureError 400 for one without a command, 501 for files outside the account at `blob_url`.
        """
        command = sent.get("commandLine")
        if not isinstance(command, str) or not command:
            raise AzureError(400, "InvalidRequestBody", "The start task of the pool needs a commandLine.")
        settings = {
            str(each["name"]): str(each.get("value", "")) for each in sent.get("environmentSettings") or []
        }
        files = {}
        for each in sent.get("resourceFiles") or []:
            url = str(each.get("httpUrl", ""))
            container, _, blob = url.removeprefix(f"{blob_url}/").partition("/")
            if not url.startswith(f"{blob_url}/") or not blob or "/" in str(each.get("filePath", "/")):
                raise not_imitated(
                    f"the start task's resource file {each}: an httpUrl below {blob_url} is expected"
                )
            files[str(each["filePath"])] = (container, unquote(blob))
        return cls(command, settings, files)


def _has_python(environment: Path) -> bool:
    return os.access(environment / "bin" / "python", os.X_OK)


UV = [sys.executable, "-m", "uv"]
