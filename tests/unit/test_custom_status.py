"""The custom status of a run: it fits into what the host takes, and keeps what people and programs act on."""

from dataclasses import replace

from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER as JSON
from hypothesis import example, given, settings
from hypothesis import strategies as st
from localcloud.functions.protocol import CUSTOM_STATUS_LIMIT

from orchestrators.custom_status import custom_status
from orchestrators.stages import Stage
from orchestrators.training_run import MOST_INSPECTIONS
from runs.contracts import Json, Upload, to_json
from runs.record import Approval, RunRecord, StageTimes
from services.run_store import claimed
from tests.unit.rehearsed import GATE, REQUEST, RUN, SETTINGS

REPEATED = [Stage.INSPECT_DATASET, Stage.START_TRAINING, Stage.WAIT]
STAGES = [*REPEATED * (MOST_INSPECTIONS - 1), *Stage]
"""The stages of the longest run."""
LONG = -2.2250738585072014e-308
"""A number that JSON needs many characters for."""
TIME = "2026-11-23T16:49:29.715Z"
ACTED_ON: Json = {
    "stage": "record_run",
    "since": TIME,
    "etag": "0x1D2FE3D3ADCF5D0",
    "uploaded_at": "2026-11-23T16:49:29.7150000Z",
    "pipeline_run_id": "75f73c9c-a06d-4a0c-93bf-e8df08476bfe",
    "model": f"{'m' * 255}:1000000",
    "endpoint": "e" * 32,
    "deployment": "d" * 32,
    "report": f"runs/{'r' * 80}/report.html",
    "verdict": "keep_champion",
    "can_cancel": True,
}


def longest_record(text: str) -> RunRecord:
    """A record in which everything is as long as it can be. text: stands in it wherever a text is free."""
    assert GATE.floor is not None
    assert GATE.champion is not None
    name = text[:256]
    champion = replace(GATE.champion, model=text, error=text)
    gate = replace(
        GATE,
        reasons=[text] * 20,
        metric=name,
        value=LONG,
        floor=replace(GATE.floor, limit=-LONG),
        baseline=replace(GATE.baseline, name=name, value=LONG),
        champion=replace(champion, rows=10**12, value=LONG, challenger=LONG, interval=[LONG] * 2),
    )
    chosen = replace(
        SETTINGS,
        label=name,
        vm_size=name,
        model_name="m" * 255,
        endpoint_name="e" * 32,
        compute_name="c" * 32,
        max_rmse=-LONG,
    )
    upload = Upload("blobs", f"datasets/{text}.csv", ACTED_ON["etag"], ACTED_ON["uploaded_at"])
    return replace(
        claimed(replace(REQUEST, upload=upload)),
        dataset=upload.dataset,
        settings=chosen,
        stages=[StageTimes(stage.value, TIME, TIME) for stage in STAGES],
        pipeline_run_id=ACTED_ON["pipeline_run_id"],
        mlflow_run_id=text,
        metrics={f"{number:02}{'n' * 28}": LONG for number in range(20)} | {text: 0.5},
        model_name="m" * 255,
        model_version="1000000",
        endpoint=ACTED_ON["endpoint"],
        deployment=ACTED_ON["deployment"],
        task=name,
        algorithm=name,
        verdict="keep_champion",
        gate=gate,
        notes=[text] * 20,
        approval=Approval("timed_out", "boss", TIME, text),
        report=ACTED_ON["report"],
    )


def length(status: Json) -> int:
    """UTF-16 code units of a custom status as the worker sends it."""
    return len((JSON.serialize(status) or "").encode("utf-16-le")) // 2


def test_the_custom_status_of_the_longest_run_fits_with_a_margin() -> None:
    record = longest_record("数" * 1000)
    by = Approval("timed_out", "人" * 1000, TIME)
    status = custom_status(replace(record, approval=by), can_cancel=True, waiting_for="待" * 1000)
    assert length(status) <= 7_500
    assert CUSTOM_STATUS_LIMIT == 2 * 8192


@example("数" * 1000)
@example("\N{PILE OF POO}" * 1000)
@example('"' * 1000)
@example("\ud800" * 1000)
@given(st.text(min_size=1).map(lambda some: (some * 1000)[:1000]))
@settings(max_examples=50, deadline=None)
def test_a_custom_status_fits_and_keeps_what_is_acted_on_whatever_the_texts(text: str) -> None:
    record = longest_record(text)
    status = custom_status(record, can_cancel=True, waiting_for=text)
    assert length(status) <= 7_500
    assert {field: status[field] for field in ACTED_ON} == ACTED_ON
    assert record.approval is not None
    assert status["approval"] == to_json(replace(record.approval, comment=""))
    assert status["stages"] == [to_json(each) for each in record.stages]
    assert status["settings"]["model_name"] == record.model_name
    assert status["settings"]["endpoint_name"] == "e" * 32
    assert text not in status["metrics"]
    assert set(status["metrics"]) <= set(record.metrics)
    assert status == custom_status(record, can_cancel=True, waiting_for=text)


def test_fields_are_cut_in_a_fixed_order_and_only_until_the_status_fits() -> None:
    order = ["notes", "gate", "waiting_for", "settings", "dataset"]
    numbers = []
    for letters in range(13, 34):
        record, waiting_for = growing(letters)
        status = custom_status(record, can_cancel=True, waiting_for=waiting_for)
        whole = {
            "notes": record.notes,
            "gate": to_json(record.gate),
            "waiting_for": waiting_for,
            "settings": to_json(record.settings),
            "dataset": record.dataset,
        }
        cut = [field for field in order if status[field] != whole[field]]
        assert cut == order[: len(cut)]
        if cut:
            assert length(status | {cut[-1]: whole[cut[-1]]}) > 7_500
        numbers.append(len(cut))
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, len(order))


def growing(letters: int) -> tuple[RunRecord, str]:
    """A record, and what its run waits for, that grow with `letters`: from 13 on, each of the texts is cut
    if it has to be; up to 33, none of them is if the status fits."""
    text = "数" * letters
    record = longest_record("ab")
    assert record.gate is not None
    assert record.settings is not None
    record = replace(
        record,
        metrics=dict(list(record.metrics.items())[4:]),
        notes=[text] * 5,
        gate=replace(record.gate, reasons=[text * 2] * 3),
        settings=replace(record.settings, label=text * 7),
        dataset=text * 6,
    )
    return record, text * 5


def test_a_run_that_has_just_begun_has_a_short_custom_status() -> None:
    begun = replace(claimed(REQUEST), stages=[StageTimes("inspect_dataset", TIME)])
    status = custom_status(begun, can_cancel=True)
    assert (status["gate"], status["settings"], begun.run_id) == (None, None, RUN)
    assert length(status) < 1_000
