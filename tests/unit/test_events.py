"""Event Grid deliveries, as the host's own converter hands them over: read where possible, else ignored."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from hypothesis import given
from hypothesis import strategies as st

from runs import naming
from runs.contracts import Caller, RunRequest, Upload
from services import run_store
from services.clients import Clients
from tests.unit.engines import Engine, state
from tests.unit.wire import Blobs, Wire
from triggers.events import (
    UNFINISHED_WRITES,
    Created,
    IrrelevantEventError,
    NotReadyError,
    UnusableEventError,
    created,
    receive,
)

DATA = {
    "api": "PutBlockList",
    "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
    "eTag": "0x8D4BCC2E4835CD0",
    "contentType": "text/csv",
    "contentLength": 4551,
    "blobType": "BlockBlob",
    "url": "https://account.blob.core.windows.net/blobs/datasets/iris_csv.csv",
    "sequencer": "00000000000004420000000000028963",
    "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
}
EVENT = {
    "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account",
    "subject": "/blobServices/default/containers/blobs/blobs/datasets/iris_csv.csv",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-23T18:41:00.9584103Z",
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "data": DATA,
    "dataVersion": "",
    "metadataVersion": "1",
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "type": EVENT["eventType"],
    "source": EVENT["topic"],
    "id": EVENT["id"],
    "time": EVENT["eventTime"],
    "subject": EVENT["subject"],
    "data": DATA,
}
FOUND = Created("blobs", "datasets/iris_csv.csv", "0x8D4BCC2E4835CD0", "2026-11-23T18:41:00.958410Z")


def delivered(body: dict[str, Any]) -> func.EventGridEvent | func.CloudEvent:
    return EventGridEventInConverter.decode(Datum(json.dumps(body), "json"), trigger_metadata=None)


def event(path: str | None = None, data: Any = None, **changes: Any) -> func.EventGridEvent:
    subject = {"subject": f"/blobServices/default/containers/blobs/blobs/{path}"} if path is not None else {}
    read = delivered(EVENT | subject | {"data": DATA if data is None else data} | changes)
    assert isinstance(read, func.EventGridEvent)
    return read


# --- Read ---------------------------------------------------------------------------------------------


def test_the_event_grid_schema_is_read() -> None:
    assert created(delivered(EVENT)) == FOUND


def test_cloud_events_are_read_to_the_same() -> None:
    read = delivered(CLOUD_EVENT)
    assert isinstance(read, func.CloudEvent)
    assert created(read) == FOUND


def test_a_cloud_event_with_extensions_and_without_optional_parts_is_read() -> None:
    body = CLOUD_EVENT | {"traceparent": "00-…", "datacontenttype": "application/json"}
    assert created(delivered(body)) == FOUND


@pytest.mark.parametrize(
    "api",
    ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit", "NotDocumented", ""],
)
def test_a_write_is_followed_also_if_its_name_is_not_documented(api: str) -> None:
    assert created(event(data=DATA | {"api": api})) == FOUND


def test_a_write_without_a_name_is_followed() -> None:
    assert created(event(data=DATA | {"api": None})) == FOUND
    assert created(event(data={name: value for name, value in DATA.items() if name != "api"})) == FOUND


@pytest.mark.parametrize("api", [*sorted(UNFINISHED_WRITES), "createfile", "SFTPCREATE"])
def test_a_write_that_only_begins_a_blob_is_not_followed(api: str) -> None:
    with pytest.raises(IrrelevantEventError, match="does not complete a blob"):
        created(event(data=DATA | {"api": api}))


def test_a_write_of_an_empty_blob_is_not_followed_whatever_its_name() -> None:
    with pytest.raises(IrrelevantEventError, match="its blob is empty"):
        created(event(data=DATA | {"contentLength": 0}))


@pytest.mark.parametrize("length", [1, "0", None, False])
def test_only_a_length_of_zero_makes_a_blob_empty(length: Any) -> None:
    assert created(event(data=DATA | {"contentLength": length})) == FOUND


def test_an_event_that_does_not_give_the_length_is_followed() -> None:
    data = {name: value for name, value in DATA.items() if name != "contentLength"}
    assert created(event(data=data)) == FOUND


@pytest.mark.parametrize(
    "path",
    [
        "datasets/a;touch x.csv",
        "datasets/x y'\"$(id).csv",
        "datasets/100%25.csv",
        "datasets/../x.csv",
        "datasets/blobs/blobs/x.csv",
        "datasets/containers/x/blobs/y.csv",
        "datasets/a#b?c=d&e.csv",
        "datasets/名前 ünï.csv",
        "datasets/😀.csv",
        "datasets/" + "n" * 900 + ".csv",
        "datasets/zero\u200cwidth.csv",
    ],
    ids=ascii,
)
def test_a_hostile_name_is_read_as_it_is_and_no_more(path: str) -> None:
    assert created(event(path)).path == path


@pytest.mark.parametrize(
    "mark",
    ["\n", "\r\n", "\0", "\t", "\x1b[2J", "\x7f", "\x85", "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066"],
    ids=ascii,
)
def test_a_name_with_a_control_character_is_refused_on_one_line(mark: str) -> None:
    with pytest.raises(UnusableEventError, match="holds a control character") as refused:
        created(event(f"datasets/a{mark}b.csv"))
    assert str(refused.value).isprintable()


def test_quotes_about_the_etag_are_dropped() -> None:
    assert created(event(data=DATA | {"eTag": '"0x8D4"'})).etag == "0x8D4"


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        ("2026-11-23T18:41:00Z", "2026-11-23T18:41:00.000000Z"),
        ("2026-11-23T18:41:00.1Z", "2026-11-23T18:41:00.100000Z"),
        ("2026-11-23T18:41:00.9584103Z", "2026-11-23T18:41:00.958410Z"),
        ("2026-11-23T18:41:00+00:00", "2026-11-23T18:41:00.000000Z"),
        ("2026-11-23T18:41:00.5", "2026-11-23T18:41:00.500000Z"),
    ],
)
def test_times_are_all_written_alike_so_that_they_compare_as_text(time: str, stamp: str) -> None:
    assert created(event(eventTime=time)).time == stamp


@pytest.fixture
def host_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("host_in_tokyo")
def test_a_time_without_an_offset_is_utc_wherever_the_host_is() -> None:
    stamp = created(event(eventTime="2026-11-23T18:41:00.5")).time
    assert stamp == "2026-11-23T18:41:00.500000Z"


def test_an_event_without_a_time_is_of_now() -> None:
    stamp = datetime.fromisoformat(created(event(eventTime=None)).time)
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=5)


@pytest.mark.parametrize(("time", "error"), [("yesterday", ValueError), (7, TypeError)])
def test_the_library_reads_the_time_and_leaves_no_way_around_it(time: Any, error: type[Exception]) -> None:
    """Once it does, the app can drop an event whose time is none: see triggers/events.py."""
    with pytest.raises(error):
        delivered(EVENT | {"eventTime": time})
    for other in (str, bytes, dict):
        assert not EventGridEventInConverter.check_input_type_annotation(other)
    for kind in ("string", "bytes"):
        with pytest.raises(NotImplementedError):
            EventGridEventInConverter.decode(Datum(json.dumps(EVENT), kind), trigger_metadata=None)
    with pytest.raises(ValueError, match="only supports durable-related bindings"):
        func.register_converter("eventGridTrigger", EventGridEventInConverter, overwrite=True)


# --- Not read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["Microsoft.Storage.BlobDeleted", "Microsoft.EventGrid.SubscriptionValidationEvent", "", None, 7]
)
def test_an_event_of_another_type_is_for_others(kind: Any) -> None:
    with pytest.raises(IrrelevantEventError, match="its type is"):
        created(event(eventType=kind))


@pytest.mark.parametrize(
    "data",
    [
        [],
        "text",
        7,
        True,
        {},
        DATA | {"eTag": None},
        DATA | {"eTag": ""},
        DATA | {"eTag": '""'},
        DATA | {"eTag": 7},
        DATA | {"eTag": ["0x1"]},
        DATA | {"eTag": "0x1\r\nX-Evil: 1"},
        DATA | {"eTag": "x" * 101},
        DATA | {"eTag": "nön"},
        DATA | {"api": ["PutBlob"]},
        DATA | {"api": {"a": 1}},
        DATA | {"api": 7},
        {key: value for key, value in DATA.items() if key != "eTag"},
    ],
    ids=lambda data: repr(data.get("eTag", "no eTag") if isinstance(data, dict) else data)[:30],
)
def test_data_that_cannot_be_used_is_unusable_and_no_error(data: Any) -> None:
    with pytest.raises(UnusableEventError):
        created(event(data=data))


def test_an_event_without_data_is_unusable() -> None:
    with pytest.raises(UnusableEventError):
        created(delivered({key: value for key, value in EVENT.items() if key != "data"}))


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "",
        7,
        ["/blobServices/default/containers/c/blobs/datasets/x.csv"],
        "/",
        "datasets/x.csv",
        "/blobServices/default/containers/blobs",
        "/blobServices/default/containers/blobs/blobs/",
        "/blobServices/other/containers/blobs/blobs/datasets/x.csv",
        "/fileServices/default/containers/blobs/blobs/datasets/x.csv",
        "x/blobServices/default/containers/blobs/blobs/datasets/x.csv",
    ],
    ids=lambda subject: ascii(subject)[:40],
)
def test_a_subject_that_names_no_blob_is_unusable(subject: Any) -> None:
    with pytest.raises(UnusableEventError, match="it does not name container, blob and eTag"):
        created(event(subject=subject))


@pytest.mark.parametrize("path", ["n" * 1025, "datasets/\ud800.csv"], ids=lambda path: ascii(path)[:40])
def test_a_blob_that_storage_cannot_hold_is_unusable(path: str) -> None:
    with pytest.raises(UnusableEventError, match="storage cannot hold a blob of the name"):
        created(event(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(
    subject=JSON | st.just(EVENT["subject"]),
    kind=JSON | st.just(EVENT["eventType"]),
    data=JSON | st.fixed_dictionaries({"api": JSON | st.just("PutBlob"), "eTag": JSON}),
    identity=JSON,
)
def test_whatever_is_delivered_is_read_or_unusable(subject: Any, kind: Any, data: Any, identity: Any) -> None:
    body = {"subject": subject, "data": data, "id": identity}
    for envelope in ({"eventType": kind}, {"specversion": "1.0", "type": kind}):
        try:
            found = created(delivered(body | envelope))
        except UnusableEventError:
            continue
        assert found.etag
        assert found.path
        naming.run_id(found.container, found.path, found.etag)


# --- What the function does about it -------------------------------------------------------------------


class NoEngine:
    """An engine that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the engine was asked to {name}")


NO_ENGINE: Any = NoEngine()


@pytest.fixture
def clients() -> Clients:
    return Wire(Blobs()).clients()


@pytest.mark.parametrize(
    "path",
    [
        "datasets/sub/iris.csv",
        "datasets/iris.xlsx",
        "datasets/0/ab/artifacts/model/MLmodel",
        "app/runs/iris-0123456789abcdef/run.json",
        "runs/iris-0123456789abcdef/smoke/sample.csv",
        "runs/IRIS/0/ab/artifacts/model/MLmodel",
        "code/1/main.py",
        "index/runs/1",
    ],
)
def test_a_blob_that_is_neither_dataset_nor_model_is_ignored_without_a_word(
    clients: Clients, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.DEBUG, logger="touchdown"):
        receive(event(path), NO_ENGINE, clients)
    assert [entry.levelno for entry in caplog.records] == [logging.DEBUG]


def test_a_dataset_in_another_container_is_ignored(clients: Clients) -> None:
    subject = "/blobServices/default/containers/blobs2/blobs/datasets/iris.csv"
    receive(event(subject=subject), NO_ENGINE, clients)


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ({"eventType": "Microsoft.Storage.BlobDeleted"}, logging.DEBUG),
        ({"data": DATA | {"api": "CreateFile"}}, logging.DEBUG),
        ({"data": None}, logging.WARNING),
        ({"subject": "nothing"}, logging.WARNING),
        ({"data": DATA | {"eTag": 7}}, logging.WARNING),
    ],
)
def test_an_event_that_can_never_be_used_is_logged_and_accepted(
    clients: Clients, caplog: pytest.LogCaptureFixture, body: dict[str, Any], level: int
) -> None:
    """Raising it would have it delivered again for a day."""
    with caplog.at_level(logging.DEBUG, logger="touchdown"):
        receive(delivered(EVENT | body), NO_ENGINE, clients)
    (entry,) = caplog.records
    assert entry.levelno == level
    assert str(EVENT["id"]) in entry.getMessage()


# --- An event that may be forged ---------------------------------------------------------------------------

DATASET = "datasets/iris_csv.csv"
UPLOADED = datetime(2026, 11, 23, 18, 41, tzinfo=UTC)
"""When storage wrote the dataset, to the second."""


@pytest.fixture
def stored() -> tuple[Blobs, Clients]:
    """Storage that holds the dataset of EVENT."""
    blobs = Blobs()
    blobs.now = UPLOADED
    blobs.put(DATASET, b"a,b\n1,2\n", FOUND.etag)
    return blobs, Wire(blobs).clients()


def test_events_about_blobs_that_are_not_there_claim_nothing(clients: Clients) -> None:
    for number in range(20):
        receive(event(f"datasets/forged-{number}.csv"), NO_ENGINE, clients)
    assert run_store.page(50, clients).runs == []


def test_events_about_versions_that_are_not_there_claim_nothing_beside_the_run_of_the_present_one(
    stored: tuple[Blobs, Clients],
) -> None:
    blobs, clients = stored
    engine = Engine()
    receive(event(), engine, clients)
    kept = set(blobs.blobs)
    for number in range(20):
        receive(event(data=DATA | {"eTag": f"0xF{number}"}), engine, clients)
    assert [run_id for run_id, _ in engine.scheduled] == [RUN]
    assert set(blobs.blobs) == kept


def test_events_with_made_up_versions_of_a_dataset_without_a_run_start_its_one_run(
    stored: tuple[Blobs, Clients],
) -> None:
    """Each of twenty started a run, and each of these failed if the dataset was one that is refused."""
    _, clients = stored
    engine = Engine()
    for number in range(20):
        receive(event(data=DATA | {"eTag": f"0xF{number}"}), engine, clients)
    assert [run_id for run_id, _ in engine.scheduled] == [RUN]
    assert [run.run_id for run in run_store.page(50, clients).runs] == [RUN]
    receive(event(), engine, clients)
    assert [run_id for run_id, _ in engine.scheduled] == [RUN]


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("account.partner", "account.partner"),
        ("a\r\nWARNING forged \x1b[31m", "a WARNING forged \\x1b[31m"),
        ("x" * 5000, "x" * 199 + "…"),
        (None, None),
        ("", None),
        (7, None),
        ({"a": 1}, None),
    ],
)
def test_a_run_keeps_who_wrote_its_dataset_where_the_event_says_so(
    stored: tuple[Blobs, Clients], identity: Any, name: str | None
) -> None:
    _, clients = stored
    receive(event(data=DATA | {"identity": identity}), Engine(), clients)
    claim = run_store.read(RUN, clients)
    assert claim is not None
    assert claim.record.started_by == (Caller(name, "") if name else None)


def test_an_upload_whose_metadata_were_set_before_its_event_came_still_has_its_run(
    stored: tuple[Blobs, Clients],
) -> None:
    blobs, clients = stored
    blobs.put(DATASET, b"a,b\n1,2\n", "0xLATER", metadata={"epochs": "4"})
    engine = Engine()
    receive(event(), engine, clients)
    [(run_id, _)] = engine.scheduled
    assert run_id == naming.run_id(FOUND.container, DATASET, "0xLATER")
    for claimed in (run_id, RUN):
        claim = run_store.read(claimed, clients)
        assert claim is not None
        assert claim.record.run_id == run_id
    receive(event(), engine, clients)
    assert len(engine.scheduled) == 1


@pytest.mark.parametrize(
    ("time", "believed"),
    [
        ("2026-11-23T18:41:00.9584103Z", "2026-11-23T18:41:00.958410Z"),
        ("2026-11-23T18:45:59Z", "2026-11-23T18:45:59.000000Z"),
        ("2026-11-23T18:36:01Z", "2026-11-23T18:36:01.000000Z"),
        ("2026-11-23T18:46:01Z", "2026-11-23T18:41:00.000000Z"),
        ("2999-01-01T00:00:00Z", "2026-11-23T18:41:00.000000Z"),
        ("1999-01-01T00:00:00Z", "2026-11-23T18:41:00.000000Z"),
        ("0001-01-01T00:00:00Z", "2026-11-23T18:41:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "2026-11-23T18:41:00.000000Z"),
        (None, "2026-11-23T18:41:00.000000Z"),
    ],
)
def test_a_time_that_is_far_from_that_of_the_blob_does_not_order_uploads(
    stored: tuple[Blobs, Clients], time: str | None, believed: str
) -> None:
    """An upload of the year 2999 would make every later one superseded."""
    _, clients = stored
    engine = Engine()
    receive(event(eventTime=time), engine, clients)
    ((_, given),) = engine.scheduled
    assert given["request"]["upload"]["uploaded_at"] == believed


# --- An event that must come again ----------------------------------------------------------------------

RUN = naming.run_id("blobs", "datasets/iris_csv.csv", "0x8D4BCC2E4835CD0")


@pytest.fixture
def claimed() -> tuple[Blobs, Clients]:
    """Storage in which a run has been claimed that no engine knows, as after a crash of its claimant."""
    blobs = Blobs()
    clients = Wire(blobs).clients()
    upload = Upload("blobs", "datasets/iris_csv.csv", "0x8D4BCC2E4835CD0", FOUND.time)
    assert run_store.claim(RunRequest(RUN, upload, {}, "event", "2026-01-01T00:00:00.000000Z"), clients)
    blobs.put(DATASET, b"a,b\n1,2\n", FOUND.etag)
    return blobs, clients


def test_an_event_for_a_run_that_another_delivery_may_be_starting_comes_again_until_it_is_started(
    claimed: tuple[Blobs, Clients],
) -> None:
    blobs, clients = claimed
    engine = Engine()
    with pytest.raises(NotReadyError, match=RUN):
        receive(event(), engine, clients)
    assert engine.scheduled == []
    blobs.now += timedelta(seconds=10)
    receive(event(), engine, clients)
    assert [run_id for run_id, _ in engine.scheduled] == [RUN]
    receive(event(), engine, clients)
    assert len(engine.scheduled) == 1


MODEL = f"runs/{RUN}/0/ab/artifacts/model/MLmodel"


def test_a_model_of_a_run_that_the_engine_does_not_know_yet_comes_again_for_a_minute(
    claimed: tuple[Blobs, Clients],
) -> None:
    blobs, clients = claimed
    engine = Engine()
    for seconds in (0, 60):
        blobs.now += timedelta(seconds=seconds)
        with pytest.raises(NotReadyError, match=RUN):
            receive(event(MODEL), engine, clients)
    blobs.now += timedelta(seconds=1)
    receive(event(MODEL), engine, clients)
    assert engine.raised == []


def test_a_model_wakes_its_run_unless_that_has_ended(claimed: tuple[Blobs, Clients]) -> None:
    blobs, clients = claimed
    engine = Engine({RUN: state("RUNNING")})
    receive(event(MODEL), engine, clients)
    assert engine.raised == [], "a forged event would have the run end on a model that is not there"
    blobs.put(MODEL, b"flavors: {}")
    receive(event(MODEL), engine, clients)
    assert (engine.raised, engine.data) == (
        [(RUN, "model_ready")],
        [{"path": MODEL, "etag": "0x8D4BCC2E4835CD0"}],
    )
    for status in ("COMPLETED", "FAILED", "TERMINATED"):
        ended = Engine({RUN: state(status)})
        receive(event(MODEL), ended, clients)
        assert ended.raised == []


def test_a_model_of_a_run_that_nobody_claimed_or_that_has_ended_is_ignored(
    claimed: tuple[Blobs, Clients],
) -> None:
    _, clients = claimed
    engine = Engine()
    receive(event("runs/nobody/0/ab/artifacts/model/MLmodel"), engine, clients)
    found = run_store.read(RUN, clients)
    assert found is not None
    run_store.write(replace(found.record, status="Failed"), clients)
    receive(event(MODEL), engine, clients)
    assert engine.raised == []
