"""Publishes the trainer to a localcloud, as scripts/hooks/postdeploy.sh does in Azure.

The code's folder is named after a hash of its contents: a run keeps the code with which it started, and
publishing the same code again changes nothing. The files of the pool keep their names and are replaced.
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

    path: the folder of the code in the container, `code/` and a hash. files: contents by their paths in the
    container.
    """

    path: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, checkout: Path) -> Self:
        module = publish_trainer_of(checkout)
        files = module.trainer_files()
        return cls(str(module.code_path(files)), module.layout(files))

    @property
    def digest(self) -> str:
        """A text that differs between two trainers, also if only the files of the pool do."""
        found = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            found.update(f"{name}\0{len(content)}\0".encode() + content)
        return found.hexdigest()

    def upload(self, home: Home, account: str, container: str) -> None:
        """Upload what the container does not have yet.

        account: the Blob endpoint of the data account. Raises azure-core's errors.
        """
        from azure.storage.blob import ContainerClient

        with ContainerClient(
            account,
            container,
            credential=Principal(home, "person"),
            connection_verify=str(home.ca_bundle),
            proxies=home.proxies,
        ) as client:
            there = {blob.name for blob in client.list_blobs(name_starts_with=f"{self.path}/")}
            missing = {name: content for name, content in self.files.items() if name not in there}
            with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
                list(pool.map(partial(_upload, client), missing, missing.values()))


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
