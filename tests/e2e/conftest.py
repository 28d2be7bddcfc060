"""One stack for all end-to-end tests, which use different dataset names so as not to affect each other.

Training and scoring are real, so each test checks as much as it can with few runs. A fault applies only to
the names of the test that arms it, and is disarmed after the test.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from localcloud.controls import Controls
from localcloud.home import Home, Ports
from localcloud.stack import Stack

from runs import naming
from tests.checkout import CHECKOUT
from tests.secrets_left import secrets_left
from tests.unit.touchdown.commands import Answer, run
from touchdown import local
from touchdown.client import ML_API_VERSION, Client, UploadedDataset
from touchdown.local.names import FACTORY_ID

QUICK = {
    "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS": "1",
    "TOUCHDOWN_RUN_POLLING_CAP_SECONDS": "2",
    "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS": "0.1",
    "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS": "1",
}
WIDENED = {"TOUCHDOWN_METADATA_SETTINGS": "keep_deployments,compute_name"}
"""What metadata may not set by itself, and tests set with their uploads."""
LIMIT = 180.0
"""Time limit of a run in seconds, on a machine that is busy with other processes."""
SELDOM = 0.5
"""Seconds between two looks at whether a run has ended; each takes 10 ms of a processor."""


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home.open(tmp_path_factory.mktemp("e2e") / "home", Ports.free())
    # Tests hold a training by its epochs. The default is shown where users begin: with the dataset of the
    # lab, in the documents and on the command line.
    settings = QUICK | {"TOUCHDOWN_ALGORITHM": "linear"} | WIDENED
    with local.start(home, CHECKOUT, app_settings=settings) as running:
        yield running
    assert not secrets_left(home.root)


@pytest.fixture
def client(cloud: Stack) -> Iterator[Client]:
    with Client(local.target(cloud.home)) as made:
        yield made


@pytest.fixture
def controls(cloud: Stack) -> Iterator[Controls]:
    yield cloud.controls
    cloud.controls.disarm()


@pytest.fixture
def command(cloud: Stack) -> Callable[..., Answer]:
    """Runs a command of `touchdown` on the stack, in this process."""
    return lambda *arguments: run(*arguments, "--home", str(cloud.home.root))


@pytest.fixture
def name() -> str:
    """A dataset name, without its extension, that no other test uses."""
    return f"t{uuid4().hex[:10]}"


def rows(shift: int = 0, count: int = 120) -> bytes:
    """A CSV of two numbers and two classes that are linearly separable; `shift` changes the content.

    No two rows are equal, and a fifth of them are enough to tell a model from the baseline.
    """
    lines = ["width,height,kind"]
    for number in range(count):
        kind = number % 2
        lines.append(f"{number % 7 + 10 * kind + shift}.{number:03},{number % 5 + 6 * kind},{'ab'[kind]}")
    return ("\n".join(lines) + "\n").encode()


Json = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A dataset whose model is served, which several tests challenge with another. run: of the model."""

    file: str
    run: Json


@pytest.fixture(scope="session")
def classes(cloud: Stack) -> Served:
    """No test may change which deployment its endpoint serves, or which deployments it has."""
    file = f"t{uuid4().hex[:10]}.csv"
    with Client(local.target(cloud.home)) as client:
        return Served(file, succeeded(client, client.upload(rows(count=200), file).run_id))


def stage_is(*stages: str) -> Callable[[Json], bool]:
    return lambda run: run.get("stage") in stages or run["status"] != "Running"


def finished(client: Client, run_id: str) -> Json:
    return client.wait(run_id, limit=LIMIT, interval=SELDOM)


def succeeded(client: Client, run_id: str) -> Json:
    run = finished(client, run_id)
    assert run["status"] == "Succeeded", run["error"]
    return run


def failed(client: Client, run_id: str) -> Json:
    run = finished(client, run_id)
    assert run["status"] == "Failed"
    assert run["error"]["message"]
    return run


def deployments(client: Client, endpoint: str) -> list[Json]:
    listed = client.resource_manager(
        "GET",
        f"{client.target.workspace_path}/batchEndpoints/{endpoint}/deployments",
        params={"api-version": ML_API_VERSION},
    )
    return list(listed["value"])


def endpoint_of(client: Client, name: str) -> str:
    """The endpoint that a run of the dataset `name`.csv makes."""
    return naming.endpoint_name(naming.model_name(f"{name}.csv"), client.target.workspace_path)


def versions(client: Client, model: str) -> list[Json]:
    listed = client.resource_manager(
        "GET",
        f"{client.target.workspace_path}/models/{model}/versions",
        params={"api-version": ML_API_VERSION},
    )
    return list(listed["value"])


def default(client: Client, endpoint: str) -> str:
    return str((client.endpoint(endpoint)["properties"].get("defaults") or {}).get("deploymentName") or "")


def pipeline_runs(client: Client, run_id: str) -> list[Json]:
    """Every pipeline run that carries a run's id."""
    listed = client.resource_manager(
        "POST",
        f"{FACTORY_ID}/queryPipelineRuns",
        params={"api-version": "2018-06-01"},
        json={"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"},
    )
    return [each for each in listed["value"] if (each.get("parameters") or {}).get("runId") == run_id]


def run_names(client: Client, upload: UploadedDataset) -> list[str]:
    """The ids of all runs of a dataset."""
    return [line["run_id"] for line in client.runs(dataset=upload.dataset)]


def iris(folder: Path) -> Path:
    """The lab's CSV, as scripts/make_iris.py writes it."""
    target = folder / "iris_csv.csv"
    subprocess.run([sys.executable, str(CHECKOUT / "scripts" / "make_iris.py"), str(target)], check=True)
    return target
