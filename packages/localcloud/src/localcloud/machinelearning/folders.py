"""Copies blob folders to local folders, as a node does that mounts data, and files back.

The storage client blocks, so call everything here in a thread. Blob names come from outside, so every local
path is checked to stay in its folder.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from localcloud.machinelearning import mlflow_folder
from localcloud.machinelearning.uris import BlobPath
from localcloud.storage.words import said


class DataNotFoundError(Exception):
    """A job reads a path at which no blob is stored; the text names it."""


class UnsafePathError(Exception):
    """A blob's name leads out of the folder to which the blob is copied."""


def inside(folder: Path, name: str) -> Path:
    """Return the path of `name` below `folder`. Raises UnsafePathError if it leads out of the folder."""
    refusal = UnsafePathError(f"the blob {name!r} has no place in a folder")
    if "\0" in name or "\\" in name:
        raise refusal
    path = (folder / name).resolve()
    if folder.resolve() not in path.parents:
        raise refusal
    return path


class Folders:
    """Blob folders of the workspace's storage. client: makes one of the account that the workspace names."""

    def __init__(self, client: Callable[[], BlobServiceClient]) -> None:
        self._client = client

    @property
    def _blobs(self) -> BlobServiceClient:
        return self._client()

    def check_model(self, folder: BlobPath) -> None:
        """Raise AzureError if the model folder cannot be deployed to a batch endpoint."""
        try:
            self._check_model(folder)
        except HttpResponseError as error:
            raise mlflow_folder.undeployable(
                f"The identity of the workspace cannot read the model at '{folder.path}': {said(error)}"
            ) from error

    def _check_model(self, folder: BlobPath) -> None:
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
        mlflow_folder.check_environment(folder.path, self.read_conda(folder))

    def read_conda(self, folder: BlobPath) -> str:
        """The text of the conda file from which the image of a model's environment is built.

        Raises DataNotFoundError if the model has none any more, AzureError if it is far too long.
        """
        described = self._text(folder, mlflow_folder.DESCRIPTION)
        return self._text(folder, mlflow_folder.conda_file(described))

    def download_folder(self, source: BlobPath, to: Path, cancelled: threading.Event) -> None:
        """Copy a folder with its sub-folders; `cancelled` stops it early. Raises DataNotFoundError."""
        self._download(source, self._names(source, nested=True), to, cancelled)

    def download_files(self, source: BlobPath, to: Path, cancelled: threading.Event) -> list[Path]:
        """Copy the files directly in a folder, without its sub-folders. Raises DataNotFoundError."""
        return self._download(source, self._names(source, nested=False), to, cancelled)

    def download_file(self, source: BlobPath, to: Path) -> list[Path]:
        """Copy one blob. Raises DataNotFoundError."""
        target = inside(to, source.path.rpartition("/")[2])
        self._copy(source, target)
        return [target]

    def upload(self, file: Path, to: BlobPath, *, overwrite: bool) -> bool:
        """Upload a file; returns whether it was stored. Without `overwrite`, an existing blob is kept."""
        try:
            with file.open("rb") as data:
                self._blobs.get_blob_client(to.container, to.path).upload_blob(data, overwrite=overwrite)
        except ResourceExistsError:
            return False
        return True

    def ensure_container(self, name: str) -> None:
        """Create a container unless it exists. Does not retry, because storage may not be running."""
        try:
            self._blobs.create_container(name, retry_total=0)
        except ResourceExistsError:
            return

    def _text(self, folder: BlobPath, name: str) -> str:
        blob = self._blobs.get_blob_client(folder.container, f"{folder.path}/{name}")
        try:
            stored = blob.download_blob()
        except ResourceNotFoundError:
            raise DataNotFoundError(f"there is no {name} at '{folder.path}'") from None
        if stored.size > mlflow_folder.DESCRIPTION_LIMIT:
            raise mlflow_folder.undeployable(f"The {name} of '{folder.path}' is {stored.size} bytes long.")
        return stored.readall().decode(errors="replace")

    def _names(self, folder: BlobPath, *, nested: bool) -> list[str]:
        """Return the names of the blobs below a folder, relative to it."""
        container = self._blobs.get_container_client(folder.container)
        prefix = f"{folder.path}/"
        try:
            names = [name.removeprefix(prefix) for name in container.list_blob_names(name_starts_with=prefix)]
        except ResourceNotFoundError:
            return []
        return [name for name in names if name and (nested or "/" not in name)]

    def _download(
        self, source: BlobPath, names: list[str], to: Path, cancelled: threading.Event
    ) -> list[Path]:
        if not names:
            raise DataNotFoundError(f"there is nothing at '{source.path}' in container '{source.container}'")
        targets = {name: inside(to, name) for name in names}
        # Sequentially: storage is one process on this machine, and opening another connection takes longer
        # than copying the files of a model.
        for name, target in targets.items():
            if not cancelled.is_set():
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
