"""Starting runs: one run for each content, despite repeated events, crashes and repeated requests."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrators.waiting import Generation
from runs import naming
from runs.contracts import RunRequest, Upload, from_json
from services import run_store
from services.clients import Clients
from tests.unit.engines import Engine, state
from tests.unit.wire import Blobs, Wire
from triggers.starting import BEING_STARTED, Start, start, start_by_hand

UPLOAD = Upload("blobs", "datasets/iris_csv.csv", "0x8DC", "2025-12-31T23:59:59.958410Z")
"""The time of the upload, from its event."""
SEEN = replace(UPLOAD, uploaded_at="2025-12-31T23:59:59.000000Z")
"""The time of the upload, from its Last-Modified header, to the second."""
RUN = naming.run_id("blobs", UPLOAD.path, UPLOAD.etag)


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


@pytest.fixture
def clients(blobs: Blobs) -> Clients:
    return Wire(blobs).clients()


def crashed(clients: Clients, attempt: int = 1, status: str = "Running") -> None:
    """A run whose claimant died before it scheduled anything; or one that has ended."""
    run_id = naming.run_id("blobs", UPLOAD.path, UPLOAD.etag, attempt)
    request = RunRequest(run_id, UPLOAD, {"epochs": attempt}, "event", "2026-01-01T00:00:00.000000Z")
    run_store.write(replace(run_store.claimed(request), status=status), clients)  # type: ignore[arg-type]


def later(blobs: Blobs) -> None:
    blobs.now += timedelta(seconds=60)


@pytest.mark.parametrize("crash", [False, True], ids=["claimed now", "picked up"])
def test_what_is_scheduled_is_the_first_generation_of_the_run(
    blobs: Blobs, clients: Clients, crash: bool
) -> None:
    if crash:
        crashed(clients)
        later(blobs)
    engine = Engine()
    start(engine, UPLOAD, {"epochs": 1}, "event", clients)
    ((run_id, given),) = engine.scheduled
    generation = from_json(Generation, json.loads(json.dumps(given)))
    assert generation.request.run_id == run_id == RUN
    claim = run_store.read(RUN, clients)
    assert claim is not None
    assert generation == Generation(run_store.request_of(claim.record))


# --- A claim that a crash has left ----------------------------------------------------------------------


def test_a_claim_is_left_to_its_claimant_until_it_is_old_enough(blobs: Blobs, clients: Clients) -> None:
    crashed(clients)
    engine = Engine()
    for seconds in (0, BEING_STARTED - 1):
        blobs.now += timedelta(seconds=seconds)
        assert start(engine, UPLOAD, {}, "event", clients) == Start(RUN, "starting", "Running")
        assert engine.scheduled == []
    blobs.now += timedelta(seconds=1)
    assert start(engine, UPLOAD, {}, "event", clients).result == "picked_up"
    ((run_id, given),) = engine.scheduled
    assert run_id == RUN
    assert given["request"]["settings"] == {"epochs": 1}, "those of the claim"
    assert given["request"]["claimed_at"] == "2026-01-01T00:00:00.000000Z"


def test_a_run_that_the_engine_knows_or_that_has_ended_is_not_started_again(
    blobs: Blobs, clients: Clients
) -> None:
    crashed(clients)
    blobs.now += timedelta(seconds=60)
    engine = Engine({RUN: state("RUNNING")})
    assert start(engine, UPLOAD, {}, "event", clients).result == "known"
    crashed(clients, status="Failed")
    started = start(Engine(), UPLOAD, {}, "event", clients)
    assert (started.result, started.status) == ("known", "Failed")
    assert engine.scheduled == []


def test_a_run_whose_record_is_deleted_while_it_is_looked_up_is_not_started(
    blobs: Blobs, clients: Clients
) -> None:
    crashed(clients)
    later(blobs)

    class Deleting(Engine):
        def get_orchestration_state(self, instance_id: str, *, fetch_payloads: bool = True) -> Any:
            blobs.blobs.clear()
            return super().get_orchestration_state(instance_id, fetch_payloads=fetch_payloads)

    engine = Deleting()
    assert start(engine, UPLOAD, {}, "event", clients) == Start(RUN, "known", "Running")
    assert engine.scheduled == []


# --- By hand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rerun", [False, True])
def test_a_lost_rerun_goes_on(blobs: Blobs, clients: Clients, rerun: bool) -> None:
    crashed(clients, 1, "Succeeded")
    crashed(clients, 2)
    later(blobs)
    engine = Engine()
    started = start_by_hand(engine, SEEN, {}, clients, rerun=rerun)
    assert (started.run_id, started.result) == (f"{RUN}-2", "picked_up")
    assert [run_id for run_id, _ in engine.scheduled] == [f"{RUN}-2"]


@pytest.mark.parametrize("rerun", [False, True])
def test_of_several_lost_attempts_the_newest_goes_on_first(
    blobs: Blobs, clients: Clients, rerun: bool
) -> None:
    for attempt, status in enumerate(("Running", "Running", "Failed"), 1):
        crashed(clients, attempt, status)
    later(blobs)
    assert start_by_hand(Engine(), SEEN, {}, clients, rerun=rerun).run_id == f"{RUN}-2"


def test_an_attempt_that_goes_on_keeps_its_own_settings(blobs: Blobs, clients: Clients) -> None:
    crashed(clients, 1, "Failed")
    crashed(clients, 2)
    later(blobs)
    engine = Engine()
    start_by_hand(engine, SEEN, {"epochs": 99}, clients, rerun=True)
    assert engine.scheduled[0][1]["request"]["settings"] == {"epochs": 2}


def test_without_a_rerun_the_newest_attempt_is_named(clients: Clients) -> None:
    crashed(clients, 1, "Failed")
    crashed(clients, 2, "Succeeded")
    started = start_by_hand(Engine(), SEEN, {}, clients, rerun=False)
    assert (started.run_id, started.result, started.status) == (f"{RUN}-2", "known", "Succeeded")


def test_without_a_rerun_a_running_attempt_is_named(clients: Clients) -> None:
    crashed(clients, 1)
    crashed(clients, 2, "Failed")
    engine = Engine({RUN: state("RUNNING")})
    started = start_by_hand(engine, SEEN, {}, clients, rerun=False)
    assert (started.run_id, started.result, engine.scheduled) == (RUN, "known", [])


@pytest.mark.parametrize("engine", [Engine(), Engine({RUN: state("RUNNING")})], ids=["ended", "running"])
def test_a_rerun_beside_runs_that_are_not_lost_is_a_new_attempt_for_the_same_upload(
    clients: Clients, engine: Engine
) -> None:
    crashed(clients, 1, "Running" if engine.states else "Succeeded")
    started = start_by_hand(engine, SEEN, {}, clients, rerun=True)
    assert (started.run_id, started.result) == (f"{RUN}-2", "started")
    assert engine.scheduled[-1][1]["request"]["source"] == "http"
    assert engine.scheduled[-1][1]["request"]["upload"]["uploaded_at"] == UPLOAD.uploaded_at


@pytest.mark.parametrize("rerun", [False, True])
def test_a_first_run_is_started_with_or_without_a_rerun(clients: Clients, rerun: bool) -> None:
    engine = Engine()
    started = start_by_hand(engine, SEEN, {"epochs": 7}, clients, rerun=rerun)
    assert (started.run_id, started.result) == (RUN, "started")
    assert engine.scheduled[0][1]["request"]["settings"] == {"epochs": 7}
    assert engine.scheduled[0][1]["request"]["source"] == "http"
