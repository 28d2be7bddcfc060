"""What a training has left becomes a result or a refusal, whatever the files hold."""

import json
from typing import Any

import pytest

from activities.training_result import read_training_result
from runs.errors import RefusedError
from runs.steps import Champion, TrainedModel, TrainingResult
from tests.unit.kept import kept
from tests.unit.rehearsed import RUN, SETTINGS, UPLOAD
from tests.unit.wire import Blobs, Wire

FOLDER = f"runs/{RUN}/0/ab12/artifacts"
MODEL = f"{FOLDER}/model/MLmodel"
METRICS = f"{FOLDER}/metrics.json"
FLAVORS = b"flavors:\n  python_function: {}\n"
GATE = {
    "verdict": "deploy",
    "reasons": [],
    "metric": "accuracy",
    "value": 0.97,
    "floor": None,
    "baseline": {
        "name": "majority class",
        "value": 0.34,
        "rows": 30,
        "interval": [-0.79, -0.4],
        "passed": True,
    },
    "champion": None,
}
DOCUMENT = {
    "schema_version": 2,
    "run_id": RUN,
    "dataset": {"etag": UPLOAD.etag},
    "task": SETTINGS.task,
    "metrics": {"accuracy": 0.97},
    "gate": GATE,
}
"""The least that a metrics.json holds, if its model is to be deployed."""


def read(metrics: bytes, model: bytes = FLAVORS) -> TrainingResult:
    """The result of a training that has left these two files."""
    blobs = Blobs()
    blobs.put(MODEL, model)
    blobs.put(METRICS, metrics)
    trained = TrainedModel(RUN, UPLOAD.etag, MODEL, Champion())
    return read_training_result(trained, kept(Wire(blobs).clients()))


def result(**changes: Any) -> TrainingResult:
    return read(json.dumps(DOCUMENT | changes).encode())


def refusal(metrics: bytes, model: bytes = FLAVORS) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        read(metrics, model)
    return refused.value


def test_a_document_without_the_rest_is_a_result_that_is_empty_there() -> None:
    found = result()
    assert (found.verdict, found.metrics, found.folder) == ("deploy", {"accuracy": 0.97}, f"{FOLDER}/model")
    assert (found.mlflow_run_id, found.label, found.algorithm, found.report) == ("", "", "", "")
    assert (found.features, found.classes, found.dropped_rows) == (0, 0, 0)
    assert (found.notes, found.dropped_columns) == ([], [])


@pytest.mark.parametrize(
    ("stated", "rows"),
    [
        ({"missing_label": 3}, 3),
        ({"missing_label": 0}, 0),
        ({"missing_label": "3"}, 0),
        ({"missing_label": None}, 0),
        ({"missing_label": 2.5}, 0),
        ({"missing_label": [3]}, 0),
        ({}, 0),
        (None, 0),
        (3, 0),
        ([3], 0),
    ],
    ids=str,
)
def test_only_a_whole_number_is_a_number_of_dropped_rows(stated: Any, rows: int) -> None:
    assert result(dropped_rows=stated).dropped_rows == rows


@pytest.mark.parametrize("metrics", [b"[]", b"null", b"7", b'"text"', b"[{}]"])
def test_metrics_that_are_no_object_are_not_those_of_the_run(metrics: bytes) -> None:
    refused = refusal(metrics)
    assert refused.code == "WrongModel"
    assert f"not by run {RUN} on {UPLOAD.etag}" in str(refused)


@pytest.mark.parametrize("metrics", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_metrics_that_are_not_json_are_refused_by_their_path(metrics: bytes) -> None:
    refused = refusal(metrics)
    assert refused.code == "InvalidModel"
    assert str(refused).startswith(f"{METRICS}: it is not JSON: ")


@pytest.mark.parametrize(
    "model",
    [b"", b"text", b"[1]", b"7", b"flavors:", b"flavors: python_function", b"flavors: {sklearn: {}}"],
)
def test_a_model_that_cannot_be_scored_with_is_refused(model: bytes) -> None:
    refused = refusal(json.dumps(DOCUMENT).encode(), model)
    assert (refused.code, str(refused)) == (
        "InvalidModel",
        f"{MODEL}: it has no python_function flavor, which batch endpoints score with.",
    )


MERGES = b"a0: &a0 {x: 1}\n" + b"".join(
    b"a%d: &a%d\n  <<: [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 9))
    for level in range(1, 12)
)
"""Eleven levels of merges of nine others: 31 billion pairs, if they are carried out."""


@pytest.mark.parametrize(
    "rest",
    [MERGES, b"a: " + b"9" * 5000, b"a: 2026-99-99", b"a: 1:" + b"59:" * 3000 + b"59"],
    ids=["merges", "digits", "a date that is none", "base 60"],
)
def test_what_else_a_model_says_is_not_interpreted(rest: bytes) -> None:
    assert read(json.dumps(DOCUMENT).encode(), FLAVORS + rest).verdict == "deploy"


def test_a_model_of_too_many_values_is_refused_before_all_are_made() -> None:
    refused = refusal(json.dumps(DOCUMENT).encode(), FLAVORS + b"a:\n" + b"- b\n" * 100_000)
    assert (refused.code, str(refused)) == (
        "InvalidModel",
        f"{MODEL}: it cannot be read as YAML: it has more than 10,000 values",
    )


@pytest.mark.parametrize("name", ["label", "mlflow_run_id"])
def test_a_text_that_a_record_keeps_is_cut(name: str) -> None:
    assert getattr(result(**{name: "x" * 1000}), name) == "x" * 256


def test_a_metric_whose_name_no_record_can_hold_is_none() -> None:
    assert result(metrics={"accuracy": 0.97, "x" * 257: 1.0}).metrics == {"accuracy": 0.97}


@pytest.mark.parametrize("model", [b"a: b: c", b"\xff\xfe\xfd", b"{", b"[" * 5000])
def test_a_model_that_is_not_yaml_is_refused_by_its_path(model: bytes) -> None:
    refused = refusal(json.dumps(DOCUMENT).encode(), model)
    assert refused.code == "InvalidModel"
    assert str(refused).startswith(f"{MODEL}: it cannot be read as YAML: ")


@pytest.mark.parametrize(
    "changes",
    [{"run_id": "another"}, {"run_id": None}, {"dataset": {"etag": "0x8DD"}}, {"dataset": [UPLOAD.etag]}],
    ids=["of another run", "of no run", "on another version", "on no version"],
)
def test_a_model_that_the_run_did_not_train_on_its_upload_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(json.dumps(DOCUMENT | changes).encode()).code == "WrongModel"
