"""Blob folders and local folders: what a node does when it mounts data.

The storage client blocks: everything here is called in a thread. Blob names come from outside, so every
local path is checked to stay in its folder.
"""

import threading
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from localcloud.machinelearning import mlflow_folder
from localcloud.machinelearning.uris import BlobPath


class DataNotFoundError(Exception):
    """Nothing is stored at a path that a job reads; the text names it."""


class UnsafePathError(Exception):
    """A blob's name would lead out of the folder that it is copied to."""


def inside(folder: Path, name: str) -> Path:
    """The path of `name` below `folder`. Raises UnsafePathError when it would be elsewhere."""
    refusal = UnsafePathError(f"the blob {name!r} has no place in a folder")
    if "\0" in name or "\\" in name:
        raise refusal
    path = (folder / name).resolve()
    if folder.resolve() not in path.parents:
        raise refusal
    return path


class Folders:
    """Blob folders of the workspace's storage."""

    def __init__(self, blobs: BlobServiceClient) -> None:
        self._blobs = blobs

    def check_model(self, folder: BlobPath) -> None:
        """Raise AzureError unless a batch deployment can be made of the model folder."""
        names = set(self._names(folder, nested=True))
        description = None
        if mlflow_folder.DESCRIPTION in names:
            blob = self._blobs.get_blob_client(folder.container, f"{folder.path}/{mlflow_folder.DESCRIPTION}")
            stored = blob.download_blob()
            if stored.size > mlflow_folder.DESCRIPTION_LIMIT:
                raise mlflow_folder.undeployable(
                    f"The MLmodel of '{folder.path}' is {stored.size} bytes long."
                )
            description = stored.readall()
        mlflow_folder.check(folder.path, names, description)

    def download_folder(self, source: BlobPath, to: Path, gone: threading.Event) -> None:
        """Copy a folder and all below it. Stops early once `gone` is set. Raises DataNotFoundError."""
        self._download(source, self._names(source, nested=True), to, gone)

    def download_files(self, source: BlobPath, to: Path, gone: threading.Event) -> list[Path]:
        """Copy the files directly in a folder: nested ones are not walked. Raises DataNotFoundError."""
        return self._download(source, self._names(source, nested=False), to, gone)

    def download_file(self, source: BlobPath, to: Path) -> list[Path]:
        """Copy one blob. Raises DataNotFoundError."""
        target = inside(to, source.path.rpartition("/")[2])
        self._copy(source, target)
        return [target]

    def upload(self, file: Path, to: BlobPath, *, overwrite: bool) -> bool:
        """Store a file; whether it was stored, which without `overwrite` it is not over another one."""
        try:
            with file.open("rb") as data:
                self._blobs.get_blob_client(to.container, to.path).upload_blob(data, overwrite=overwrite)
        except ResourceExistsError:
            return False
        return True

    def ensure_container(self, name: str) -> None:
        """Make a container unless it is there. Does not retry: storage may not be up."""
        try:
            self._blobs.create_container(name, retry_total=0)
        except ResourceExistsError:
            return

    def _names(self, folder: BlobPath, *, nested: bool) -> list[str]:
        """Names of the blobs below a folder, relative to it."""
        container = self._blobs.get_container_client(folder.container)
        prefix = f"{folder.path}/"
        try:
            names = [name.removeprefix(prefix) for name in container.list_blob_names(name_starts_with=prefix)]
        except ResourceNotFoundError:
            return []
        return [name for name in names if name and (nested or "/" not in name)]

    def _download(self, source: BlobPath, names: list[str], to: Path, gone: threading.Event) -> list[Path]:
        if not names:
            raise DataNotFoundError(f"there is nothing at '{source.path}' in container '{source.container}'")
        targets = {name: inside(to, name) for name in names}
        # One after another: storage is one process on this machine, and each connection more costs more
        # to open than the files of a model take.
        for name, target in targets.items():
            if not gone.is_set():
                self._copy(BlobPath(source.container, f"{source.path}/{name}"), target)
        return [targets[name] for name in sorted(names)]

    def _copy(self, source: BlobPath, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as out:
                self._blobs.get_blob_client(source.container, source.path).download_blob().readinto(out)
        except ResourceNotFoundError:
            target.unlink()
            raise DataNotFoundError(
                f"there is nothing at '{source.path}' in container '{source.container}'"
            ) from None
