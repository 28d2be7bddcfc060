"""The definitions that Bicep and localcloud share: app, pipeline, trainer and filters agree."""

import importlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localcloud.datafactory import reading
from localcloud.datafactory.expressions import Values, evaluate
from localcloud.eventgrid.events import BLOB_CREATED, Event

from activities.training import start_training
from runs import naming, settings
from runs.contracts import Json
from runs.run_settings import RUN_SETTINGS
from runs.steps import Champion, TrainingInput
from tests.unit.kept import kept
from tests.unit.rehearsed import PIPELINE_RUN, RUN, UPLOAD
from tests.unit.subscriptions import CONTAINER, subscriptions
from tests.unit.wire import SETTINGS, Answer, Blobs, Sent, Wire
from touchdown.local.names import STORAGE_ID
from triggers.events import CREATED, UNFINISHED_WRITES, on_blob_created

ROOT = Path(__file__).parents[2]
DEFINITIONS = ROOT / "bicep" / "definitions"
PIPELINE: Json = json.loads((DEFINITIONS / "pipeline.json").read_text())
PARAMETERS: Json = PIPELINE["properties"]["parameters"]
(TRAIN,) = PIPELINE["properties"]["activities"]
SUBSCRIPTIONS: list[Json] = json.loads((DEFINITIONS / "subscriptions.json").read_text())
PUBLISHED = {
    "accountUrl": "https://a.blob.core.windows.net",
    "container": "blobs",
    "clientId": "",
    "trainerHash": "0123456789abcdef" * 4,
    "program": "cHJvZ3JhbQ==",
}
"""What bicep/modules/pipeline.bicep writes into the pipeline, by the names in braces."""
ORDER = TrainingInput(
    RUN,
    UPLOAD.etag,
    Champion("iris_classification:6", "runs/older/0/ab/artifacts/model", "run-6", "ab" * 32),
)
RESOLVED: Json = {
    "label": "species",
    "epochs": 50,
    "lr": 0.1,
    "task": "classification",
    "algorithm": "auto",
    "training_budget": 10.0,
    "rare_classes": "merge",
    "class_weights": "balanced",
    "min_accuracy": 0.9,
    "max_rmse": 2.5,
    "tolerance": 0.02,
}
"""The settings of a run that its training is given."""


def filled(document: Any, values: Mapping[str, str]) -> Any:
    """A definition with `values` for the names in braces, as the module of Bicep fills it."""
    text = json.dumps(document)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return json.loads(text)


# --- The pipeline -------------------------------------------------------------------------------------


@pytest.fixture
def factory() -> Wire:
    """A Wire that stands for a Data Factory without pipeline runs, and for storage."""
    blobs = Blobs()

    def answer(sent: Sent) -> Answer:
        if sent.path.endswith("/queryPipelineRuns"):
            return Answer(200, {"value": []})
        if sent.path.endswith("/createRun"):
            return Answer(200, {"runId": PIPELINE_RUN})
        return blobs(sent)

    return Wire(answer)


def passed(factory: Wire, order: TrainingInput = ORDER, resolved: Json = RESOLVED) -> Json:
    """The parameters that start_training sends."""
    clients = kept(factory.clients(replace(SETTINGS, pipeline=PIPELINE["name"])), **resolved)
    assert start_training(order, clients).pipeline_run_id == PIPELINE_RUN
    (create,) = [sent for sent in factory.sent if sent.path.endswith("/createRun")]
    assert create.path.endswith(f"/pipelines/{PIPELINE['name']}/createRun")
    parameters: Json = create.body
    return parameters


def test_the_app_passes_what_the_pipeline_declares_and_nothing_else(factory: Wire) -> None:
    sent = passed(factory)
    assert set(sent) <= set(PARAMETERS)
    types = {"String": str, "Int": int, "Float": float}
    for name, value in sent.items():
        assert type(value) is types[PARAMETERS[name]["type"]], name


def test_the_app_passes_every_parameter(factory: Wire) -> None:
    """A parameter that only the pipeline knows would be one that a person who starts it could choose."""
    assert set(PARAMETERS) == set(passed(factory))


def test_code_hash_container_account_and_identity_are_no_parameters_of_a_run() -> None:
    """Whoever may start the pipeline could have it run other code, with the identity of the nodes."""
    given = TRAIN["typeProperties"]
    assert given["folderPath"] == "{container}/code/{trainerHash}"
    assert given["command"].endswith(" {trainerHash}'")
    for name in ("accountUrl", "container", "clientId"):
        assert given["extendedProperties"][name] == f"{{{name}}}"
    assert not {*PUBLISHED, "codePath"} & set(PARAMETERS)


def test_the_defaults_of_the_settings_are_those_of_the_pipeline(factory: Wire) -> None:
    """A pipeline that a person starts by hand trains as a run without settings does."""
    defaults = {name: RUN_SETTINGS[name].default for name in RESOLVED}
    sent = passed(factory, replace(ORDER, champion=Champion()), defaults)
    left = {"runId", "dataset", "etag"}
    assert sent["maxRows"] == SETTINGS.max_rows
    limits = (SETTINGS.max_text_mib, SETTINGS.max_compression_ratio)
    assert (sent["maxTextMib"], sent["maxCompressionRatio"]) == limits
    assert {name: value for name, value in sent.items() if name not in left} == {
        name: each["defaultValue"] for name, each in PARAMETERS.items() if name in set(sent) - left
    }


def test_a_champion_that_lies_elsewhere_is_not_passed(factory: Wire) -> None:
    sent = passed(factory, replace(ORDER, champion=Champion("bought:1", "", "default")))
    assert (sent["champion"], sent["championModel"]) == ("", "")


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The trainer's module that reads activity.json, found as on a node: by its bare name."""
    monkeypatch.syspath_prepend(ROOT / "trainer")
    for name in ("job", "refusals"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("job")


def test_the_trainer_finds_in_activity_json_what_the_app_has_passed(
    factory: Wire, trainer: ModuleType, tmp_path: Path
) -> None:
    parameters = {name: each.get("defaultValue") for name, each in PARAMETERS.items()}
    parameters |= passed(factory)
    run: dict[str, Any] = {"parameters": parameters, "RunId": PIPELINE_RUN, "Pipeline": "train"}
    activity = evaluate(filled(TRAIN["typeProperties"], PUBLISHED), Values(run))
    (tmp_path / "activity.json").write_text(json.dumps({"name": "Train", "typeProperties": activity}))
    job = trainer.job_of_activity(tmp_path / "activity.json")
    assert (job.run_id, job.pipeline_run_id) == (RUN, PIPELINE_RUN)
    assert (job.dataset, job.etag) == (UPLOAD.path, UPLOAD.etag)
    assert (job.label, job.epochs, job.lr) == ("species", 50, 0.1)
    assert (job.task, job.algorithm, job.rare_classes) == ("classification", "auto", "merge")
    assert (job.training_budget, job.class_weights) == (10.0, "balanced")
    assert (job.min_accuracy, job.max_rmse, job.tolerance) == (0.9, 2.5, 0.02)
    assert (job.champion, job.champion_model) == (ORDER.champion.folder, "iris_classification:6")
    assert job.champion_digest == ORDER.champion.digest
    to = job.destination
    assert (to.account_url, to.container, to.prefix) == (PUBLISHED["accountUrl"], "blobs", f"runs/{RUN}")
    assert to.client_id == ""


def test_the_command_is_a_constant_that_names_nothing_of_a_run() -> None:
    command = TRAIN["typeProperties"]["command"]
    assert isinstance(command, str)
    assert "@" not in command
    assert command == command.strip(), "Batch would never finish"


@pytest.mark.parametrize(
    "hostile", ["a;touch x.csv", "@{pipeline().RunId}", "@pipeline().RunId", "$(id)", "'"]
)
def test_a_hostile_value_stays_the_value_it_is(hostile: str) -> None:
    run: dict[str, Any] = {"parameters": dict.fromkeys(PARAMETERS, hostile), "RunId": PIPELINE_RUN}
    found = evaluate(TRAIN["typeProperties"], Values(run))
    assert isinstance(found, dict)
    assert found["command"] == TRAIN["typeProperties"]["command"]
    extended = found["extendedProperties"]
    assert isinstance(extended, dict)
    assert (extended["dataset"], extended["label"]) == (hostile, hostile)


def test_localcloud_can_read_the_pipeline() -> None:
    reading.read(PIPELINE["name"], filled(PIPELINE["properties"], PUBLISHED))


def test_the_app_gives_up_on_a_training_before_the_pipeline_does() -> None:
    days, hours, minutes, seconds = map(int, re.split(r"[.:]", TRAIN["policy"]["timeout"]))
    limit = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    longest = settings.checked({"training_timeout": "7d"})["training_timeout"]
    assert limit >= timedelta(seconds=longest)


# --- The event subscriptions --------------------------------------------------------------------------


def delivering(path: str, container: str = CONTAINER, kind: str = BLOB_CREATED, **data: Any) -> list[str]:
    """The subscriptions that an event passes."""
    subject = f"/blobServices/default/containers/{container}/blobs/{path}"
    written = {"api": "PutBlob", "eTag": "0x1"} | data
    event = Event("1", STORAGE_ID, subject, kind, "2026-01-01T00:00:00Z", written)
    return [each.name for each in subscriptions() if each.filter.matches(event)]


def test_the_subscriptions_are_the_functions_and_follow_the_writes_that_it_follows() -> None:
    for subscription in SUBSCRIPTIONS:
        rules = subscription["filter"]
        assert rules["includedEventTypes"] == [CREATED]
        *names, writes, lengths = rules["advancedFilters"]
        assert [each["key"] for each in names] == ["subject"] * (subscription["name"] == "datasets")
        assert (writes["operatorType"], writes["key"]) == ("StringNotIn", "data.api")
        assert set(writes["values"]) == UNFINISHED_WRITES
        # NumberGreaterThan would drop an event that does not give the length.
        assert lengths == {"operatorType": "NumberNotIn", "key": "data.contentLength", "values": [0]}
        assert subscription["functionName"] == on_blob_created._function.get_function_name()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("datasets/iris_csv.csv", ["datasets"]),
        ("datasets/IRIS.CSV", ["datasets"]),
        ("datasets/iris.csv.gz", ["datasets"]),
        ("datasets/Iris.Csv.GZ", ["datasets"]),
        ("datasets/iris.gz", []),
        ("datasets/iris.csv.zip", ["datasets"]),
        ("datasets/IRIS.Csv.ZIP", ["datasets"]),
        ("datasets/iris.tsv", ["datasets"]),
        ("datasets/Iris.TXT", ["datasets"]),
        ("datasets/iris.tsv.gz", ["datasets"]),
        ("datasets/iris.txt.zip", ["datasets"]),
        ("datasets/iris.zip", []),
        ("datasets/iris.xlsx", []),
        ("datasets/x y'\"$(id).csv", ["datasets"]),
        (f"runs/{RUN}/0/ab/artifacts/model/MLmodel", ["models"]),
        ("datasets-old/a.csv", []),
        ("datasets/main.py", []),
        ("datasets/0/ab/artifacts/model/MLmodel", []),
        (f"app/runs/{RUN}/run.json", []),
        (f"runs/{RUN}/smoke/sample.csv", []),
        (f"runs/{RUN}/0/ab/artifacts/model/model.pkl", []),
        ("code/1/main.py", []),
    ],
)
def test_only_what_may_be_used_is_delivered(path: str, names: list[str]) -> None:
    assert delivering(path) == names


@pytest.mark.parametrize("path", ["datasets/iris_csv.csv", f"runs/{RUN}/0/ab/artifacts/model/MLmodel"])
def test_unfinished_writes_empty_blobs_and_deletions_are_not_delivered(path: str) -> None:
    for api in UNFINISHED_WRITES:
        assert delivering(path, api=api) == []
    assert delivering(path, contentLength=0) == []
    assert delivering(path, kind="Microsoft.Storage.BlobDeleted") == []


def test_other_containers_are_not_delivered() -> None:
    assert delivering("datasets/iris_csv.csv", container=f"{CONTAINER}2") == []


PATHS = re.compile(
    r"(datasets|runs)(/[a-zA-Z.0-9]{1,9}){0,6}(/[a-zA-Z ]{1,4}\.(csv|CSV|tsv|txt)(\.gz|\.GZ|\.zip)?|/MLmodel)"
)


@given(path=st.from_regex(PATHS, fullmatch=True))
def test_whatever_the_function_uses_passes_exactly_one_subscription(path: str) -> None:
    if naming.is_dataset(path) or naming.run_of_model(path):
        assert len(delivering(path)) == 1
