"""Claims and the list of runs, in Azurite."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runs.contracts import RunRequest, Upload
from services import run_store
from services.clients import Clients

pytestmark = pytest.mark.integration


def request(
    run_id: str, dataset: str = "iris.csv", claimed_at: str = "2026-05-01T00:00:00.000000Z"
) -> RunRequest:
    upload = Upload("c", f"datasets/{dataset}", "0x1", "2026-05-01T00:00:00Z")
    return RunRequest(run_id, upload, {"epochs": 3}, "event", claimed_at)


def test_exactly_one_of_many_concurrent_claims_succeeds(clients: Clients, unique: str) -> None:
    wanted = request(f"claimed-{unique}")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: run_store.claim(wanted, clients), range(16)))
    assert sum(won) == 1
    claim = run_store.read(wanted.run_id, clients)
    assert claim is not None
    assert claim.record.given_settings == {"epochs": 3}
    assert claim.record.status == "Running"
    assert 0 <= claim.age + 2 < 60


def test_an_unknown_run_has_no_record(clients: Clients, unique: str) -> None:
    assert run_store.read(f"nobody-{unique}", clients) is None


def test_runs_are_listed_newest_first_and_paged_and_filtered(clients: Clients, unique: str) -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    dataset = f"é {unique}.csv"
    ids = [f"run-{unique}-{number}" for number in range(5)]
    for number, run_id in enumerate(ids):
        moment = (start + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
        run_store.claim(request(run_id, dataset, moment), clients)
    done = run_store.read(ids[2], clients)
    assert done is not None
    run_store.write(replace(done.record, status="Failed"), clients)

    first = run_store.page(2, clients, dataset=dataset)
    assert [line.run_id for line in first.runs] == [ids[4], ids[3]]
    second = run_store.page(2, clients, dataset=dataset, continuation=first.continuation)
    assert [line.run_id for line in second.runs] == [ids[2], ids[1]]
    last = run_store.page(2, clients, dataset=dataset, continuation=second.continuation)
    assert ([line.run_id for line in last.runs], last.continuation) == ([ids[0]], "")

    failed = run_store.page(10, clients, status="failed", dataset=dataset)
    assert [(line.run_id, line.status, line.dataset) for line in failed.runs] == [(ids[2], "Failed", dataset)]


def test_writing_a_record_again_leaves_one_entry_in_the_list(clients: Clients, unique: str) -> None:
    wanted = request(f"twice-{unique}", f"{unique}.csv")
    run_store.claim(wanted, clients)
    claim = run_store.read(wanted.run_id, clients)
    assert claim is not None
    run_store.write(replace(claim.record, status="Succeeded"), clients)
    run_store.write(replace(claim.record, status="Succeeded"), clients)
    assert [line.status for line in run_store.page(10, clients, dataset=f"{unique}.csv").runs] == [
        "Succeeded"
    ]


def test_a_run_missing_from_the_list_is_added_by_the_next_delivery(clients: Clients, unique: str) -> None:
    """A claimant that crashes between its two writes leaves such a run."""
    wanted = request(f"unlisted-{unique}", f"{unique}.csv", "2031-01-01T00:00:00.000000Z")
    assert run_store.claim(wanted, clients)
    clients.container.delete_blob(run_store.entry_name(run_store.claimed(wanted)))
    assert run_store.page(10, clients, dataset=f"{unique}.csv").runs == []
    assert not run_store.claim(wanted, clients)
    (run,) = run_store.page(10, clients, dataset=f"{unique}.csv").runs
    assert (run.run_id, run.status) == (wanted.run_id, "Running")
