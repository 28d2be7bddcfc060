"""The environment in which a deployed model runs: conda.yaml, which lies beside this file.

Azure ML builds an image from the conda.yaml of a model that it deploys, and uses the image again for every
model with the same text. So the text depends on nothing but the trainer's lock, from which `make lock` writes
it. It names no patch of Python, because the patch of this node may not exist as a conda package. The versions
that it pins are those that trained the model: `check` makes sure of that.
"""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from refusals import TrainingRefusedError

CONDA_FILE = Path(__file__).with_name("conda.yaml")
TRAINED_BY = {"mlflow": "mlflow-skinny"}
"""The package that is installed here, where the model needs one that contains it, in the same version."""


def check() -> None:
    """Raise TrainingRefusedError unless Python and packages are those that the model will name."""
    if not CONDA_FILE.exists():
        raise TrainingRefusedError(
            f"main.py needs the files beside it, {CONDA_FILE.name} among them: upload all of its folder"
        )
    python, _, requirements = _parts()
    running = platform.python_version()
    wrong = [] if running.startswith(f"{python}.") else [f"Python {python} ({running} is running)"]
    for requirement in requirements:
        name, _, pinned = requirement.partition("==")
        package = TRAINED_BY.get(name, name)
        found = _installed(package)
        if found != pinned:
            wrong.append(f"{package} {pinned} ({found or 'none'} is installed)")
    if wrong:
        raise TrainingRefusedError(
            f"the deployed model would run with other packages than those that train it: it needs"
            f" {', '.join(wrong)}. Install the requirements.txt beside main.py; a Batch node installs that of"
            " its pool, so deploy the pool again (azd up) and let its nodes start anew"
        )


def write(folder: Path) -> None:
    """Write conda.yaml into the folder of a saved model, and what follows from it.

    MLflow has written the same files with the Python and the build tools of this node.
    """
    python, tools, requirements = _parts()
    shutil.copyfile(CONDA_FILE, folder / CONDA_FILE.name)
    (folder / "requirements.txt").write_text("".join(f"{each}\n" for each in requirements))
    described = {"python": python, "build_dependencies": tools, "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(described, sort_keys=False))


def _parts() -> tuple[str, list[str], list[str]]:
    """The version of Python, the build tools and the requirements for pip that conda.yaml names."""
    dependencies: list[Any] = yaml.safe_load(CONDA_FILE.read_text(encoding="utf-8"))["dependencies"]
    python, *tools, for_pip = dependencies
    return python.removeprefix("python="), tools, for_pip["pip"]


def _installed(package: str) -> str:
    """The version of an installed package; "" if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
