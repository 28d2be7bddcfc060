"""Of a blob that somebody else may have written, no more is read than a limit, whatever it says of itself."""

import ast
import gzip
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.dataset import read_head
from activities.smoke_test import predictions_path
from activities.training_result import read_metrics, read_yaml
from runs import naming
from runs.errors import RefusedError
from services import run_files, run_store
from services.blobs import LONGEST_DOCUMENT, read, read_end, read_text
from services.clients import Clients
from tests.unit.rehearsed import RUN, UPLOAD
from tests.unit.wire import Blobs, Wire

ROOT = Path(__file__).parents[2]
PATH = f"runs/{RUN}/x.json"
BOMB = gzip.compress(b"a,b\n" * (8 << 20), 9)
"""32 MiB of text in 32 KiB."""


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


@pytest.fixture
def wire(blobs: Blobs) -> Wire:
    return Wire(blobs)


@pytest.fixture
def clients(wire: Wire) -> Clients:
    return wire.clients()


@pytest.mark.parametrize("content", [b"", b"a", b"0123456789"])
def test_a_blob_of_at_most_the_limit_is_read_whole(content: bytes, blobs: Blobs, clients: Clients) -> None:
    blobs.put(PATH, content)
    found = read(PATH, clients, limit=10)
    assert found is not None
    assert (found.data, found.modified) == (content, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_blob_that_is_not_there_is_none(clients: Clients) -> None:
    assert read(PATH, clients) is None
    assert read_text(PATH, clients) == ""


def test_of_a_longer_blob_one_byte_more_is_read_and_the_error_says_all(
    blobs: Blobs, wire: Wire, clients: Clients
) -> None:
    blobs.put(f"{PATH}\x1b", b"x" * 5000)
    with pytest.raises(RefusedError) as refused:
        read(f"{PATH}\x1b", clients, limit=1000)
    assert refused.value.code == "BlobTooLarge"
    assert str(refused.value).startswith(
        rf"{PATH}\x1b: it has 5,000 bytes, and at most 1,000 are read; no training"
    )
    assert [each.headers["x-ms-range"] for each in wire.sent] == ["bytes=0-1000"]


def test_content_encoding_makes_no_more_of_a_blob(blobs: Blobs, clients: Clients) -> None:
    """Its writer sets that property, and gzip makes a thousand bytes of each."""
    for path in (PATH, UPLOAD.path):
        blobs.put(path, BOMB, UPLOAD.etag, encoding="gzip")
    found = read(PATH, clients)
    assert found is not None
    assert found.data == BOMB
    assert read_head(UPLOAD, len(BOMB), clients) == BOMB
    end = read_end(clients.container.get_blob_client(PATH), 100)
    assert end == BOMB[-100:]


def test_text_that_is_not_utf8_is_refused_by_its_path(blobs: Blobs, clients: Clients) -> None:
    blobs.put(PATH, b"a\xff")
    with pytest.raises(RefusedError, match=re.escape(f"{PATH}: it is not UTF-8: ")) as refused:
        read_text(PATH, clients)
    assert refused.value.code == "BlobNotText"


READERS: dict[str, tuple[str, Callable[[Clients], object]]] = {
    "metrics": (PATH, lambda clients: read_metrics(PATH, clients)),
    "model": (PATH, lambda clients: read_yaml(PATH, clients)),
    "predictions": (predictions_path(RUN), lambda clients: read_text(predictions_path(RUN), clients)),
    "record": (run_store.record_path(RUN), lambda clients: run_store.read(RUN, clients)),
    "settings": (
        naming.app_file(RUN, run_files.SETTINGS),
        lambda clients: run_files.dataset_of(RUN, clients),
    ),
    "decision": (
        naming.app_file(RUN, run_files.decision_name("2026")),
        lambda clients: run_files.decision_of(RUN, "2026", clients),
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_document_that_is_too_long_is_not_parsed(reader: str, blobs: Blobs, clients: Clients) -> None:
    path, read_it = READERS[reader]
    blobs.put(path, b"[" * (LONGEST_DOCUMENT + 1))
    with pytest.raises(RefusedError, match="at most 16,777,216 are read") as refused:
        read_it(clients)
    assert refused.value.code == "BlobTooLarge"
    assert str(refused.value).startswith(f"{path}: ")


def test_nothing_else_of_the_app_downloads_a_blob() -> None:
    """dataset.py reads the first MiB of a dataset, model_registry.py hashes a model within an allowance."""
    found = {
        path.relative_to(ROOT).as_posix()
        for part in ("activities", "orchestrators", "runs", "services", "triggers")
        for path in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("download_blob", "readinto")
    }
    assert found == {"services/blobs.py", "activities/dataset.py", "activities/model_registry.py"}
