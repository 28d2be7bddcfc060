"""Checks whether Azure ML could deploy a model folder to a batch endpoint without code.

Azure ML needs an MLmodel file with the `python_function` flavor, and builds the environment from the conda
file that the flavor names. Its driver supports Python up to 3.11, and models of MLflow 3 are reported not to
work (Azure/azureml-examples#3875, #4051). Sources: "Deploy MLflow models in batch deployments"; "Troubleshoot
environment images", "Environment definition problems"; a flavor without an environment: mlflow/mlflow#2375.
"""

from typing import Any

import yaml

from localcloud.machinelearning import conda
from localcloud.machinelearning.errors import MachineLearningError, refused

DESCRIPTION = "MLmodel"
DESCRIPTION_LIMIT = 1024 * 1024
"""Most bytes of an MLmodel file. It usually has a few kilobytes; thousands of columns stay far below this."""
PYTHONS = ("3.10", "3.11")
MOST_PATCHES = 100


def undeployable(message: str) -> MachineLearningError:
    return refused("ModelNotDeployable", message, target="model")


def check(where: str, files: set[str], description: bytes | None) -> None:
    """Raise AzureError if the folder `where` cannot be deployed.

    files: names relative to the folder. description: the content of its MLmodel; None if it has none.
    """
    if not files:
        raise undeployable(f"The model has no files: nothing is stored under '{where}'.")
    if description is None:
        raise undeployable(
            f"'{where}' is not an MLflow model: it has no file {DESCRIPTION}."
            " Register the folder that holds it, with type mlflow_model."
        )
    model = _parsed(where, description)
    flavor = _flavor(where, model)
    mlflow = _text(model.get("mlflow_version"))
    if _major(mlflow) >= 3 or "model_id" in model:
        raise undeployable(
            f"The model at '{where}' was saved by MLflow {mlflow}: models of MLflow 3 cannot be deployed"
            " without code; save it with mlflow<3."
        )
    python = _text(flavor.get("python_version"))
    if ".".join(python.split(".")[:2]) not in PYTHONS:
        raise undeployable(
            f"The model at '{where}' was saved with Python {python or '(unknown)'}: the batch driver needs"
            f" {' or '.join(PYTHONS)}."
        )
    if not flavor.get("env"):
        raise undeployable(f"The {DESCRIPTION} of '{where}' names no environment (env) of python_function.")
    named = {_conda_file(flavor), _text(flavor.get("model_path")) or DESCRIPTION}
    missing = sorted(named - _with_folders(files))
    if missing:
        raise undeployable(
            f"The model at '{where}' lacks {', '.join(missing)}, which its {DESCRIPTION} names."
        )


def check_environment(where: str, text: str) -> None:
    """Raise AzureError if the conda file of the model at `where` defines no environment for the driver."""
    try:
        python = conda.parse(text).python
    except conda.CondaFileError as error:
        raise undeployable(
            f"The conda file of the model at '{where}' defines no environment: {error}."
        ) from None
    if not any(python.contains(f"{minor}.{patch}") for minor in PYTHONS for patch in range(MOST_PATCHES)):
        raise undeployable(
            f"The conda file of the model at '{where}' asks for python{python}: the batch driver needs"
            f" {' or '.join(PYTHONS)}."
        )


def conda_file(description: str) -> str:
    """The name of the conda file that an MLmodel names, relative to its folder."""
    try:
        model = yaml.safe_load(description)
        return _conda_file(model["flavors"]["python_function"])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return _conda_file({})


def _parsed(where: str, description: bytes) -> dict[str, Any]:
    try:
        model = yaml.safe_load(description)
    except yaml.YAMLError as error:
        raise undeployable(f"The {DESCRIPTION} of '{where}' is not YAML: {error}") from None
    if not isinstance(model, dict) or not isinstance(model.get("flavors"), dict):
        raise undeployable(f"The {DESCRIPTION} of '{where}' names no flavors.")
    return model


def _flavor(where: str, model: dict[str, Any]) -> dict[str, Any]:
    flavor = model["flavors"].get("python_function")
    if not isinstance(flavor, dict):
        found = ", ".join(map(str, model["flavors"]))
        raise undeployable(f"The model at '{where}' has no python_function flavor (found: {found}).")
    return flavor


def _text(value: Any) -> str:
    """Return a scalar as text, and "" for anything else, because YAML can nest without end."""
    return str(value) if isinstance(value, str | int | float) else ""


def _major(version: str) -> int:
    first = version.split(".")[0]
    return int(first) if first.isdecimal() else 0


def _conda_file(flavor: dict[str, Any]) -> str:
    env = flavor.get("env")
    return _text(env.get("conda") if isinstance(env, dict) else env) or "conda.yaml"


def _with_folders(files: set[str]) -> set[str]:
    """Return the files and all folders above them, since a flavor may name either."""
    folders = {
        "/".join(parts[:n]) for parts in (file.split("/") for file in files) for n in range(1, len(parts))
    }
    return files | folders
