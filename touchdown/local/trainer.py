"""Publishes the trainer to a localcloud, as scripts/hooks/postdeploy.sh does in Azure.

Each file's folder is named after the hash of its content: a run keeps the code with which it started, and
publishing the same code again restores what somebody has changed there.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Self

from localcloud.credentials import Principal
from localcloud.home import Home

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

UPLOADS_AT_ONCE = 8


@dataclass(frozen=True)
class Trainer:
    """What a checkout publishes.

    hash: the SHA-256 of the archive, which names its folder in the container. files: contents by their paths
    in the container.
    """

    hash: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, checkout: Path) -> Self:
        module = publish_trainer_of(checkout)
        files = module.trainer_files()
        return cls(str(module.trainer_hash(files)), module.layout(files))

    @property
    def digest(self) -> str:
        """A text that differs between two trainers, also if only the files of the pool do."""
        found = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            found.update(f"{name}\0{len(content)}\0".encode() + content)
        return found.hexdigest()

    def upload(self, home: Home, account: str, container: str) -> None:
        """Upload all files, a few at once.

        account: the Blob endpoint of the data account. Raises azure-core's errors.
        """
        from azure.storage.blob import ContainerClient

        with (
            ContainerClient(
                account,
                container,
                credential=Principal(home, "person"),
                connection_verify=str(home.ca_bundle),
                proxies=home.proxies,
            ) as client,
            ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool,
        ):
            list(pool.map(partial(_upload, client), self.files, self.files.values()))


def publish_trainer_of(checkout: Path) -> ModuleType:
    """The module scripts/publish_trainer.py of a checkout, which the installed package does not contain."""
    found = importlib.util.spec_from_file_location(
        "publish_trainer", checkout / "scripts" / "publish_trainer.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _upload(client: "ContainerClient", name: str, content: bytes) -> None:
    client.upload_blob(name, content, overwrite=True)
