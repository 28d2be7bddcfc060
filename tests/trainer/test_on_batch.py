"""The trainer as a Custom activity starts it: with an activity.json and a managed identity."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContentSettings

from tests.trainer.conftest import DEFAULT_SETTINGS, MAIN, Trainer, write_activity
from tests.trainer.storage import Identity, Storage

pytestmark = pytest.mark.integration

DATASET = "datasets/iris_csv.csv"
CLIENT_ID = "10ca1c10-0d00-4000-8000-0000000000cc"


@dataclass
class Batch:
    """A container with a dataset, and tasks that train on it."""

    container: ContainerClient
    trainer: Trainer
    storage: Storage
    identity: Identity
    folder: Path

    def upload(self, data: bytes, encoding: str | None = None) -> str:
        """Write the dataset, with this Content-Encoding, and return its ETag."""
        settings = ContentSettings(content_encoding=encoding)
        blob = self.container.upload_blob(DATASET, data, overwrite=True, content_settings=settings)
        properties = blob.get_blob_properties()
        return str(properties.etag).strip('"')

    def task(self, etag: str, **changed: Any) -> "subprocess.CompletedProcess[str]":
        """Run one task in a new working directory, and set `self.folder` to it."""
        self.folder = self.folder.parent / f"{self.folder.name}_"
        self.folder.mkdir()
        given = {"runId": "run-1", "pipelineRunId": "pipeline-1", "accountUrl": self.storage.account_url}
        given |= {"clientId": CLIENT_ID, "container": self.container.container_name, "dataset": DATASET}
        given |= {"etag": etag, "outputPrefix": "runs/run-1", "epochs": "50"}
        write_activity(self.folder, **DEFAULT_SETTINGS | given | {"lr": 0.1} | changed)
        return self.trainer(cwd=self.folder, env=self.storage.trust | self.identity.environment)

    def outputs(self) -> list[str]:
        return list(self.container.list_blob_names(name_starts_with="runs/"))


@pytest.fixture
def batch(trainer: Trainer, storage: Storage, identity: Identity, tmp_path: Path) -> Batch:
    return Batch(storage.new_container(), trainer, storage, identity, tmp_path / "task")


def test_a_task_trains_by_identity_and_a_second_attempt_leaves_its_model_alone(
    batch: Batch, iris_csv: Path
) -> None:
    etag = batch.upload(iris_csv.read_bytes())
    process = batch.task(etag)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert set(batch.identity.client_ids) == {CLIENT_ID}

    outputs = json.loads((batch.folder / "outputs.json").read_text())
    artifacts = f"runs/run-1/0/{outputs['mlflow_run_id']}/artifacts"
    document = json.loads(batch.container.download_blob(f"{artifacts}/metrics.json").readall())
    assert outputs == {
        "run_id": "run-1",
        "mlflow_run_id": document["mlflow_run_id"],
        "model_path": f"{artifacts}/model",
        "metrics": document["metrics"],
    }
    assert document["run_id"] == "run-1"
    assert document["dataset"] | {"digest": ""} == {"path": DATASET, "etag": etag, "digest": "", "rows": 150}
    written = batch.storage.written(batch.container.container_name)
    assert written[-1] == f"{artifacts}/model/MLmodel"
    environment = batch.container.download_blob(f"{artifacts}/model/conda.yaml").readall()
    assert environment == (MAIN.parent / "conda.yaml").read_bytes()
    assert "runs/run-1/report.html" in written
    assert f"{artifacts}/report.html" not in written
    assert b"run-1" in batch.container.download_blob("runs/run-1/report.html").readall()

    # Batch starts a task again when its node is taken away, and by then the dataset may be a newer one.
    before = batch.outputs()
    batch.upload(b"a,y\n1,2\n")
    again = batch.task(etag)
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert batch.outputs() == before
    assert json.loads((batch.folder / "outputs.json").read_text()) == outputs


def test_a_dataset_that_was_replaced_is_left_to_its_own_run(batch: Batch) -> None:
    first = batch.upload(b"a,y\n1,u\n2,v\n")
    second = batch.upload(b"a,y\n3,u\n4,v\n")
    process = batch.task(first)
    assert process.returncode == 3
    assert process.stderr.splitlines() == [
        f"dataset {DATASET} has changed since this run inspected it (etag {first}, now {second})"
    ]
    assert batch.outputs() == []


def test_a_bad_row_behind_several_chunks_is_named(batch: Batch) -> None:
    rows = b"123456.789,987654.321,u\n" * 400_000  # 9.6 MB: three ranges of the download
    process = batch.task(batch.upload(b"a,b,y\n" + rows + b"1,2\n"))
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) == 1
    assert "row 400002 has 2 cells where the header has 3 columns" in process.stderr
    assert batch.outputs() == []
    assert not list(batch.folder.glob("training-*"))


def test_a_blob_without_bytes_is_refused(batch: Batch) -> None:
    process = batch.task(batch.upload(b""))
    assert process.returncode == 2, process.stderr
    assert process.stderr.splitlines() == [
        f"dataset {DATASET}: the file is empty; upload a CSV with a header row and data rows"
    ]


def test_a_dataset_is_read_as_it_is_stored_whatever_its_content_encoding(batch: Batch) -> None:
    """What storage's client decompresses has passed no limit on compressed files."""
    process = batch.task(batch.upload(b"\x1f\x8b\x08" + b"x" * 100, "gzip"))
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) == 1
    assert "the gzip stream is damaged" in process.stderr


def test_a_dataset_that_is_gone_is_one_line(batch: Batch) -> None:
    process = batch.task("0x1")
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1
    assert DATASET in process.stderr
    assert "404 BlobNotFound" in process.stderr


def test_an_identity_that_storage_refuses_is_one_line_naming_the_role(batch: Batch) -> None:
    etag = batch.upload(b"a,y\n1,u\n2,v\n")
    batch.identity.audience = "https://vault.azure.net"
    process = batch.task(etag)
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert "storage refused it (40" in process.stderr
    assert "needs a role to read and write blobs of the container" in process.stderr
    assert "Touchdown blob owner on the data account" in process.stderr
