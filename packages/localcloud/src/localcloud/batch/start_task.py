"""The start task of a pool: what it runs, on which files, and the environment of its process.

It may ask for an administrator (`elevationLevel`). Here it stays the person who runs localcloud, in a home
folder of the node's own, and the programs that would change this machine's system refuse to. This keeps an
ordinary script from an accident; it is no boundary against a program that means harm.
Source: "Node start task"; Bicep type Microsoft.Batch/batchAccounts/pools, StartTask.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.batch.node import INHERITED, NodeFolders, NodeName, node_environment
from localcloud.batch.tasks import ResourceFile
from localcloud.blob_urls import BlobUrl
from localcloud.home import Home
from localcloud.wire import AzureError, not_imitated

SYSTEM_PROGRAMS = (
    *("sudo", "su", "apt", "apt-get", "dpkg", "snap", "dnf", "yum", "zypper", "apk", "brew"),
    *("systemctl", "useradd", "usermod", "mount"),
)
REFUSING = """#!/bin/sh
echo "${0##*/}: a node of localcloud does not change the system of this machine" >&2
exit 126
"""

Locate = Callable[[str], BlobUrl | None]
"""Finds the blob of this cloud's storage at a URL."""


@dataclass(frozen=True)
class StartTask:
    """The start task of a pool, which every node runs before it serves tasks.

    retries: how often it is run again when it fails. wait: whether a node serves tasks only once it has
    succeeded.
    """

    command_line: str
    settings: dict[str, str]
    files: tuple[ResourceFile, ...] = ()
    retries: int = 0
    wait: bool = True

    @classmethod
    def parse(cls, sent: dict[str, Any], locate: Locate) -> "StartTask":
        """From `startTask` of a pool's properties.

        Raises AzureError 400 for one without a command, 501 for files outside this cloud's storage, and for
        a task that is to be repeated without end.
        """
        command = sent.get("commandLine")
        if not isinstance(command, str) or not command:
            raise AzureError(400, "InvalidRequestBody", "The start task of the pool needs a commandLine.")
        settings = {
            str(each["name"]): str(each.get("value", "")) for each in sent.get("environmentSettings") or []
        }
        retries = int(sent.get("maxTaskRetryCount") or 0)
        if retries < 0:
            raise not_imitated("a start task that is repeated without end")
        files = tuple(resource_file(each, locate) for each in sent.get("resourceFiles") or [])
        return cls(command, settings, files, retries, sent.get("waitForSuccess") is not False)


def resource_file(sent: dict[str, Any], locate: Locate) -> ResourceFile:
    """Raises AzureError 501 for a file that this node could not get."""
    place, path = locate(str(sent.get("httpUrl", ""))), str(sent.get("filePath", "/"))
    if place is None or "/" in path:
        raise not_imitated(
            f"the start task's resource file {sent}: a plain filePath, and an httpUrl of a blob of this cloud"
        )
    mode = sent.get("fileMode")
    identity = (sent.get("identityReference") or {}).get("resourceId")
    return ResourceFile(path, place, str(identity or ""), mode=int(str(mode), 8) if mode else None)


def make_tools(folders: NodeFolders) -> None:
    """Make the programs that stand for those of the system on a node's PATH, and refuse. Blocks."""
    folders.tools.mkdir(parents=True, exist_ok=True)
    for name in SYSTEM_PROGRAMS:
        program = folders.tools / name
        if not program.exists():
            program.write_text(REFUSING)
            program.chmod(0o755)


def start_task_environment(
    home: Home, folders: NodeFolders, node: NodeName, start_task: StartTask
) -> dict[str, str]:
    """Everything in the environment of a pool's start task."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PATH": os.pathsep.join([str(folders.tools), inherited.get("PATH", os.defpath)]),
        "HOME": str(folders.startup),
        **node_environment(folders, node),
        "AZ_BATCH_TASK_DIR": str(folders.startup),
        "AZ_BATCH_TASK_WORKING_DIR": str(folders.startup / "wd"),
        **home.trust(),
        **home.identity("pool"),
        **start_task.settings,
    }
