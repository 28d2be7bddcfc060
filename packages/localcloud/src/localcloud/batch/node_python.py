"""The Python environment of the nodes: one that is ready, or one that is made from locked requirements.

All nodes stand on this machine, as if their image held the environment: it is below `shared` before the
start task runs.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from localcloud.batch.node import NodeFolders, NodeName, node_environment
from localcloud.home import Home


@dataclass(frozen=True)
class NodeEnvironment:
    """Makes `<shared>/environment` lead to a Python environment with the given requirements.

    The link is set last: what it leads to is complete, also when an earlier attempt was interrupted. ready:
    an environment to use instead of making one. It is only linked to, never written, so that clouds may share
    it. requirements: a file of requirements, locked by hash. Without either, nodes have no environment.
    mark: a file below `shared` by which the start task of the pool knows an environment that is complete,
    such as `env-1/.complete`; its folder then stands for the environment, and has the file.
    """

    home: Home
    folders: NodeFolders
    requirements: Path | None = None
    ready: Path | None = None
    python: str = "3.11"
    mark: str = ""

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
            [*UV, "pip", "sync", "--require-hashes", "--python", python, str(self.requirements)],
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
        if self.mark:
            stand_in(target, self.folders.shared / self.mark)

    def process_environment(self, name: NodeName) -> dict[str, str]:
        """Packages are fetched as the person at this machine would, with their settings.

        Two kinds of variables are not theirs: the virtual environment of localcloud itself, and the trust in
        localcloud's own certificates, which would hide the machine's. localcloud's proxy passes them through.
        """
        trust = self.home.trusted_certificates()
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


def stand_in(environment: Path, mark: Path) -> None:
    """Make the folder of `mark` an environment that consists of links to another, and the mark in it.

    Whatever a start task then writes to the folder, or changes of it, it does not change the other: chmod and
    rm do not follow the links that they find in a folder.
    """
    place = mark.parent
    partial = place.with_name(f"{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for entry in environment.iterdir():
        (partial / entry.name).symlink_to(entry)
    (partial / mark.name).touch()
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)


def _has_python(environment: Path) -> bool:
    return os.access(environment / "bin" / "python", os.X_OK)


UV = [sys.executable, "-m", "uv"]
