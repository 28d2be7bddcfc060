"""A compute node: its folders, and the environment of its processes.

All nodes of a local pool are on one machine, so they share one root folder. The folders that each node has to
itself in Azure (shared, startup) would have the same content for all of them.
Source: "Azure Batch runtime environment variables"; "Files and directories in Azure Batch".
"""

import os
from dataclasses import dataclass
from pathlib import Path

from localcloud.batch.processes import Mark
from localcloud.batch.tasks import Task
from localcloud.home import Home

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
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def mounts(self) -> Path:
        return self.root / "fsmounts"

    @property
    def jobs(self) -> Path:
        return self.root / "workitems"

    @property
    def sessions(self) -> Path:
        """Where the sessions of the running tasks are noted."""
        return self.root / "sessions"

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
        **home.identity("pool"),
    }
