"""Starts the trainer as its users do: as a process of the trainer's Python, in a new working directory."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.trainer.storage import Identity, Storage, running_azurite, running_identity, without_azure
from tests.trainer.workshop import Workshop, open_workshop

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "trainer" / "main.py"
IRIS_ARGUMENTS = ["--epochs", "50", "--lr", "0.1"]
DEFAULT_SETTINGS = {
    "label": "",
    "task": "",
    "algorithm": "linear",
    "trainingBudget": 10,
    "rareClasses": "refuse",
    "classWeights": "equal",
    "minAccuracy": 0,
    "maxRmse": 0,
    "tolerance": 0.01,
    "maxRows": 0,
    "maxTextMib": 32768,
    "maxCompressionRatio": 100,
    "champion": "",
    "championModel": "",
    "championDigest": "",
}
"""What the pipeline passes on of a run's settings, as far as they have defaults."""


class Trainer(Protocol):
    def __call__(
        self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]": ...


@pytest.fixture(scope="session")
def trainer_python() -> str:
    python = Path(
        os.environ.get("TOUCHDOWN_TRAINER_PYTHON") or ROOT / ".venv-trainer" / "bin" / "python"
    ).absolute()
    if not python.exists():
        pytest.fail(
            f"no trainer environment at {python}; make it as trainer/README.md says, "
            "or name its Python in TOUCHDOWN_TRAINER_PYTHON"
        )
    return str(python)


@pytest.fixture(scope="session")
def trainer(trainer_python: str) -> Trainer:
    def start(
        *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [trainer_python, str(MAIN), *arguments],
            cwd=cwd,
            env=without_azure(os.environ) | dict(env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    return start


@pytest.fixture(scope="session")
def workshop(trainer_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with open_workshop(trainer_python, MAIN.parent, tmp_path_factory.mktemp("workshop")) as opened:
        yield opened


@pytest.fixture(scope="session")
def iris_csv(trainer_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("iris") / "iris_csv.csv"
    subprocess.run([trainer_python, str(ROOT / "scripts" / "make_iris.py"), str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as azurite:
        yield azurite


@pytest.fixture
def identity() -> Iterator[Identity]:
    with running_identity() as server:
        yield server


def write_activity(folder: Path, **extended_properties: Any) -> None:
    """Write the activity.json that Data Factory puts beside the code of a Custom activity."""
    activity = {
        "name": "Train",
        "type": "Custom",
        "typeProperties": {"command": "python main.py", "extendedProperties": extended_properties},
    }
    (folder / "activity.json").write_text(json.dumps(activity))
