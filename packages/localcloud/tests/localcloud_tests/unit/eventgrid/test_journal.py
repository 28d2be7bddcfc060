"""The journal's reader: which lines are changes of a blob, and how torn or malformed lines are handled."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from localcloud.eventgrid.blob_events import Account, from_change
from localcloud.eventgrid.journal import Change, Journal, Position

PORT = 10000
ACCOUNT = Account("/subscriptions/s/…/anaccount", "https://x/anaccount")


def entry(path: str = "/anaccount/c/a.csv", **change: Any) -> dict[str, Any]:
    return {
        "time": "2026-11-23T18:41:00.958Z",
        "port": PORT,
        "method": "PUT",
        "host": "127.0.0.1:10000",
        "path": path,
        "comp": None,
        "snapshot": None,
        "copy": False,
        "status": 201,
        "request": {"content-length": "4", "content-type": "text/csv", "x-ms-blob-type": "BlockBlob"},
        "response": {"etag": '"0x1"', "x-ms-request-id": "r1"},
    } | change


def parsed(**change: Any) -> Change | None:
    return Change.parse(json.dumps(entry(**change)).encode(), PORT)


def line(number: int) -> bytes:
    return json.dumps(entry(f"/anaccount/c/{number}")).encode() + b"\n"


def segment(folder: Path, number: int, content: bytes) -> Path:
    file = folder / f"{number:016}.jsonl"
    file.write_bytes(content)
    return file


def names(changes: list[tuple[Position, Change]]) -> list[str]:
    return [change.blob for _, change in changes]


def test_an_entry_of_put_blob_has_the_properties_of_its_content() -> None:
    change = parsed()
    assert change is not None
    assert (change.api, change.container, change.blob, change.etag) == ("PutBlob", "c", "a.csv", "0x1")
    assert (change.content_length, change.content_type, change.blob_type) == (4, "text/csv", "BlockBlob")


def test_the_blobs_own_content_type_comes_before_the_requests() -> None:
    request = entry()["request"] | {"x-ms-blob-content-type": "text/plain"}
    change = parsed(request=request)
    assert change is not None
    assert change.content_type == "text/plain"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"x-ms-blob-type": "AppendBlob", "content-length": "0"}, 0),
        ({"x-ms-blob-type": "AppendBlob"}, 0),
        ({"x-ms-blob-type": "PageBlob", "content-length": "0", "x-ms-blob-content-length": "512"}, 512),
        ({"x-ms-blob-type": "BlockBlob", "content-length": "0"}, 0),
    ],
)
def test_a_blob_that_begins_without_content_has_the_length_that_it_is_made_with(
    headers: dict[str, str], length: int
) -> None:
    """What is appended or written to it later raises no event."""
    change = parsed(request=headers)
    assert change is not None
    assert (change.api, change.content_length, change.blob_type) == (
        "PutBlob",
        length,
        headers["x-ms-blob-type"],
    )


@pytest.mark.parametrize(
    ("change", "api"),
    [
        ({"comp": "blocklist"}, "PutBlockList"),
        ({"copy": True, "response": {"x-ms-copy-status": "success", "x-ms-request-id": "r"}}, "CopyBlob"),
        ({"copy": True, "response": {"x-ms-copy-status": "pending", "x-ms-request-id": "r"}}, None),
        ({"method": "DELETE", "response": {"x-ms-request-id": "r"}}, "DeleteBlob"),
        ({"comp": "metadata"}, None),
        ({"comp": "appendblock"}, None),
    ],
)
def test_the_request_gives_the_name_of_the_operation(change: dict[str, Any], api: str | None) -> None:
    found = parsed(**change)
    assert found is not None
    assert found.api == api
    assert found.content_length is None


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/anaccount/c"},
        {"path": "/anaccount/c/"},
        {"path": "/anaccount"},
        {"path": "/"},
        {"port": 10001},
        {"snapshot": "2026-11-23T00:00:00Z"},
        {"method": "DELETE", "request": {"x-ms-delete-snapshots": "only"}},
    ],
)
def test_a_request_that_changes_no_blob_is_skipped(change: dict[str, Any]) -> None:
    assert parsed(**change) is None


@pytest.mark.parametrize(
    ("path", "host", "account"),
    [
        ("/otheraccount/c/a.csv", "127.0.0.1:10000", "otheraccount"),
        ("/c/a.csv", "otheraccount.blob.core.1234abcd.localcloud.test", "otheraccount"),
        ("/anaccount/c/a.csv", "localhost:10000", "anaccount"),
    ],
)
def test_a_change_names_its_account(path: str, host: str, account: str) -> None:
    found = parsed(path=path, host=host)
    assert found is not None
    assert (found.account, found.container, found.blob) == (account, "c", "a.csv")


@pytest.mark.parametrize(
    ("path", "host", "blob"),
    [
        ("/anaccount/c/a%20b%25%22%C3%A9.csv", "127.0.0.1:1", 'a b%"é.csv'),
        ("/anaccount/c/d%2Fe//f", "localhost:1", "d/e//f"),
        ("/anaccount/c/a%5Cb%0A", "127.0.0.1:1", "a/b\n"),
        ("/c/a.csv", "anaccount.localhost:1", "a.csv"),
    ],
)
def test_names_are_read_as_azurite_reads_them(path: str, host: str, blob: str) -> None:
    change = parsed(path=path, host=host)
    assert change is not None
    assert (change.container, change.blob) == ("c", blob)


def test_reading_goes_on_where_it_was_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path, PORT)
    assert journal.read(Position()) == ([], Position())
    file = segment(tmp_path, 7, line(1))
    changes, position = journal.read(Position())
    assert names(changes) == ["1"]
    assert journal.read(position) == ([], position)
    with file.open("ab") as more:
        more.write(line(2))
    changes, position = journal.read(position)
    assert names(changes) == ["2"]


def test_a_journal_that_was_quiet_is_read_on_when_something_is_written(tmp_path: Path) -> None:
    """Where nothing has changed for a while, only the times and sizes are looked at."""

    def quiet() -> None:
        os.utime(tmp_path, (1, 1))
        assert journal.read(position) == ([], position)
        assert journal.read(position) == ([], position)

    journal = Journal(tmp_path, PORT)
    file = segment(tmp_path, 7, line(1))
    _, position = journal.read(Position())
    quiet()
    with file.open("ab") as more:
        more.write(line(2))
    changes, position = journal.read(position)
    assert names(changes) == ["2"]
    quiet()
    segment(tmp_path, 9, line(3))
    changes, position = journal.read(position)
    assert (names(changes), position) == ([], Position(9))
    changes, position = journal.read(position)
    assert names(changes) == ["3"]
    journal.forget(position)
    quiet()
    shutil.rmtree(tmp_path)
    assert journal.read(position) == ([], position)


def test_half_a_line_is_not_read_until_it_is_whole(tmp_path: Path) -> None:
    file = segment(tmp_path, 7, line(1) + line(2)[:-20])
    changes, position = Journal(tmp_path, PORT).read(Position())
    assert names(changes) == ["1"]
    file.write_bytes(line(1) + line(2))
    assert names(Journal(tmp_path, PORT).read(position)[0]) == ["2"]


def test_a_closed_segment_is_read_to_its_end_and_then_forgotten(tmp_path: Path) -> None:
    old = segment(tmp_path, 7, line(1) + line(2)[:-20])
    new = segment(tmp_path, 9, line(3))
    journal = Journal(tmp_path, PORT)
    changes, position = journal.read(Position())
    assert (names(changes), position) == (["1"], Position(9))
    journal.forget(position)
    assert (old.exists(), new.exists()) == (False, True)
    assert names(journal.read(position)[0]) == ["3"]


def test_a_line_that_cannot_be_read_does_not_hide_the_next(tmp_path: Path) -> None:
    segment(tmp_path, 7, b"{}\n" + b"\xff\n" + b"[]\n" + line(1))
    changes, _ = Journal(tmp_path, PORT).read(Position())
    assert names(changes) == ["1"]


def test_sequencers_go_up_with_the_journal(tmp_path: Path) -> None:
    same = line(1)
    segment(tmp_path, 7, same * 3)
    segment(tmp_path, 10**12, same)
    journal = Journal(tmp_path, PORT)
    changes, position = journal.read(Position())
    changes += journal.read(position)[0]
    events = [from_change(ACCOUNT, at, change, None) for at, change in changes]
    sequencers = [event.data["sequencer"] for event in events if event]
    assert len(sequencers) == 4
    assert sequencers == sorted(set(sequencers))


def test_the_same_write_always_makes_the_same_event() -> None:
    change = parsed()
    assert change is not None
    first = from_change(ACCOUNT, Position(1, 5), change, None)
    assert first == from_change(ACCOUNT, Position(1, 5), change, None)


def test_the_event_of_a_blob_that_was_overwritten_leaves_out_what_nobody_knows() -> None:
    change = parsed(comp="blocklist")
    assert change is not None
    event = from_change(ACCOUNT, Position(), change, None)
    assert event is not None
    assert event.data["eTag"] == "0x1"
    assert not {"contentLength", "contentType", "clientRequestId"} & event.data.keys()
