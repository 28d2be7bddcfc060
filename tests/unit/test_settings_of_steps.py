"""A step acts by the settings that inspect_dataset has written for its run, whatever its input says."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from activities.champion import find_champion
from activities.model_registry import register_model
from activities.promotion import delete_deployment, promote, prune_deployments
from activities.provisioning import deploy_model, ensure_compute, ensure_endpoint
from activities.smoke_test import smoke_test
from activities.training import start_training
from activities.training_result import read_training_result
from runs import naming
from runs.contracts import Json, from_json, to_json
from runs.errors import RefusedError
from runs.steps import (
    Champion,
    CleanUp,
    DeploymentInput,
    ModelInput,
    PolledStep,
    PromotionInput,
    RunStep,
    SmokeTestInput,
    TrainedModel,
    TrainingInput,
)
from services import run_files, run_store
from services.clients import Clients
from tests.unit.kept import kept
from tests.unit.machine_learning import PUBLIC, Workspace
from tests.unit.rehearsed import (
    DEPLOYMENT,
    LATER,
    MODEL,
    PIPELINE_RUN,
    REQUEST,
    RESULT,
    RUN,
    SETTINGS,
    UPLOAD,
)
from tests.unit.wire import SETTINGS as APP
from tests.unit.wire import Answer, Blobs, Sent, Wire

VERSION = (RUN, UPLOAD.etag)
OTHER_RUN = "others-csv-aaaaaaaaaaaaaaaa"
FILE = naming.app_file(RUN, run_files.SETTINGS)


@dataclass
class Azure:
    """Storage, Data Factory and a workspace behind a Wire, which answers and counts what steps ask."""

    blobs: Blobs = field(default_factory=Blobs)
    workspace: Workspace = field(init=False)
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.workspace = Workspace(blobs=self.blobs)
        self.workspace.job("job-1", "Running")
        self.wire = Wire(self)
        run_store.claim(REQUEST, self.clients)
        kept(self.clients, endpoint_name="own", model_name="own", compute_name="own")
        self.wire.sent.clear()

    @property
    def clients(self) -> Clients:
        return self.wire.clients(PUBLIC)

    def __call__(self, sent: Sent) -> Answer:
        if sent.path.endswith("/queryPipelineRuns"):
            return Answer(200, {"value": []})
        if sent.path.endswith("/createRun"):
            return Answer(200, {"runId": PIPELINE_RUN})
        if sent.path.endswith("/versions"):
            return Answer(200, {"value": []})
        answer = self.workspace(sent)
        if sent.method == "PUT" and "/versions/" in sent.path:
            sent.body["properties"]["flavors"] = {}
            return replace(answer, body={"id": sent.path.removeprefix(PUBLIC.resource_manager), **sent.body})
        return answer

    @property
    def beyond_storage(self) -> list[Sent]:
        return [each for each in self.wire.sent if not each.path.startswith(APP.storage_url)]


STEPS: dict[str, tuple[Callable[..., Any], RunStep]] = {
    "find_champion": (find_champion, RunStep(*VERSION)),
    "start_training": (start_training, TrainingInput(*VERSION, Champion())),
    "read_training_result": (read_training_result, TrainedModel(*VERSION, MODEL, Champion())),
    "register_model": (register_model, ModelInput(*VERSION, RESULT)),
    "ensure_compute": (ensure_compute, PolledStep(*VERSION)),
    "ensure_endpoint": (ensure_endpoint, PolledStep(*VERSION)),
    "deploy_model": (deploy_model, DeploymentInput(*VERSION, "1")),
    "smoke_test": (smoke_test, SmokeTestInput(*VERSION, RESULT.folder, "job-1")),
    "promote": (promote, PromotionInput(*VERSION)),
    "prune_deployments": (prune_deployments, PolledStep(*VERSION)),
    "delete_deployment": (delete_deployment, CleanUp(*VERSION)),
}
"""The steps that act on settings, with what the orchestrator tells them."""


def refused(name: str, azure: Azure, **changes: Any) -> RefusedError:
    step, told = STEPS[name]
    with pytest.raises(RefusedError) as why:
        step(replace(told, **changes), azure.clients)
    return why.value


UNREADABLE = {
    "empty": b"",
    "no JSON": b'{"upload":',
    "no text": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "nothing": b"null",
    "a text": b'"upload"',
    "without settings": json.dumps({"upload": asdict(UPLOAD)}).encode(),
    "settings of another kind": json.dumps({"upload": asdict(UPLOAD), "settings": 7}).encode(),
}
"""What nobody could act on."""


@pytest.mark.parametrize("name", STEPS)
def test_without_the_settings_in_storage_no_step_does_anything(name: str) -> None:
    azure = Azure()
    del azure.blobs.blobs[FILE]
    why = refused(name, azure)
    assert (why.code, azure.beyond_storage) == ("SettingsLost", [])
    assert str(why).startswith(f"run {RUN}: {FILE}, which has the settings of the run, is missing. ")
    assert '"rerun": true' in str(why)


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_settings_that_cannot_be_read_are_refused_in_words_that_say_so(content: bytes) -> None:
    azure = Azure()
    azure.blobs.put(FILE, content)
    why = refused("ensure_compute", azure)
    assert (why.code, azure.beyond_storage) == ("SettingsLost", [])
    assert f"{FILE}, which has the settings of the run, cannot be read: " in str(why)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_is_told_of_another_version_takes_no_settings(name: str) -> None:
    """So is a step whose run has been inspected once more since, by an attempt that was thought lost."""
    azure = Azure()
    told = refused(name, azure, etag=LATER.etag)
    kept(azure.clients, upload=LATER)
    inspected = refused(name, azure)
    assert (told.code, inspected.code, azure.beyond_storage) == ("WrongRun", "WrongRun", [])
    assert f'of version "{UPLOAD.etag}" of its dataset' in str(told)
    assert f'of version "{LATER.etag}" of its dataset' in str(inspected)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_takes_the_settings_of_no_other_run(name: str) -> None:
    """An input that names another run is about a version which that run has not inspected."""
    azure = Azure()
    other = replace(UPLOAD, path="datasets/others.csv", etag="0xB")
    run_store.claim(replace(REQUEST, run_id=OTHER_RUN, upload=other), azure.clients)
    kept(azure.clients, run_id=OTHER_RUN, upload=other, endpoint_name="others")
    assert (refused(name, azure, run_id=OTHER_RUN).code, azure.beyond_storage) == ("WrongRun", [])


FORGED = asdict(SETTINGS) | {
    "settings": asdict(SETTINGS),
    "endpoint_name": "others",
    "model_name": "others",
    "compute_name": "others",
    "name": "others",
    "endpoint": "others",
    "deployment": "others",
    "compute": "others",
    "vm_size": "Standard_ND96",
    "keep": 0,
    "take_over": True,
    "upload": asdict(replace(UPLOAD, path="datasets/others.csv")),
}
"""What an input says that was made for an earlier version of the app, or by somebody else."""


@pytest.mark.parametrize("name", [name for name in STEPS if name != "read_training_result"])
def test_settings_in_an_input_change_nothing_of_what_a_step_asks_for(name: str) -> None:
    step, told = STEPS[name]

    def asked(given: Json) -> tuple[set[str], list[tuple[str, Any]]]:
        """The addresses that the step asked, and what it sent to which."""
        azure = Azure()
        azure.workspace.endpoint("own", default="run-0")
        azure.workspace.deployment("own", "run-0", tags={"uploaded": "2025-01-01T00:00:00.000000Z"})
        if name in ("promote", "delete_deployment"):
            azure.workspace.deployment("own", DEPLOYMENT, tags={"uploaded": UPLOAD.uploaded_at})
        step(from_json(type(told), given), azure.clients)
        asked = {each.path for each in azure.beyond_storage if "/operations/" not in each.path}
        assert asked
        return asked, [(each.path, each.body) for each in azure.beyond_storage if each.method == "PUT"]

    honest = asked(to_json(told))
    assert asked(FORGED | to_json(told)) == honest
    assert not any("others" in json.dumps(each, default=str) for each in honest)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_reads_its_settings_once(name: str) -> None:
    step, told = STEPS[name]
    azure = Azure()
    with suppress(RefusedError, AzureError):  # what becomes of the step is asked elsewhere
        step(told, azure.clients)
    assert len([each for each in azure.wire.sent if each.path.endswith(FILE)]) == 1
