"""Publishes the trainer to a localcloud, as scripts/hooks/postdeploy.sh does in Azure.

The code's folder is named after a hash of its contents: a run keeps the code with which it started, and
publishing the same code again changes nothing.
"""

import importlib.util
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from localcloud.credentials import Principal
from localcloud.home import Home

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

UPLOADS_AT_ONCE = 8


def publish_trainer(home: Home, checkout: Path, account: str, container: str) -> str:
    """Upload the trainer of a checkout, and return its folder, `code/` and its hash.

    account: the Blob endpoint of the data account. Raises azure-core's errors.
    """
    module = publish_trainer_of(checkout)
    files = module.trainer_files()
    upload(home, account, container, module.layout(files))
    return str(module.code_path(files))


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


def upload(home: Home, account: str, container: str, files: Mapping[str, bytes]) -> None:
    """Upload the files that the container does not have yet."""
    from azure.storage.blob import ContainerClient

    with ContainerClient(
        account,
        container,
        credential=Principal(home, "person"),
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
    ) as client:
        published = {blob.name for blob in client.list_blobs(name_starts_with="code/")}
        missing = {name: content for name, content in files.items() if name not in published}
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            list(pool.map(partial(_upload, client), missing, missing.values()))


def _upload(client: "ContainerClient", name: str, content: bytes) -> None:
    client.upload_blob(name, content, overwrite=True)
