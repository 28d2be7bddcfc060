"""Which model folders a batch deployment accepts."""

import pytest
from localcloud.machinelearning.mlflow_folder import check, check_environment
from localcloud.wire import AzureError

FILES = {"MLmodel", "model.pkl", "conda.yaml", "requirements.txt"}
MLMODEL = """
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: PYTHON
mlflow_version: MLFLOW
"""


def described(python: str = "3.11.2", mlflow: str = "2.22.5") -> bytes:
    return MLMODEL.replace("PYTHON", python).replace("MLFLOW", mlflow).encode()


@pytest.mark.parametrize("python", ["3.10.14", "3.11.2"])
def test_a_model_of_mlflow_2_on_the_drivers_python_is_deployable(python: str) -> None:
    check("runs/1/model", FILES, described(python))


@pytest.mark.parametrize("python", ["3.9.1", "3.12.0", "3.13.1", "3.1.0", "''"])
def test_a_model_of_another_python_is_not(python: str) -> None:
    with pytest.raises(AzureError, match=r"the batch driver needs 3\.10 or 3\.11"):
        check("runs/1/model", FILES, described(python))


@pytest.mark.parametrize("mlflow", ["3.0.0", "3.4.1", "10.0"])
def test_a_model_of_mlflow_3_is_not(mlflow: str) -> None:
    with pytest.raises(AzureError, match="models of MLflow 3 cannot be deployed"):
        check("runs/1/model", FILES, described(mlflow=mlflow))
    with pytest.raises(AzureError, match="models of MLflow 3 cannot be deployed"):
        check("runs/1/model", FILES, described() + b"model_id: m-1\n")


def test_a_model_without_a_file_that_it_names_is_not() -> None:
    with pytest.raises(AzureError, match=r"lacks conda.yaml, model.pkl"):
        check("runs/1/model", {"MLmodel"}, described())


def test_a_flavor_may_name_a_folder() -> None:
    check("runs/1/model", (FILES - {"model.pkl"}) | {"model.pkl/part-1"}, described())


@pytest.mark.parametrize("text", [b"", b"- 1", b"flavors: 1", b"a: 1", b"!!python/object:os.system {}"])
def test_an_odd_description_is_refused_and_never_trusted(text: bytes) -> None:
    with pytest.raises(AzureError, match="MLmodel of"):
        check("runs/1/model", FILES, text)


def test_a_flavor_that_names_no_environment_is_not_deployable() -> None:
    without = b"\n".join(line for line in described().splitlines() if b"env:" not in line)
    with pytest.raises(AzureError, match="names no environment"):
        check("runs/1/model", FILES, without)


@pytest.mark.parametrize("python", ["=3.10", "=3.11", "=3.11.18", "==3.10.1", ">=3.8"])
def test_a_conda_file_with_the_drivers_python_is_deployable(python: str) -> None:
    check_environment("runs/1/model", f"dependencies: ['python{python}']")


@pytest.mark.parametrize("python", ["=3.9", "=3.1", "=3.12.1", "<3.10"])
def test_a_conda_file_with_another_python_is_not(python: str) -> None:
    with pytest.raises(AzureError, match=r"asks for python.*the batch driver needs 3\.10 or 3\.11"):
        check_environment("runs/1/model", f"dependencies: ['python{python}']")


@pytest.mark.parametrize("text", ["", "name: a", "dependencies: [", "dependencies: [pip]"])
def test_a_conda_file_that_defines_no_environment_is_not(text: str) -> None:
    with pytest.raises(
        AzureError, match="The conda file of the model at 'runs/1/model' defines no environment"
    ):
        check_environment("runs/1/model", text)
