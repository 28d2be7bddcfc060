"""What the proofs of role assignments share: the running cloud, the app's steps, and what they say."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from localcloud.controls import Controls
from localcloud.home import Home

from activities.training import cancel_training, get_training_status, start_training
from runs import naming
from runs.contracts import Dataset, Upload
from runs.errors import RefusedError
from runs.steps import Champion, CleanUp, Training, TrainingInput, TrainingStatus
from scripts.assigned_roles import assignments
from services import run_files
from services.clients import Clients
from services.errors import explain
from tests.integration import actors
from tests.integration.product.test_serving import SETTINGS
from tests.integration.roles.assignments import Assignments, Json

LIMIT = 120.0
ROWS = ("a,kind", *(f"{number % 7 + 10 * (number % 2)},{'xy'[number % 2]}" for number in range(40)))
PROVED: dict[str, set[str]] = defaultdict(set)
"""By module, the names of the assignments that its tests say they take away and put back."""


@dataclass(frozen=True)
class Trained:
    """A training that has succeeded. folder: of its MLflow model."""

    run_id: str
    upload: Upload
    mlmodel: str


@dataclass(frozen=True)
class Stage:
    """clients: the app's, with its managed identity. trained: the newest training that has succeeded."""

    home: Home
    controls: Controls
    clients: Clients
    assignments: Assignments
    trained: list[Trained] = field(default_factory=list)

    def model(self, unique: str) -> Trained:
        """A model, which is trained if no test has trained one yet."""
        if not self.trained:
            train(self, unique)
        return self.trained[-1]


def in_cases(*cases: str) -> pytest.MarkDecorator:
    """Run a test on what the templates deploy in cases of tests/bicep; it gets the fixture `case`."""
    return pytest.mark.parametrize("case", cases, indirect=True, scope="module")


def proves(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which assignments a test takes away, to see the refusal, and puts back, to see the call work.

    The fixture `stage` compares this with what the tests of a module have taken away.
    """

    def told(test: Callable[..., None]) -> Callable[..., None]:
        PROVED[test.__module__].update(names)
        return test

    return told


def refusal(call: Callable[[], object]) -> str:
    """What the app says, as its activities do, where a call is refused; "" where it works."""
    try:
        call()
    except RefusedError as error:
        return str(error)
    except AzureError as error:
        meaning = explain(error)
        assert isinstance(meaning, RefusedError), meaning
        return str(meaning)
    return ""


def check_refusal(words: str, name: str, assignment: Json | None = None) -> None:
    """Check that a refusal names the role that was taken away, its scope in words, and the resource itself.

    assignment: None where Azure does not tell which resource it was.
    """
    assigned = assignments()[name]
    resource = assignment["properties"]["scope"].rpartition("/")[2] if assignment else ""
    for each in (assigned.role, assigned.scope, resource):
        assert each in words, f"{each} is not in: {words}"


def wait_for[T](find: Callable[[], T]) -> T:
    """What `find` finds; it is asked again until that is true."""
    deadline = time.monotonic() + LIMIT
    while not (found := find()):
        assert time.monotonic() < deadline, f"nothing was found within {LIMIT} s"
        time.sleep(0.2)
    return found


# --- Training -----------------------------------------------------------------------------------------


def uploaded(stage: Stage, unique: str, rows: tuple[str, ...] = ROWS) -> Upload:
    """A dataset that who deploys has uploaded."""
    path = f"datasets/{unique}.csv"
    answer = actors.publisher().upload_blob(path, "\n".join(rows).encode() + b"\n", overwrite=True)
    etag = answer.get_blob_properties().etag.strip('"')
    return Upload(stage.clients.settings.container, path, etag, "2026-05-01T00:00:00.000000Z")


def told_of(stage: Stage, upload: Upload, **settings: Any) -> tuple[str, str]:
    """Keep the settings of the run of an upload, and return what a step of it is told."""
    resolved = replace(SETTINGS, **settings)
    dataset = Dataset(upload, 100, 2, resolved.label, resolved, stage.clients.settings.polling)
    id_ = naming.run_id(upload.container, upload.path, upload.etag)
    run_files.keep_dataset(id_, dataset, stage.clients)
    return id_, upload.etag


def order_of(stage: Stage, upload: Upload, label: str = "kind") -> TrainingInput:
    return TrainingInput(*told_of(stage, upload, label=label, epochs=20), Champion())


def ended(stage: Stage, training: Training) -> TrainingStatus:
    """The status of a training once it has ended."""

    def find() -> TrainingStatus | None:
        status = get_training_status(training, stage.clients)
        return status if status.status in ("Succeeded", "Failed", "Cancelled") else None

    found = wait_for(find)
    assert found is not None
    return found


def train(stage: Stage, unique: str, label: str = "kind") -> TrainingStatus:
    """Train to the end, and remember a model."""
    upload = uploaded(stage, unique)
    order = order_of(stage, upload, label)
    status = ended(stage, start_training(order, stage.clients))
    if status.status == "Succeeded":
        stage.trained.append(Trained(order.run_id, upload, status.model_path))
    return status


def begin(stage: Stage, unique: str) -> TrainingStatus:
    """Train until the trainer runs on a node, which is then cancelled; or until the training has failed."""
    order = order_of(stage, uploaded(stage, unique))
    earlier = {each["id"] for each in tasks(stage)}
    training = start_training(order, stage.clients)

    def find() -> bool:
        running = [each for each in tasks(stage) if each["state"] == "running" and each["id"] not in earlier]
        return bool(running) or get_training_status(training, stage.clients).status == "Failed"

    wait_for(find)
    left = CleanUp(order.run_id, order.etag, training.pipeline_run_id)
    wait_for(lambda: cancel_training(left, stage.clients).done)
    return get_training_status(training, stage.clients)


def tasks(stage: Stage) -> list[Json]:
    return list(stage.controls.call("GET", "batch/tasks")["value"])
