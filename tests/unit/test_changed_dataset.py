"""A dataset that has changed since its run was claimed: one run for it in all, whoever comes to it first."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities.continuing import keep_progress, resume_run
from activities.dataset import inspect_dataset
from runs import naming
from runs.contracts import Caller, Dataset, Json, RunRequest, Upload, from_json
from runs.errors import RefusedError, TransientError
from runs.steps import Champion, Progress, Wait
from services import run_store
from services.clients import Clients
from tests.unit.engines import Engine, state
from tests.unit.wire import Answer, Blobs, Sent, Wire
from triggers import http
from triggers.run_views import view
from triggers.starting import Start, start, start_by_hand

BODY = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (n, n, b"xy"[n % 2 :][:1]) for n in range(30))
PATH = "datasets/iris_csv.csv"
UPLOAD = Upload("blobs", PATH, "0xE0", "2026-01-01T00:00:00.958410Z")
"""The upload, by its event."""


def run_of(etag: str) -> str:
    return naming.run_id("blobs", PATH, etag)


RUN = run_of("0xE0")
REQUEST = RunRequest(RUN, UPLOAD, {}, "event", "2026-01-01T00:00:01.000000Z")


@pytest.fixture
def blobs() -> Blobs:
    """Storage with the upload, whose run has been claimed."""
    blobs = Blobs()
    blobs.put(PATH, BODY, "0xE0")
    assert run_store.claim(REQUEST, Wire(blobs).clients())
    return blobs


@pytest.fixture
def clients(blobs: Blobs) -> Clients:
    return Wire(blobs).clients()


def set_metadata(blobs: Blobs, etag: str, **metadata: str) -> None:
    """A second later, metadata are set, which changes the ETag and Last-Modified."""
    blobs.now += timedelta(seconds=1)
    blobs.put(PATH, BODY, etag, metadata=metadata)


def at(etag: str, clients: Clients) -> Upload:
    """The version of this ETag, as POST /api/runs sees it."""
    seen = http.upload_of(PATH, "iris_csv.csv", clients)
    assert seen.etag == etag
    return seen


def found(request: RunRequest, clients: Clients) -> Dataset:
    """The dataset that a run goes on with."""
    inspection = inspect_dataset(request, clients)
    assert inspection.superseded_by == ""
    assert inspection.dataset is not None
    return inspection.dataset


def listed(clients: Clients) -> list[str]:
    return [run.run_id for run in run_store.page(50, clients).runs]


def record_of(run_id: str, clients: Clients) -> Any:
    claim = run_store.read(run_id, clients)
    assert claim is not None
    return claim.record


# --- The run ------------------------------------------------------------------------------------------


def test_an_unchanged_dataset_is_the_version_of_the_claim(clients: Clients, blobs: Blobs) -> None:
    before = {path for path in blobs.blobs if path.endswith("run.json")}
    assert found(REQUEST, clients).upload == UPLOAD
    assert {path for path in blobs.blobs if path.endswith("run.json")} == before


def test_a_run_goes_on_with_the_metadata_that_were_set_after_the_upload(
    clients: Clients, blobs: Blobs
) -> None:
    set_metadata(blobs, "0xE1", epochs="7")
    dataset = found(REQUEST, clients)
    assert (dataset.upload.etag, dataset.settings.epochs) == ("0xE1", 7)
    assert record_of(run_of("0xE1"), clients).run_id == RUN
    assert listed(clients) == [RUN], "the list shows no run that nobody started"


def test_a_repeated_inspection_finds_the_claim_of_its_own_run(clients: Clients, blobs: Blobs) -> None:
    set_metadata(blobs, "0xE1")
    assert inspect_dataset(REQUEST, clients) == inspect_dataset(REQUEST, clients)
    set_metadata(blobs, "0xE2")
    assert found(REQUEST, clients).upload.etag == "0xE2"
    assert {record_of(run_of(etag), clients).run_id for etag in ("0xE0", "0xE1", "0xE2")} == {RUN}


@pytest.mark.parametrize(
    ("seconds", "uploaded_at"), [(0, UPLOAD.uploaded_at), (9, "2026-01-01T00:00:09.000000Z")]
)
def test_a_changed_dataset_is_as_new_as_its_last_change_and_never_older_than_its_event(
    clients: Clients, blobs: Blobs, seconds: int, uploaded_at: str
) -> None:
    blobs.now += timedelta(seconds=seconds)
    blobs.put(PATH, BODY, "0xE1")
    assert found(REQUEST, clients).upload == replace(UPLOAD, etag="0xE1", uploaded_at=uploaded_at)


def test_a_run_whose_dataset_has_a_newer_run_ends_and_names_it(clients: Clients, blobs: Blobs) -> None:
    blobs.put(PATH, BODY + b"9,9,x\n", "0xE1")
    newer = start(Engine(), at("0xE1", clients), {}, "event", clients)
    assert (newer.run_id, newer.result) == (run_of("0xE1"), "started")
    for _ in range(2):
        inspection = inspect_dataset(REQUEST, clients)
        assert (inspection.dataset, inspection.superseded_by) == (None, run_of("0xE1"))
    assert record_of(inspection.superseded_by, clients).run_id == newer.run_id


def test_a_run_whose_dataset_an_earlier_run_has_claimed_too_names_that_run(
    clients: Clients, blobs: Blobs
) -> None:
    rerun = replace(REQUEST, run_id=f"{RUN}-2")
    assert run_store.claim(rerun, clients)
    set_metadata(blobs, "0xE1")
    found(REQUEST, clients)
    assert inspect_dataset(rerun, clients).superseded_by == RUN


@pytest.mark.parametrize(
    ("body", "settings", "code"),
    [
        (BODY, {"label": "colour"}, "LabelMissing"),
        (BODY, {"label": "label", "task": "regression"}, "InvalidDataset"),
        (b"", {}, "InvalidDataset"),
        (BODY, {"epochs": 0}, "InvalidSetting"),
    ],
    ids=["its label is not there", "its label is no number", "it is empty", "its setting is not allowed"],
)
def test_a_run_that_cannot_go_on_with_a_newer_upload_leaves_it_to_the_newer_uploads_own_event(
    clients: Clients, blobs: Blobs, body: bytes, settings: Json, code: str
) -> None:
    blobs.now += timedelta(seconds=1)
    blobs.put(PATH, body, "0xE1")
    request = replace(REQUEST, settings=settings)
    run_store.write(run_store.claimed(request), clients)
    with pytest.raises(RefusedError) as refused:
        inspect_dataset(request, clients)
    assert refused.value.code == code
    assert run_store.read(run_of("0xE1"), clients) is None
    assert start(Engine(), at("0xE1", clients), {}, "event", clients) == Start(run_of("0xE1"), "started")


def test_a_run_that_was_superseded_leaves_no_sample(clients: Clients, blobs: Blobs) -> None:
    blobs.put(PATH, BODY, "0xE1")
    start(Engine(), at("0xE1", clients), {}, "event", clients)
    inspect_dataset(REQUEST, clients)
    assert not [path for path in blobs.blobs if "smoke" in path]


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Cancelled"])
def test_a_run_that_has_ended_inspects_nothing_when_it_is_executed_again(
    clients: Clients, blobs: Blobs, status: str
) -> None:
    run_store.write(replace(record_of(RUN, clients), status=status), clients)
    with pytest.raises(RefusedError) as refused:
        inspect_dataset(REQUEST, clients)
    assert (refused.value.code, str(refused.value)) == (
        "RunEnded",
        f"run {RUN} has already ended: {status}.",
    )
    assert not [path for path in blobs.blobs if "smoke" in path]


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "by-hand"},
        {"run_id": run_of("0xE1")},
        {"upload": replace(UPLOAD, path="datasets/others.csv")},
        {"upload": replace(UPLOAD, etag="0xE1")},
        {"upload": replace(UPLOAD, uploaded_at="2999-01-01T00:00:00.000000Z")},
        {"settings": {"endpoint_name": "others", "approval": "none"}},
        {"source": "http"},
        {"started_by": Caller("ciso@example.com", "entra:1")},
    ],
    ids=lambda changes: str(next(iter(changes.items())))[:40],
)
def test_a_request_that_was_not_claimed_so_is_no_run(
    blobs: Blobs, clients: Clients, changes: dict[str, Any]
) -> None:
    """Whoever has the key of the durable API can start an orchestration with any request."""
    run_store.claim_also(run_of("0xE1"), RUN, clients)
    blobs.put("datasets/others.csv", BODY)
    before = dict(blobs.blobs)
    forged = replace(REQUEST, **changes)
    for step in (inspect_dataset, resume_run):
        with pytest.raises(RefusedError) as refused:
            step(forged, clients)
        assert refused.value.code == "NotClaimed"
    assert blobs.blobs == before


def test_a_run_resumes_where_its_progress_says_once_there_is_any(blobs: Blobs, clients: Clients) -> None:
    with pytest.raises(RefusedError) as refused:
        resume_run(REQUEST, clients)
    assert refused.value.code == "NotClaimed"
    set_metadata(blobs, "0xE1")
    dataset = found(REQUEST, clients)
    wait = Wait(dataset, Champion(), 45.0, "2026-01-02T00:00:00+00:00")
    progress = Progress(replace(run_store.claimed(REQUEST), settings=dataset.settings), wait)
    keep_progress(progress, clients)
    assert resume_run(replace(REQUEST, upload=dataset.upload), clients) == progress
    run_store.write(replace(run_store.claimed(REQUEST), status="Cancelled"), clients)
    with pytest.raises(RefusedError) as refused:
        resume_run(replace(REQUEST, upload=dataset.upload), clients)
    assert refused.value.code == "RunEnded"


def test_the_settings_of_a_run_are_kept_where_only_the_app_writes(blobs: Blobs, clients: Clients) -> None:
    dataset = found(REQUEST, clients)
    kept = json.loads(blobs.blobs[f"app/runs/{RUN}/settings.json"].content)
    assert from_json(Dataset, kept) == dataset


def test_a_deleted_dataset_is_missing(clients: Clients, blobs: Blobs) -> None:
    del blobs.blobs[PATH]
    with pytest.raises(RefusedError) as refused:
        inspect_dataset(REQUEST, clients)
    assert refused.value.code == "DatasetMissing"


def after_properties(blobs: Blobs, change: Callable[[], None]) -> Clients:
    """Clients in whose storage `change` happens once, after the dataset's properties have been read."""
    left = [change]

    def answer(sent: Sent) -> Answer:
        answered = blobs(sent)
        if sent.method == "HEAD" and left:
            left.pop()()
        return answered

    return Wire(answer).clients()


def test_a_dataset_that_changes_while_it_is_read_is_read_again(blobs: Blobs) -> None:
    clients = after_properties(blobs, lambda: set_metadata(blobs, "0xE1", epochs="7"))
    with pytest.raises(TransientError, match=r"it changed while it was read .* POST /api/runs"):
        inspect_dataset(REQUEST, clients)
    dataset = found(REQUEST, clients)
    assert (dataset.upload.etag, dataset.settings.epochs) == ("0xE1", 7)


def test_a_dataset_that_is_deleted_while_it_is_read_is_missing(blobs: Blobs) -> None:
    clients = after_properties(blobs, lambda: blobs.blobs.clear())
    with pytest.raises(RefusedError) as refused:
        inspect_dataset(REQUEST, clients)
    assert refused.value.code == "DatasetMissing"


def test_a_copy_that_is_under_way_is_waited_for_and_nothing_is_claimed(blobs: Blobs) -> None:
    """The ETag of its blob is that of the empty blob with which an asynchronous copy begins."""
    pending = True

    def answer(sent: Sent) -> Answer:
        answered = blobs(sent)
        if sent.method != "HEAD" or not pending:
            return answered
        return replace(answered, headers={**answered.headers, "x-ms-copy-status": "pending"})

    clients = Wire(answer).clients()
    blobs.put(PATH, b"", "0xE1")
    with pytest.raises(TransientError, match="it is still being copied"):
        inspect_dataset(REQUEST, clients)
    assert run_store.read(run_of("0xE1"), clients) is None
    pending = False
    blobs.put(PATH, BODY, "0xE2")
    assert found(REQUEST, clients).upload.etag == "0xE2"


# --- What comes for the present version afterwards -----------------------------------------------------


@pytest.fixture
def gone_on(clients: Clients, blobs: Blobs) -> Dataset:
    """The dataset of the run, which has gone on with the version 0xE1."""
    set_metadata(blobs, "0xE1")
    return found(REQUEST, clients)


@pytest.mark.usefixtures("gone_on")
def test_an_event_or_a_request_for_the_version_finds_the_run_that_works_on_it(
    clients: Clients, blobs: Blobs
) -> None:
    blobs.now += timedelta(minutes=1)
    engine = Engine({RUN: state("RUNNING")})
    known = Start(RUN, "known", "Running")
    assert start(engine, at("0xE1", clients), {}, "event", clients) == known
    assert start_by_hand(engine, at("0xE1", clients), {}, clients, rerun=False) == known
    assert engine.scheduled == []
    assert listed(clients) == [RUN]


@pytest.mark.usefixtures("gone_on")
def test_a_run_that_the_engine_has_lost_goes_on_by_an_event_for_the_later_version(
    clients: Clients, blobs: Blobs
) -> None:
    upload = at("0xE1", clients)
    assert start(Engine(), upload, {}, "event", clients).result == "starting"
    blobs.now += timedelta(minutes=1)
    engine = Engine()
    assert start(engine, upload, {}, "event", clients) == Start(RUN, "picked_up")
    ((run_id, given),) = engine.scheduled
    assert (run_id, given["request"]["run_id"], list(given)) == (RUN, RUN, ["request"])
    assert given["request"]["upload"]["etag"] == "0xE0", "that of the claim"


@pytest.mark.parametrize("ended", [False, True])
def test_a_rerun_is_about_the_later_version_and_has_its_time(
    clients: Clients, gone_on: Dataset, ended: bool
) -> None:
    engine = Engine({RUN: state("RUNNING")})
    if ended:
        record = replace(record_of(RUN, clients), status="Succeeded", upload=gone_on.upload)
        run_store.write(record, clients)
    ids = []
    for number in (2, 3):
        started = start_by_hand(engine, at("0xE1", clients), {}, clients, rerun=True)
        assert started == Start(f"{run_of('0xE1')}-{number}", "started")
        ids.append(started.run_id)
    for run_id, given in engine.scheduled:
        assert given["request"]["upload"] == {**vars(gone_on.upload)}
        assert run_id in ids
        assert found(from_json(RunRequest, given["request"]), clients).upload == gone_on.upload


@pytest.mark.usefixtures("gone_on")
def test_the_id_of_the_later_version_shows_the_run_that_works_on_it(clients: Clients) -> None:
    custom = {"stage": "wait", "etag": "0xE1", "uploaded_at": "2026-01-01T00:00:01.000000Z"}
    shown = view(record_of(run_of("0xE1"), clients), Engine({RUN: state("RUNNING", custom)}), clients)
    assert (shown["run_id"], shown["status"]) == (RUN, "Running")
    assert shown["upload"] == {
        "container": "blobs",
        "path": PATH,
        "etag": "0xE1",
        "uploaded_at": "2026-01-01T00:00:01.000000Z",
    }
    assert not shown.keys() & {"etag", "uploaded_at"}


def test_a_claim_that_is_deleted_while_it_is_looked_up_is_looked_up_again(blobs: Blobs) -> None:
    other = run_store.record_path(run_of("0xE1"))

    def answer(sent: Sent) -> Answer:
        answered = blobs(sent)
        if answered.status == 409:
            del blobs.blobs[other]
        return answered

    clients = Wire(answer).clients()
    set_metadata(blobs, "0xE1")
    blobs.put(other, b'{"run_id": "x", "held_by": "y"}')
    with pytest.raises(TransientError, match="its claim was deleted"):
        inspect_dataset(REQUEST, clients)
    assert found(REQUEST, clients).upload.etag == "0xE1"
