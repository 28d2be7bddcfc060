"""A compute node: its folders, the environment of its processes, and its start task.

All nodes of a local pool stand on one machine, so they share one root; what Azure keeps apart per node
(shared, startup) holds the same things for each of them.
Source: "Azure Batch runtime environment variables"; "Files and directories in Azure Batch".
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from localcloud.batch.processes import Mark
from localcloud.batch.tasks import Task
from localcloud.home import BATCH_ACCOUNT, POOL, REGION, Home

ACCOUNT_ENDPOINT = f"{BATCH_ACCOUNT}.{REGION}.batch.azure.com"
TRAINER_PYTHON = "3.11"
INHERITED = ("PATH", "HOME", "LANG")
"""All that a task's process gets of the environment that localcloud runs in."""


@dataclass(frozen=True)
class NodeFolders:
    """Where a node keeps what. Every path is absolute."""

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
    def trainer(self) -> Path:
        """The environment that the start task prepares and the published pipeline's command uses."""
        return self.shared / "trainer"

    def task(self, task: Task) -> Path:
        return self.jobs / task.job / "job-1" / task.id

    def working(self, task: Task) -> Path:
        return self.task(task) / "wd"

    def make(self) -> None:
        for folder in (self.shared, self.startup / "wd", self.mounts, self.jobs, self.startup / "certs"):
            folder.mkdir(parents=True, exist_ok=True)

    def mark(self) -> Mark:
        """Finds every process that a node of this home has started, also before a restart."""
        return Mark("AZ_BATCH_NODE_ROOT_DIR", str(self.root))


def node_environment(folders: NodeFolders, node: str) -> dict[str, str]:
    return {
        "AZ_BATCH_ACCOUNT_NAME": BATCH_ACCOUNT,
        "AZ_BATCH_ACCOUNT_URL": f"https://{ACCOUNT_ENDPOINT}",
        "AZ_BATCH_POOL_ID": POOL,
        "AZ_BATCH_NODE_ID": node,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_ROOT_DIR": str(folders.root),
        "AZ_BATCH_NODE_SHARED_DIR": str(folders.shared),
        "AZ_BATCH_NODE_STARTUP_DIR": str(folders.startup),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(folders.mounts),
        "AZ_BATCH_CERTIFICATES_DIR": str(folders.startup / "certs"),
    }


def task_environment(home: Home, folders: NodeFolders, node: str, task: Task) -> dict[str, str]:
    """Everything in the environment of `task`: the node's managed identity, but no secret of localcloud.

    `python` is the trainer's: on the Data Science image of the lab it has the same libraries.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PATH": os.pathsep.join([str(folders.trainer / "bin"), inherited.get("PATH", os.defpath)]),
        **node_environment(folders, node),
        "AZ_BATCH_JOB_ID": task.job,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_TASK_DIR": str(folders.task(task)),
        "AZ_BATCH_TASK_WORKING_DIR": str(folders.working(task)),
        **home.trust(),
        **home.identity("node"),
    }


@dataclass(frozen=True)
class StartTask:
    """Makes `<shared>/trainer` lead to an environment with the trainer's requirements.

    The link is set last: what it leads to is complete, also when an earlier start task was interrupted.
    environment: a ready one to use instead of making one (LOCALCLOUD_TRAINER_ENVIRONMENT). It is only
    linked to, never written, so that clouds may share it.
    """

    home: Home
    folders: NodeFolders
    requirements: Path
    environment: Path | None = None

    def commands(self) -> list[list[str]]:
        """What is to be run; nothing when the environment is as it should be. Raises OSError."""
        target = self._target()
        if self.environment is not None:
            if not _has_python(target):
                raise FileNotFoundError(
                    f"LOCALCLOUD_TRAINER_ENVIRONMENT is {target}, which has no bin/python:"
                    " name a virtual environment, or unset it to have one made."
                )
            return []
        if _has_python(target) and self.folders.trainer.resolve() == target:
            return []
        python = str(target / "bin" / "python")
        return [
            [*UV, "venv", "--no-project", "--clear", "--python", TRAINER_PYTHON, str(target)],
            [
                *(*UV, "pip", "sync", "--require-hashes", "--compile-bytecode"),
                *("--python", python, str(self.requirements)),
            ],
        ]

    def finish(self) -> None:
        """After the commands have succeeded: set the link, and delete the environments before this one."""
        target, trainer = self._target(), self.folders.trainer
        partial = trainer.with_name("trainer.partial")
        partial.unlink(missing_ok=True)
        partial.symlink_to(target)
        partial.replace(trainer)
        for old in self.folders.shared.glob("trainer-*"):
            if old != target:
                shutil.rmtree(old)

    def process_environment(self, node: str) -> dict[str, str]:
        """The start task fetches packages as the person at this machine would, with their settings.

        Two variables are not theirs: the virtual environment of localcloud itself, and the trust in
        localcloud's own certificates, which would hide the machine's.
        """
        trust = self.home.trust()
        kept = {
            name: value
            for name, value in os.environ.items()
            if name != "VIRTUAL_ENV" and trust.get(name) != value
        }
        return {"UV_SYSTEM_CERTS": "true", **kept, **node_environment(self.folders, node)}

    def _target(self) -> Path:
        """The environment: the given one, or one that is named for what is in it."""
        if self.environment is not None:
            return self.environment.absolute()
        contents = TRAINER_PYTHON.encode() + self.requirements.read_bytes()
        return self.folders.shared / f"trainer-{hashlib.sha256(contents).hexdigest()[:16]}"


def _has_python(environment: Path) -> bool:
    return os.access(environment / "bin" / "python", os.X_OK)


UV = [sys.executable, "-m", "uv"]
