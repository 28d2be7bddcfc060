"""Uploads an MLflow run to Blob Storage while its last files are still being written."""

from __future__ import annotations

import mimetypes
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from storage import MLMODEL, storage_errors

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

REPORT = "artifacts/report.html"
AT_ONCE = 8
"""Files that are uploaded at the same time: most are small, so each mostly waits for storage's answer."""


class RunUpload:
    """The upload of an MLflow run to `<prefix>/<experiment>/<run>`.

    MLmodel comes last, so that its BlobCreated event means that the run is complete. report: the name under
    which the report is uploaded, if not among the artifacts.
    """

    def __init__(self, container: ContainerClient, prefix: str, report: str = "") -> None:
        self._container, self._prefix, self._report = container, prefix, report
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE)
        self._sent: dict[Path, Future[None]] = {}

    def place(self, folder: Path) -> str:
        """Where the run in a folder `<experiment>/<run>` is uploaded to."""
        return str(PurePosixPath(self._prefix, *folder.parts[-2:]))

    def begin(self, folder: Path) -> None:
        """Begin to upload the run's files but MLmodel. None may change any more; others may follow."""
        for path in folder.rglob("*"):
            if path.is_file() and path != folder / MLMODEL and path not in self._sent:
                self._sent[path] = self._pool.submit(self._put, folder, path)

    def finish(self, folder: Path) -> None:
        """Upload what has not been uploaded, MLmodel last. Raises TrainingRefusedError."""
        try:
            with storage_errors(f"upload {folder} to {self._container.container_name}/{self.place(folder)}"):
                self.begin(folder)
                for each in self._sent.values():
                    each.result()
                self._put(folder, folder / MLMODEL)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _put(self, folder: Path, path: Path) -> None:
        from azure.storage.blob import ContentSettings

        name = str(PurePosixPath(self.place(folder), path.relative_to(folder).as_posix()))
        if self._report and path == folder / REPORT:
            name = self._report
        settings = ContentSettings(content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
        with path.open("rb") as data:
            self._container.upload_blob(name, data, overwrite=True, content_settings=settings)
