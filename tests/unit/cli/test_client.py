"""The client: what it sends to the app, and files of any size to and from storage."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from localcloud.client import ApiError, Client, ClientError, NotFoundError
from localcloud.home import Home, Ports

BLOCK = 1 << 20


class Container:
    """A container of storage that looks at what is sent, a block at a time, and keeps none of it."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}

    def get_blob_client(self, path: str) -> Any:
        container = self

        class Blob:
            def upload_blob(self, content: Any, **_: Any) -> dict[str, str]:
                assert not isinstance(content, bytes)
                while block := content.read(BLOCK):
                    container.sent[path] = container.sent.get(path, 0) + len(block)
                return {"etag": '"0x1"'}

        return Blob()

    def download_blob(self, path: str) -> Any:
        if path not in self.blobs:
            raise ResourceNotFoundError("gone")
        content = self.blobs[path]

        class Download:
            def readinto(self, out: Any) -> None:
                out.write(content)

        return Download()

    def close(self) -> None:
        pass


class Called(Client):
    """A client whose calls of the app's API are written down and answered."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.calls: list[tuple[str, str, Any]] = []
        self.storage = Container()
        self.__dict__["container"] = self.storage

    def api(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        self.calls.append((method, path, request.get("json")))
        return {"run_id": "r"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Called]:
    with Called(Home.open(tmp_path / "home", Ports.free())) as made:
        yield made


def test_a_decision_is_sent_with_its_comment(client: Called) -> None:
    client.approve("a-1", "looks good")
    client.reject("a-2", "too few rows")
    client.approve("a-3")
    assert client.calls == [
        ("POST", "runs/a-1/approve", {"comment": "looks good"}),
        ("POST", "runs/a-2/reject", {"comment": "too few rows"}),
        ("POST", "runs/a-3/approve", {}),
    ]


def test_a_file_is_uploaded_piece_by_piece(client: Called, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as out:
        out.truncate(64 * BLOCK)
    tracemalloc.start()
    uploaded = client.upload(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert client.storage.sent == {"datasets/large.csv": 64 * BLOCK}
    assert uploaded.etag == "0x1"
    assert peak < 4 * BLOCK


def test_a_report_is_saved_to_the_file_that_is_named(client: Called, tmp_path: Path) -> None:
    client.storage.blobs["runs/a-1/report.html"] = b"<html>"
    run = {"run_id": "a-1", "status": "Succeeded", "report": "runs/a-1/report.html"}
    client.save_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == b"<html>"


@pytest.mark.parametrize(
    ("report", "said"), [("", "has no report"), ("runs/a-1/report.html", "no longer at runs/a-1/report.html")]
)
def test_a_report_that_is_not_there_leaves_no_file(
    report: str, said: str, client: Called, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    run = {"run_id": "a-1", "status": "Failed", "report": report}
    with pytest.raises(NotFoundError, match=said):
        client.save_report(run, folder / "report.html")
    assert list(folder.iterdir()) == []


def test_what_is_not_there_is_a_clients_error_and_no_answer_of_the_api() -> None:
    assert issubclass(NotFoundError, ClientError)
    assert not issubclass(NotFoundError, ApiError)
