"""Claims, records and the list of runs: each run is listed once, and storage measures its age."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from activities.run_record import record_run
from runs import naming
from runs.contracts import RunRequest, Upload, to_json
from runs.errors import RefusedError
from runs.record import RunRecord
from services import run_files, run_store
from services.clients import Clients
from tests.unit.rehearsed import DATASET, SETTINGS
from tests.unit.wire import Answer, Blobs, Sent, Wire

METADATA_LIMIT = 8 * 1024
"""Bytes of a blob's metadata, names and values together. Source: "Set Blob Metadata"."""


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


@pytest.fixture
def wire(blobs: Blobs) -> Wire:
    return Wire(blobs)


@pytest.fixture
def clients(wire: Wire) -> Clients:
    return wire.clients()


def request(name: str) -> RunRequest:
    upload = Upload("blobs", f"datasets/{name}", "0x1", "2026-01-01T00:00:00.000000Z")
    return RunRequest("run-1", upload, {}, "event", "2026-01-01T00:00:00.000000Z")


def entries(wire: Wire) -> list[Sent]:
    return [sent for sent in wire.sent if "/index/runs/" in sent.path]


@pytest.mark.parametrize(
    "name", ["iris_csv.csv", "名" * 1011 + ".csv", "😀" * 505 + ".csv", 'a"b\n.csv'], ids=ascii
)
def test_a_dataset_of_any_name_fits_into_the_metadata_of_its_entry(
    wire: Wire, clients: Clients, name: str
) -> None:
    assert run_store.claim(request(name), clients)
    (entry,) = entries(wire)
    metadata = {key: value for key, value in entry.headers.items() if key.lower().startswith("x-ms-meta-")}
    assert metadata["x-ms-meta-status"] == "Running"
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert sum(len(key) + len(value) for key, value in metadata.items()) < METADATA_LIMIT


def test_a_claim_that_is_lost_replaces_no_entry(blobs: Blobs, clients: Clients) -> None:
    assert run_store.claim(request("iris_csv.csv"), clients)
    (entry,) = (blob for name, blob in blobs.blobs.items() if name.startswith("index/runs/"))
    assert not run_store.claim(request("iris_csv.csv"), clients)
    (unchanged,) = (blob for name, blob in blobs.blobs.items() if name.startswith("index/runs/"))
    assert unchanged is entry


def test_the_record_of_an_ended_run_is_never_rewritten_to_another_end(wire: Wire, clients: Clients) -> None:
    run = run_store.claimed(request("iris_csv.csv"))
    assert run_store.claim(request("iris_csv.csv"), clients)
    succeeded = replace(run, status="Succeeded", outcome="promoted")
    record_run(succeeded, clients)
    record_run(succeeded, clients)  # as after an answer that was lost
    with pytest.raises(RefusedError, match=r"run run-1 has already ended: Succeeded\.") as refused:
        record_run(replace(run, status="Failed"), clients)
    assert refused.value.code == "RunEnded"
    claim = run_store.read("run-1", clients)
    assert claim is not None
    assert claim.record == succeeded


def test_the_entry_of_a_later_claim_sorts_before_an_earlier_ones(wire: Wire, clients: Clients) -> None:
    for minute in (1, 2):
        claimed = request("iris_csv.csv")
        moment = f"2026-01-01T00:0{minute}:00.000000Z"
        run_store.index(
            run_store.claimed(
                RunRequest(f"run-{minute}", claimed.upload, {}, "event", moment),
            ),
            clients,
        )
    earlier, later = (entry.path for entry in entries(wire))
    assert later < earlier


# --- A list that misses no run --------------------------------------------------------------------------


def listed(clients: Clients) -> list[tuple[str, str]]:
    return [(run.run_id, run.status) for run in run_store.page(200, clients).runs]


OTHERS: list[dict[str, Any]] = [
    {"dataset": "others.csv", "upload": Upload("blobs", "datasets/others.csv", "0x1", "")},
    {"given_settings": {"approval": "none"}},
    {"source": "http"},
    {"settings": SETTINGS},
]
"""What a record of another run, or of other settings, has in it."""


def forged(changes: dict[str, Any], clients: Clients, *, ended: bool) -> RunRecord:
    """The record of an end that is none of the run's, whose settings have been kept."""
    run_store.claim(request("iris_csv.csv"), clients)
    run = run_store.claimed(request("iris_csv.csv"))
    run_files.keep_dataset("run-1", replace(DATASET, settings=replace(SETTINGS, epochs=3)), clients)
    if ended:
        run_store.write(replace(run, status="Succeeded"), clients)
    return replace(run, status="Succeeded", **changes)


@pytest.mark.parametrize("changes", [*OTHERS, {"run_id": "run-2"}], ids=lambda changes: next(iter(changes)))
def test_a_record_that_is_not_of_the_claimed_run_is_not_written(
    blobs: Blobs, clients: Clients, changes: dict[str, Any]
) -> None:
    record = forged(changes, clients, ended=False)
    before = dict(blobs.blobs)
    with pytest.raises(RefusedError) as refused:
        record_run(record, clients)
    assert (refused.value.code, blobs.blobs) == ("WrongRun", before)


@pytest.mark.parametrize(
    "changes", [*OTHERS, {"outcome": "promoted"}, {"predictions": ["x"]}], ids=lambda each: next(iter(each))
)
def test_the_record_of_an_ended_run_is_not_rewritten_to_the_same_end_with_other_contents(
    blobs: Blobs, clients: Clients, changes: dict[str, Any]
) -> None:
    record = forged(changes, clients, ended=True)
    before = dict(blobs.blobs)
    with pytest.raises(RefusedError) as refused:
        record_run(record, clients)
    assert (refused.value.code, blobs.blobs) == ("RunEnded", before)


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
@pytest.mark.parametrize("left", [None, b"{", "others"], ids=["gone", "unreadable", "others"])
def test_the_end_of_a_run_that_has_lost_its_settings_is_recorded_without_them(
    blobs: Blobs, clients: Clients, status: Any, left: bytes | str | None
) -> None:
    """That may be why it failed. A record never holds settings that storage does not have for its run."""
    record = replace(forged({"settings": SETTINGS}, clients, ended=False), status=status)
    path = naming.app_file("run-1", run_files.SETTINGS)
    if left is None:
        del blobs.blobs[path]
    elif isinstance(left, bytes):
        blobs.put(path, left)
    for _ in range(2):  # as after an answer that was lost
        record_run(record, clients)
    claim = run_store.read("run-1", clients)
    assert claim is not None
    assert claim.record == replace(record, settings=None)
    if left is not None:
        return
    with pytest.raises(RefusedError) as refused:
        record_run(replace(record, outcome="promoted"), clients)
    assert refused.value.code == "RunEnded"


@pytest.mark.parametrize("left", [None, b"{"], ids=["gone", "unreadable"])
def test_a_run_that_has_lost_its_settings_is_not_recorded_as_succeeded(
    blobs: Blobs, clients: Clients, left: bytes | None
) -> None:
    record = forged({"settings": SETTINGS}, clients, ended=False)
    path = naming.app_file("run-1", run_files.SETTINGS)
    del blobs.blobs[path]
    if left:
        blobs.put(path, left)
    with pytest.raises(RefusedError) as refused:
        record_run(record, clients)
    assert refused.value.code == "SettingsLost"


@pytest.fixture
def unlisted(wire: Wire, blobs: Blobs, clients: Clients) -> Blobs:
    """Storage with a run whose claimant failed before it added the run to the list."""

    def refuse_the_list(sent: Sent) -> Answer:
        if sent.method == "PUT" and "/index/runs/" in sent.path:
            return Answer(403, headers={"x-ms-error-code": "AuthorizationFailure"})
        return blobs(sent)

    wire.answer = refuse_the_list
    with pytest.raises(HttpResponseError):
        run_store.claim(request("iris_csv.csv"), clients)
    wire.answer = blobs
    assert listed(clients) == []
    return blobs


def test_a_run_that_its_claimant_did_not_list_is_listed_by_the_next_delivery(
    unlisted: Blobs, clients: Clients
) -> None:
    later = replace(request("iris_csv.csv"), claimed_at="2026-01-01T00:00:10.000000Z")
    assert not run_store.claim(later, clients)
    assert listed(clients) == [("run-1", "Running")]
    (run,) = run_store.page(1, clients).runs
    assert run.claimed_at == "2026-01-01T00:00:00.000Z", "the time of the claim, not of the delivery"
    assert not run_store.claim(later, clients)
    assert len(listed(clients)) == 1


def test_a_late_delivery_does_not_set_the_listed_status_back(wire: Wire, clients: Clients) -> None:
    assert run_store.claim(request("iris_csv.csv"), clients)
    run_store.write(replace(run_store.claimed(request("iris_csv.csv")), status="Succeeded"), clients)
    assert not run_store.claim(request("iris_csv.csv"), clients)
    assert listed(clients) == [("run-1", "Succeeded")]


def test_a_late_delivery_lists_an_ended_run_with_its_end(unlisted: Blobs, clients: Clients) -> None:
    ended = replace(run_store.claimed(request("iris_csv.csv")), status="Failed")
    run_store._write("run-1", to_json(ended), clients, overwrite=True)
    assert not run_store.claim(request("iris_csv.csv"), clients)
    assert listed(clients) == [("run-1", "Failed")]


# --- Ages ---------------------------------------------------------------------------------------------


def test_the_age_of_a_record_is_measured_by_storages_clock_and_not_by_the_hosts() -> None:
    """The host's clock is months ahead of that of this storage."""
    blobs = Blobs()
    clients = Wire(blobs).clients()
    assert run_store.claim(request("iris_csv.csv"), clients)
    for seconds in (0, 7):
        blobs.now += timedelta(seconds=seconds)
        claim = run_store.read("run-1", clients)
        assert claim is not None
        assert claim.age == seconds


# --- Pages --------------------------------------------------------------------------------------------


def filled(runs: int, failed: set[int]) -> tuple[Wire, Clients, list[str]]:
    """Storage with many runs, and their ids, newest first; every other one is of a dataset of its own."""
    blobs = Blobs()
    wire = Wire(blobs)
    ids = []
    for number in range(runs):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        upload = Upload("blobs", f"datasets/{'iris' if number % 2 else number}.csv", "0x1", "")
        given = RunRequest(f"run-{number}", upload, {}, "event", moment.isoformat())
        record = run_store.claimed(given)
        record = replace(record, status="Failed" if number in failed else "Running")
        blobs.put(run_store.entry_name(record), b"", metadata=run_store.entry_metadata(record))
        ids.append(given.run_id)
    return wire, wire.clients(), ids[::-1]


def asked_for(wire: Wire) -> list[int]:
    """How many entries storage was asked for, by request."""
    return [int(sent.query.get("maxresults", 5000)) for sent in wire.sent]


def test_a_page_is_one_request_for_no_more_entries_than_it_holds() -> None:
    wire, clients, ids = filled(60, set())
    first = run_store.page(2, clients)
    assert [run.run_id for run in first.runs] == ids[:2]
    assert asked_for(wire) == [2]
    second = run_store.page(2, clients, continuation=first.continuation)
    assert [run.run_id for run in second.runs] == ids[2:4]
    assert asked_for(wire) == [2, 3], "storage repeats the entry with which it begins"


def test_a_filter_asks_for_more_entries_only_while_it_has_not_found_enough() -> None:
    wire, clients, ids = filled(60, {59, 30})
    assert [run.run_id for run in run_store.page(1, clients, status="Failed").runs] == [ids[0]]
    assert asked_for(wire) == [1]
    wire.sent.clear()
    assert [run.run_id for run in run_store.page(2, clients, status="failed").runs] == [ids[0], "run-30"]
    assert asked_for(wire) == [2, 4, 8, 16]


def test_a_filter_that_matches_nothing_takes_few_requests() -> None:
    wire, clients, _ = filled(60, set())
    assert run_store.page(1, clients, status="Succeeded") == run_store.Page([], "")
    assert asked_for(wire) == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("top", [1, 2, 7, 59, 60, 61])
@pytest.mark.parametrize("filters", [{}, {"status": "Failed"}, {"dataset": "iris.csv"}], ids=str)
def test_the_pages_together_are_the_list(top: int, filters: dict[str, str]) -> None:
    failed = {0, 1, 17, 40, 41, 59}
    _, clients, ids = filled(60, failed)
    found, continuation = [], ""
    while True:
        page = run_store.page(top, clients, continuation=continuation, **filters)
        found += [run.run_id for run in page.runs]
        assert len(page.runs) <= top
        if not page.continuation:
            break
        continuation = page.continuation
    matching = {"": set(range(60)), "status": failed, "dataset": set(range(1, 60, 2))}
    wanted = matching["".join(filters)]
    assert found == [each for each in ids if int(each.removeprefix("run-")) in wanted]


def test_times_are_written_in_utc_to_the_microsecond_so_that_they_compare_as_text() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", run_store.now())
    assert abs(datetime.now(UTC) - datetime.fromisoformat(run_store.now())) < timedelta(minutes=5)
