"""Data Factory, the Batch node and the trainer work as one identity, which is refused without its roles.

With the broad roles, with the narrow ones, and with keys in a Key Vault: what the templates deploy for each.
"""

import logging
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
from localcloud.home import Home
from localcloud.identities import client_id_of

from activities.training import start_training
from runs.steps import TrainingStatus
from tests.checkout import CHECKOUT
from tests.integration.roles.stage import (
    Stage,
    begin,
    check_refusal,
    ended,
    in_cases,
    order_of,
    proves,
    train,
    uploaded,
    wait_for,
)
from touchdown.local.deploying import outputs
from touchdown.local.names import identity_id

pytestmark = pytest.mark.integration

DATA_FACTORY = {
    "defaults": ("trainingManagesBatch", "trainingOwnsDataAccount"),
    "narrow": ("trainingSubmitsTasks", "trainingUsesDataAccount"),
    "key-vault": ("trainingReadsBatchKey", "trainingReadsStorageKey"),
}
"""By case of tests/bicep, what Data Factory needs to submit a task."""
NODE = {case: names[1] for case, names in DATA_FACTORY.items() if case != "key-vault"}
"""By case, what a node and the trainer need. With keys it is as in the case "defaults"."""
UPLOAD = """
from pathlib import Path
from job import Destination
from refusals import TrainingRefusedError
from storage import open_container, read_bytes
from uploading import RunUpload

to = Destination({container!r}, "", {account!r}, {client_id!r})
folder = Path({folder!r})
try:
    RunUpload(open_container(to), "runs/{unique}").finish(folder)
    print(len(read_bytes(open_container(to), "runs/{unique}/0/run/artifacts/model/MLmodel")))
except TrainingRefusedError as error:
    print(error)
"""


@in_cases(*DATA_FACTORY)
@proves(*(name for names in DATA_FACTORY.values() for name in names))
def test_without_its_roles_data_factory_fails_the_training_and_the_run_says_which_it_needs(
    stage: Stage, unique: str, case: str
) -> None:
    for name in DATA_FACTORY[case]:
        with stage.assignments.without(name) as taken:
            status = begin(stage, f"{unique}{name[-9:].lower()}")
        assert status.status == "Failed"
        check_refusal(status.message, name, taken)
    assert begin(stage, unique).status == "Cancelled"


@in_cases("narrow")
def test_with_the_narrow_roles_a_model_is_trained(stage: Stage, unique: str, case: str) -> None:
    assert train(stage, unique) == TrainingStatus("Succeeded", model_path=stage.trained[-1].mlmodel)


@in_cases(*NODE)
@proves(*NODE.values())
def test_without_its_role_a_node_cannot_copy_the_trainer(stage: Stage, unique: str, case: str) -> None:
    with ExitStack() as restored:
        with stage.controls.fault("batch.task", "delay", seconds=60) as held:
            training = start_training(order_of(stage, uploaded(stage, unique)), stage.clients)
            wait_for(lambda: stage.controls.taken(held))
            taken = restored.enter_context(stage.assignments.without(NODE[case]))
        status = ended(stage, training)
    assert status.status == "Failed"
    assert "Access for one of the specified Azure Blob(s) is denied" in status.message
    check_refusal(status.message, NODE[case], taken)


def as_trainer(home: Home, code: str) -> str:
    """What the trainer's own code prints on a node, with the identity of the pool."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **home.trust(), **home.identity("pool"), "PYTHONPATH": str(CHECKOUT / "trainer")},
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@in_cases(*NODE)
@proves(*NODE.values())
def test_without_its_role_the_trainer_cannot_leave_its_model(
    stage: Stage, unique: str, case: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mlruns") / "0" / "run"
    (folder / "artifacts" / "model").mkdir(parents=True)
    (folder / "artifacts" / "model" / "MLmodel").write_text("{}")
    values = outputs(stage.home)
    code = UPLOAD.format(
        container=values["CONTAINER"],
        account=values["STORAGE_URL"],
        client_id=client_id_of(identity_id("training")),
        folder=str(folder),
        unique=unique,
    )
    with stage.assignments.without(NODE[case]):
        words = as_trainer(stage.home, code)
    assert words.startswith("cannot upload")
    assert values["CONTAINER"] in words
    assert "the identity needs a role to read and write blobs of the container" in words
    check_refusal(words, NODE[case])
    assert as_trainer(stage.home, code) == "2"


@in_cases("defaults")
@proves("appReadsTrainingLogs")
def test_without_its_role_the_app_cannot_read_why_the_trainer_refused(
    stage: Stage, unique: str, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    order = order_of(stage, uploaded(stage, unique), label="absent")
    with stage.assignments.without("appReadsTrainingLogs") as taken, caplog.at_level(logging.WARNING):
        training = start_training(order, stage.clients)
        assert ended(stage, training).stderr == ""
    (logged,) = [
        each.getMessage() for each in caplog.records if "stderr of a failed task" in each.getMessage()
    ]
    check_refusal(logged, "appReadsTrainingLogs", taken)
    assert "absent" in ended(stage, training).stderr
