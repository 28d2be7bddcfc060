"""Records: an end is written once, and whatever a dataset is called, storage takes its line in the list."""

from dataclasses import replace

import pytest

from activities.run_record import record_run
from runs.contracts import RunRequest, Upload
from runs.errors import RefusedError
from services import run_store
from services.clients import Clients
from tests.unit.wire import Blobs, Sent, Wire

METADATA_LIMIT = 8 * 1024
"""Bytes of a blob's metadata, names and values together. Source: "Set Blob Metadata"."""


@pytest.fixture
def wire() -> Wire:
    return Wire(Blobs())


@pytest.fixture
def clients(wire: Wire) -> Clients:
    return wire.clients()


def request(name: str) -> RunRequest:
    upload = Upload("blobs", f"datasets/{name}", "0x1", "2026-01-01T00:00:00.000000Z")
    return RunRequest("run-1", upload, {}, "event", "2026-01-01T00:00:00.000000Z")


def lines(wire: Wire) -> list[Sent]:
    return [sent for sent in wire.sent if "/index/runs/" in sent.path]


@pytest.mark.parametrize(
    "name", ["iris_csv.csv", "名" * 1011 + ".csv", "😀" * 505 + ".csv", 'a"b\n.csv'], ids=ascii
)
def test_a_dataset_of_any_name_fits_into_the_metadata_of_its_line(
    wire: Wire, clients: Clients, name: str
) -> None:
    assert run_store.claim(request(name), clients)
    (line,) = lines(wire)
    metadata = {key: value for key, value in line.headers.items() if key.lower().startswith("x-ms-meta-")}
    assert metadata["x-ms-meta-status"] == "Running"
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert sum(len(key) + len(value) for key, value in metadata.items()) < METADATA_LIMIT


def test_a_claim_that_is_lost_writes_no_line(wire: Wire, clients: Clients) -> None:
    assert run_store.claim(request("iris_csv.csv"), clients)
    assert not run_store.claim(request("iris_csv.csv"), clients)
    assert len(lines(wire)) == 1


def test_the_record_of_an_ended_run_is_never_rewritten_to_another_end(wire: Wire, clients: Clients) -> None:
    run = run_store.claimed(request("iris_csv.csv"))
    assert run_store.claim(request("iris_csv.csv"), clients)
    succeeded = replace(run, status="Succeeded", outcome="promoted")
    record_run(succeeded, clients)
    record_run(succeeded, clients)  # as after an answer that was lost
    with pytest.raises(RefusedError, match=r"run run-1 has ended before: Succeeded\.") as refused:
        record_run(replace(run, status="Failed"), clients)
    assert refused.value.code == "RunEnded"
    claim = run_store.read("run-1", clients)
    assert claim is not None
    assert claim.record == succeeded


def test_the_line_of_a_later_claim_sorts_before_an_earlier_ones(wire: Wire, clients: Clients) -> None:
    for minute in (1, 2):
        claimed = request("iris_csv.csv")
        moment = f"2026-01-01T00:0{minute}:00.000000Z"
        run_store.index(
            run_store.claimed(
                RunRequest(f"run-{minute}", claimed.upload, {}, "event", moment),
            ),
            clients,
        )
    earlier, later = (line.path for line in lines(wire))
    assert later < earlier
