"""Of what others have written, the trainer reads no more than a limit: of blobs, of files, of a champion."""

import gzip
import json
import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from tests.trainer.flat import flat_module
from tests.unit.wire import Blobs, Wire
from trainer import champion, drift

MODEL = "runs/r/0/x/artifacts/model"
METRICS = "runs/r/0/x/artifacts/metrics.json"


@pytest.fixture(scope="module")
def storage() -> ModuleType:
    return flat_module("storage")


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


@pytest.fixture
def container(blobs: Blobs) -> ContainerClient:
    return Wire(blobs).clients().container


# --- Blobs and files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"0123456789"])
def test_a_document_of_at_most_the_limit_is_read(
    content: bytes, storage: ModuleType, blobs: Blobs, container: ContainerClient, tmp_path: Path
) -> None:
    blobs.put(METRICS, content)
    (tmp_path / "metrics.json").write_bytes(content)
    assert storage.read_bytes(container, METRICS, 10) == content
    assert storage.read_file(tmp_path / "metrics.json", 10) == content


def test_what_is_not_there_is_empty(storage: ModuleType, container: ContainerClient, tmp_path: Path) -> None:
    assert storage.read_bytes(container, METRICS) == b"" == storage.read_file(tmp_path / "metrics.json")


def test_a_longer_document_is_named_with_the_limit(
    storage: ModuleType, blobs: Blobs, container: ContainerClient, tmp_path: Path
) -> None:
    blobs.put(METRICS, b"x" * 11)
    (tmp_path / "metrics.json").write_bytes(b"x" * 11)
    with pytest.raises(storage.TooLargeError, match=f"^{METRICS} has more than 10 bytes"):
        storage.read_bytes(container, METRICS, 10)
    with pytest.raises(storage.TooLargeError, match="more than 10 bytes"):
        storage.read_file(tmp_path / "metrics.json", 10)


def test_content_encoding_makes_no_more_of_a_blob(
    storage: ModuleType, blobs: Blobs, container: ContainerClient, tmp_path: Path
) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    for path in (METRICS, f"{MODEL}/MLmodel"):
        blobs.put(path, bomb, encoding="gzip")
    assert storage.read_bytes(container, METRICS) == bomb
    assert storage.download_folder(container, MODEL, tmp_path) == 1
    assert (tmp_path / "MLmodel").read_bytes() == bomb


@pytest.mark.parametrize(("most", "of"), [("MOST_FILES", 2), ("MOST_BYTES", 299)])
def test_a_folder_that_holds_more_than_a_model_is_not_downloaded_to_its_end(
    most: str,
    of: int,
    storage: ModuleType,
    blobs: Blobs,
    container: ContainerClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in "abc":
        blobs.put(f"{MODEL}/{name}", b"x" * 100)
    digest = flat_module("model_digest")
    assert storage.download_folder(container, MODEL, tmp_path) == 3
    for module in (digest, storage):
        monkeypatch.setattr(module, most, of, raising=False)
    with pytest.raises(digest.ModelTooLargeError, match="which no training leaves"):
        storage.download_folder(container, MODEL, tmp_path / "again")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"mlflow_run_id": 7}'])
def test_an_earlier_attempt_whose_metrics_are_none_ends_the_training_in_one_line(
    content: bytes, storage: ModuleType, blobs: Blobs, container: ContainerClient
) -> None:
    blobs.put(f"{MODEL}/MLmodel", b"flavors: {}")
    blobs.put(METRICS, content)
    refused = flat_module("refusals").TrainingRefusedError
    with pytest.raises(refused, match=f"^{METRICS} is not what an attempt at this run leaves"):
        storage.finished_earlier(container, "runs/r")
    blobs.put(METRICS, b" " * (storage.LONGEST_DOCUMENT + 1))
    with pytest.raises(refused, match=f"^{METRICS} has more than 16,777,216 bytes"):
        storage.finished_earlier(container, "runs/r")


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"typeProperties": {"a": "' + b"x" * (2 << 20) + b'"}}']
)
def test_an_activity_json_that_is_none_is_one_line_of_a_refusal(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("activity.json").write_bytes(content)
    refused = flat_module("refusals").BadInputError
    with pytest.raises(refused, match=r"no typeProperties.extendedProperties in its first 1,048,576 bytes"):
        flat_module("job").find_job([])


# --- A champion's process ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"{]", b"[1]", b"null", b'{"predictions": 1}', b'{"error": 1}', b"[" * 100_000, b"9" * 5000],
    ids=lambda content: ascii(content[:20]),
)
def test_what_a_champion_writes_instead_of_answers_is_none(content: bytes) -> None:
    assert champion.answers_in(content) == ([], "what it has written are no answers")


def test_answers_beyond_the_limit_are_not_parsed() -> None:
    answers, error = champion.answers_in(b"[" * (champion.LONGEST_ANSWERS + 1))
    assert (answers, error) == ([], "its answers take more than 16,777,216 bytes")


def test_of_what_a_champion_says_only_the_end_is_kept() -> None:
    reader, writer = os.pipe()
    end = bytearray()
    listener = threading.Thread(target=champion._keep_end, args=(os.fdopen(reader, "rb"), end))
    listener.start()
    with os.fdopen(writer, "wb") as said:
        for _ in range(64):
            said.write(b"x" * champion.MAX_STDERR)
        said.write(b"\nthe end")
    listener.join()
    assert len(end) == champion.MAX_STDERR
    assert end.endswith(b"x\nthe end")


# --- The profile of its data ------------------------------------------------------------------------------

NUMBERS = {"kind": "number", "rows": 4, "cuts": [1, 2.5], "shares": [0.5, 0.25, 0.25, 0]}
TEXTS = {"kind": "category", "rows": 4, "levels": ["a"], "shares": [0.5, 0.5, 0]}


@pytest.mark.parametrize("bins", [NUMBERS, TEXTS], ids=["numbers", "texts"])
def test_bins_that_drift_has_written_are_sound(bins: dict[str, Any]) -> None:
    assert drift.is_sound(bins)
    assert drift.is_sound(json.loads(json.dumps(drift.bins("number", [1.0, 2.0, float("inf")]))))
    assert drift.is_sound(json.loads(json.dumps(drift.bins("category", ["a", None, "b"]))))


@pytest.mark.parametrize(
    "bins",
    [
        None,
        [],
        "number",
        {},
        NUMBERS | {"kind": "other"},
        NUMBERS | {"kind": ["number"]},
        NUMBERS | {"rows": "4"},
        NUMBERS | {"rows": -1},
        NUMBERS | {"rows": 10**400},
        NUMBERS | {"shares": [1, 0]},
        NUMBERS | {"shares": 1},
        NUMBERS | {"shares": ["a", 0, 0, 0]},
        NUMBERS | {"shares": [float("nan"), 0, 0, 0]},
        NUMBERS | {"cuts": ["a", "b"]},
        NUMBERS | {"cuts": [10**400, 1]},
        NUMBERS | {"cuts": None},
        TEXTS | {"levels": [["a"]]},
        {key: value for key, value in TEXTS.items() if key != "levels"},
    ],
    ids=lambda bins: ascii(bins)[:40],
)
def test_other_bins_are_not_measured_against(bins: Any) -> None:
    assert not drift.is_sound(bins)
