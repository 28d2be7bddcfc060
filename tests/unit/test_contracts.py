"""Contracts and their JSON: what one step writes into the history, the next one can read."""

import dataclasses
import json
import types
import typing
from typing import Any

import pytest

from orchestrators.waiting import Generation
from runs import contracts, findings, record, steps
from runs.contracts import Dataset, Polling, RunRequest, RunSettings, Upload, from_json, to_json
from runs.findings import (
    Baseline,
    ChampionComparison,
    Choice,
    ChoiceCandidate,
    Dropped,
    Floor,
    Gate,
    OutOfFold,
)
from runs.record import Approval, Failure, RunRecord, StageTimes
from runs.steps import Champion, Progress, TrainedModel, TrainingInput, TrainingStatus, Wait

UPLOAD = Upload("c", "datasets/iris_csv.csv", "0x8DC", "2026-01-01T00:00:00.000000Z")
SETTINGS = RunSettings(
    label="species",
    model_name="m",
    endpoint_name="e",
    epochs=50,
    lr=0.1,
    min_accuracy=0.0,
    training_timeout=86400,
    keep_deployments=2,
    compute_name="cpu-cluster",
    vm_size="Standard_DS3_v2",
    task="classification",
    algorithm="linear",
    training_budget=10.0,
    rare_classes="refuse",
    class_weights="equal",
    max_rmse=0.0,
    tolerance=0.01,
    approval="none",
    approval_timeout=259200,
    uncompared_champion="approval",
)
CHAMPION = Champion("m:1", "runs/r", "run-1")
GATE = Gate(
    "keep_champion",
    ["why"],
    "accuracy",
    0.8,
    Floor("min_accuracy", 0.9, passed=False),
    Baseline(
        "majority class",
        0.3,
        30,
        [-0.6, -0.3],
        passed=True,
        out_of_fold=OutOfFold("log_loss", 120, 0.4, 1.1, [-0.9, -0.5]),
    ),
    ChampionComparison("m:1", 30, 0.9, 0.8, 0.01, [0.02, 0.2], passed=False),
)
REQUEST = RunRequest("iris-1", UPLOAD, {"epochs": 3}, "http", "2026-01-01T00:00:00.000000Z")
RECORD = RunRecord(
    run_id="iris-1",
    status="Failed",
    dataset="iris_csv.csv",
    upload=UPLOAD,
    source="event",
    claimed_at="2026-01-01T00:00:00.000000Z",
    given_settings={"epochs": 3},
    settings=SETTINGS,
    stages=[StageTimes("inspect_dataset", "a", "b"), StageTimes("wait", "c")],
    metrics={"accuracy": 0.97},
    predictions=["x"],
    error=Failure("wait", "TrainingFailed", "why"),
    warnings=["w"],
    task="classification",
    algorithm="boosting",
    verdict="keep_champion",
    gate=GATE,
    notes=["n"],
    dropped_columns=[Dropped("id", "unique")],
    dropped_rows=3,
    approval=Approval("rejected", "somebody", "2026-01-02T00:00:00.000000Z", "no"),
    report="runs/iris-1/report.html",
    choice=Choice(
        "RMSE", 80, 5, "boosting", [ChoiceCandidate("boosting", "30 rounds", None, 0.5, 80, weight=1.0)]
    ),
)
DATASET = Dataset(UPLOAD, 1, 2, "species", SETTINGS, Polling(30, 300, 2, 30))
ALL = [
    each
    for module in (contracts, findings, record, steps)
    for each in vars(module).values()
    if dataclasses.is_dataclass(each) and isinstance(each, type) and each.__module__ == module.__name__
]


@pytest.mark.parametrize(
    "value",
    [
        UPLOAD,
        REQUEST,
        SETTINGS,
        DATASET,
        RECORD,
        dataclasses.replace(RECORD, settings=None, error=None, stages=[]),
        dataclasses.replace(RECORD, gate=None, approval=None, choice=None, dropped_columns=[]),
        GATE,
        Gate("keep_champion", [], "rmse", 2.0, None, Baseline("mean", 3.0, 2, None, False, "too few"), None),
        dataclasses.replace(GATE, champion=ChampionComparison("m:1", 0, None, None, 0.01, None, True, "why")),
        TrainingInput("iris-1", "0x8DC", CHAMPION),
        TrainedModel("iris-1", "0x8DC", "p", CHAMPION),
        TrainingStatus("Failed", exit_code=0),
        TrainingStatus("Succeeded", model_path="p"),
        Generation(REQUEST),
        Generation(REQUEST, is_first=False),
        Progress(RECORD, Wait(DATASET, CHAMPION, 45.0, "2026-01-02T00:00:00+00:00")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_contract_survives_json(value: Any) -> None:
    assert from_json(type(value), json.loads(json.dumps(to_json(value)))) == value


def test_unknown_fields_are_ignored() -> None:
    more = to_json(RECORD) | {"approved_by": "somebody"}
    more["upload"] |= {"version_id": "7"}
    more["stages"][0] |= {"attempts": 2}
    assert from_json(RunRecord, more) == RECORD


def test_missing_fields_get_their_default() -> None:
    less = to_json(RECORD)
    del less["warnings"], less["predictions"], less["schema_version"], less["gate"], less["approval"]
    del less["choice"]
    del less["stages"][1]["ended"]
    read = from_json(RunRecord, less)
    assert (read.warnings, read.predictions, read.schema_version) == ([], [], 1)
    assert (read.gate, read.approval, read.choice) == (None, None, None)
    assert read.stages == RECORD.stages


def test_a_field_without_a_default_must_be_there() -> None:
    short = to_json(UPLOAD)
    del short["etag"]
    with pytest.raises(TypeError, match="etag"):
        from_json(Upload, short)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.__name__)
def test_every_contract_is_frozen_and_of_types_that_json_can_carry(contract: Any) -> None:
    assert contract.__dataclass_params__.frozen
    for hint in typing.get_type_hints(contract).values():
        assert carried(hint), hint


def carried(hint: Any) -> bool:
    if hint in (str, int, float, bool, type(None), Any) or dataclasses.is_dataclass(hint):
        return True
    if typing.get_origin(hint) is typing.Literal:
        return True
    if isinstance(hint, types.UnionType) and len(set(typing.get_args(hint)) - {type(None)}) != 1:
        return False  # JSON does not say of which of two types a value was
    return all(carried(inner) for inner in typing.get_args(hint)) and bool(typing.get_args(hint))


def test_a_dataset_is_named_by_its_file() -> None:
    assert UPLOAD.dataset == "iris_csv.csv"
    assert Upload("c", "datasets/datasets/x.csv", "", "").dataset == "datasets/x.csv"
