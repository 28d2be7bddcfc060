"""The lab's own command line: a CSV on disk, a connection string, and a model in the container."""

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.storage.blob import ContainerClient

from tests.trainer.conftest import IRIS_ARGUMENTS, MAIN, Trainer
from tests.trainer.storage import KEY, Identity, Storage

pytestmark = pytest.mark.integration

# As Azure ML's own driver of a batch deployment does it: the CSV is read with the signature's types.
PREDICT = """
import json, sys
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
schema = model.metadata.get_input_schema()
types = dict(zip(schema.input_names(), schema.pandas_types()))
answer = model.predict(pandas.read_csv(sys.argv[2], engine="c", dtype=types))
print(json.dumps({name: answer[name].tolist() for name in answer.columns}))
"""
INSTALLED = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


@dataclass
class Lab:
    """The result of one run of the lab's command line."""

    process: "subprocess.CompletedProcess[str]"
    folder: Path
    container: ContainerClient
    blobs: dict[str, bytes]

    @property
    def run_id(self) -> str:
        return next(iter(self.blobs)).split("/")[2]

    def artifact(self, name: str) -> bytes:
        return self.blobs[f"datasets/0/{self.run_id}/artifacts/{name}"]

    @property
    def metrics(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.artifact("metrics.json"))
        return document

    def model(self, into: Path) -> Path:
        for name, data in self.blobs.items():
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return into / f"datasets/0/{self.run_id}/artifacts/model"


@pytest.fixture(scope="module")
def lab(trainer: Trainer, storage: Storage, iris_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    container = storage.new_container()
    where = ["--connectionString", storage.connection_string]
    where += ["--containerName", f"{container.container_name}/datasets"]
    process = trainer("--iris-csv", str(iris_csv), *IRIS_ARGUMENTS, *where, cwd=folder, env=storage.trust)
    assert process.returncode == 0, process.stderr
    names = list(container.list_blob_names())
    return Lab(process, folder, container, {name: container.download_blob(name).readall() for name in names})


def test_the_labs_command_line_uploads_the_model_below_the_folder_it_names(lab: Lab) -> None:
    model = f"datasets/0/{lab.run_id}/artifacts/model/"
    assert {name.removeprefix(model) for name in lab.blobs if name.startswith(model)} == {
        "MLmodel",
        "model.pkl",
        "code/touchdown_blend.py",
        "code/touchdown_model.py",
        "code/lean_imports.py",
        "code/dialect_durations.py",
        "code/dialect_numbers.py",
        "code/dialect_units.py",
        "code/date_features.py",
        "code/date_formats.py",
        "code/date_reading.py",
        "code/date_words.py",
        "code/number_features.py",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "input_example.json",
        "serving_input_example.json",
    }


def test_mlmodel_is_complete_after_everything_else(lab: Lab, storage: Storage) -> None:
    assert set(storage.written(lab.container.container_name)) == set(lab.blobs)
    assert (
        storage.written(lab.container.container_name)[-1]
        == f"datasets/0/{lab.run_id}/artifacts/model/MLmodel"
    )


def test_iris_reaches_nine_tenths_on_its_holdout_with_the_labs_arguments(lab: Lab) -> None:
    assert lab.metrics["metrics"]["accuracy"] >= 0.9


def test_metrics_json_describes_the_model_and_its_dataset(lab: Lab, iris_csv: Path) -> None:
    document = lab.metrics
    digest, metrics, gate = document["dataset"].pop("digest"), document.pop("metrics"), document.pop("gate")
    assert document == {
        "schema_version": 2,
        "run_id": None,
        "mlflow_run_id": lab.run_id,
        "experiment_id": "0",
        "task": "classification",
        "algorithm": "linear",
        "dataset": {"path": "iris_csv.csv", "etag": None, "rows": 150},
        "label": "species",
        "features": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
        "classes": ["setosa", "versicolor", "virginica"],
        "parameters": {
            "epochs": 50,
            "lr": 0.1,
            "seed": 42,
            "holdout": 0.2,
            "algorithm": "linear",
            "training_budget": 10.0,
            "rare_classes": "refuse",
            "class_weights": "equal",
        },
        "algorithms": {"linear": metrics},
        "choice": None,
        "dropped_columns": [],
        "dropped_rows": {"missing_label": 0},
        "notes": [],
        "suspicions": [],
    }
    assert digest == f"sha256:{hashlib.sha256(iris_csv.read_bytes()).hexdigest()}"
    assert set(metrics) == {"accuracy", "macro_f1", "log_loss", "train_loss", "train_accuracy"}
    assert gate == {
        "verdict": "deploy",
        "reasons": [],
        "metric": "accuracy",
        "value": metrics["accuracy"],
        "floor": None,
        "baseline": {
            "name": "majority class",
            "value": pytest.approx(1 / 3),
            "rows": 30,
            "interval": [pytest.approx(-0.625, abs=0.2), pytest.approx(-0.42, abs=0.2)],
            "out_of_fold": None,
            "passed": True,
            "error": "",
        },
        "champion": None,
    }


def test_profile_json_has_what_a_later_dataset_is_compared_with(lab: Lab) -> None:
    profile = json.loads(lab.artifact("profile.json"))
    assert (profile["schema_version"], profile["rows"]) == (1, 150)
    assert [column["name"] for column in profile["columns"]] == lab.metrics["features"]
    assert {column["kind"] for column in profile["columns"]} == {"number"}
    assert all(column["bins"] for column in profile["columns"])


def test_the_report_stands_beside_the_model(lab: Lab) -> None:
    name = f"datasets/0/{lab.run_id}/artifacts/report.html"
    assert lab.blobs[name].lower().startswith(b"<!doctype html>")
    content = lab.container.get_blob_client(name).get_blob_properties().content_settings
    assert content.content_type == "text/html"


def test_every_epoch_is_an_mlflow_metric(lab: Lab) -> None:
    for name in ("train_loss", "train_accuracy"):
        points = lab.blobs[f"datasets/0/{lab.run_id}/metrics/{name}"].decode().splitlines()
        assert [int(point.split()[2]) for point in points] == list(range(1, 51))
        assert float(points[-1].split()[1]) == lab.metrics["metrics"][name]


def test_confusion_matrix_is_a_picture(lab: Lab) -> None:
    name = f"datasets/0/{lab.run_id}/artifacts/confusion_matrix.png"
    assert lab.blobs[name].startswith(b"\x89PNG")
    content = lab.container.get_blob_client(name).get_blob_properties().content_settings
    assert content.content_type == "image/png"


def test_progress_shows_the_first_and_the_last_epoch(lab: Lab) -> None:
    epochs = [line for line in lab.process.stdout.splitlines() if line.startswith("epoch ")]
    assert epochs[0].startswith("epoch 1/50: loss ")
    assert epochs[-1].startswith("epoch 50/50: loss ")
    assert lab.process.stderr == ""


def test_the_connection_string_is_in_no_output_and_no_file(lab: Lab, storage: Storage) -> None:
    written = [path.read_bytes() for path in lab.folder.rglob("*") if path.is_file()]
    written += [lab.process.stdout.encode(), lab.process.stderr.encode()]
    assert not [text for text in written if KEY.encode() in text]


def test_the_model_predicts_class_names_from_the_raw_csv_in_a_fresh_process(
    lab: Lab, iris_csv: Path, trainer_python: str, tmp_path: Path
) -> None:
    command = [trainer_python, "-c", PREDICT, str(lab.model(tmp_path)), str(iris_csv)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    truth = [line.rsplit(",", 1)[1] for line in iris_csv.read_text().splitlines()[1:]]
    assert sum(map(str.__eq__, answer["prediction"], truth)) >= 0.9 * len(truth)
    probabilities = [answer[f"probability_{name}"] for name in ("setosa", "versicolor", "virginica")]
    assert all(sum(row) == pytest.approx(1) for row in zip(*probabilities, strict=True))
    assert "mismatch" not in process.stderr


def test_the_model_names_its_columns_as_doubles_and_its_answer_as_a_string(lab: Lab) -> None:
    described = yaml.safe_load(lab.artifact("model/MLmodel"))
    inputs = json.loads(described["signature"]["inputs"])
    assert [(column["name"], column["type"]) for column in inputs] == [
        (name, "double") for name in lab.metrics["features"]
    ]
    outputs = json.loads(described["signature"]["outputs"])
    assert [(column["name"], column["type"]) for column in outputs] == [
        ("prediction", "string"),
        ("probability_setosa", "double"),
        ("probability_versicolor", "double"),
        ("probability_virginica", "double"),
    ]
    assert described["run_id"] == lab.run_id
    assert described["mlflow_version"].startswith("2.")


def test_the_model_carries_the_one_environment_text_to_the_byte(lab: Lab) -> None:
    assert lab.artifact("model/conda.yaml") == (MAIN.parent / "conda.yaml").read_bytes()
    described = yaml.safe_load(lab.artifact("model/MLmodel"))["flavors"]["python_function"]["env"]
    assert described == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}


def test_the_model_pins_what_it_was_trained_with(lab: Lab, trainer_python: str) -> None:
    pins = dict(line.split("==") for line in lab.artifact("model/requirements.txt").decode().split())
    assert {"mlflow", "cloudpickle", "numpy", "pandas", "scikit-learn"} <= set(pins)
    pins["mlflow-skinny"] = pins.pop("mlflow")  # the same code under its smaller package
    installed = subprocess.run([trainer_python, "-c", INSTALLED, *pins], capture_output=True, check=True)
    assert json.loads(installed.stdout) == pins


def test_no_file_of_the_model_asks_for_a_patch_of_python_or_a_version_of_pip(lab: Lab) -> None:
    conda = yaml.safe_load(lab.artifact("model/conda.yaml"))
    *packages, for_pip = conda["dependencies"]
    assert packages == ["python=3.11", "pip", "setuptools<82"]
    assert yaml.safe_load(lab.artifact("model/python_env.yaml")) == {
        "python": "3.11",
        "build_dependencies": ["pip", "setuptools<82"],
        "dependencies": ["-r requirements.txt"],
    }
    assert lab.artifact("model/requirements.txt").decode().splitlines() == for_pip["pip"]


def test_a_model_of_other_packages_than_it_would_name_is_not_trained(
    trainer_python: str, iris_csv: Path, tmp_path: Path
) -> None:
    published = tmp_path / "trainer"
    shutil.copytree(MAIN.parent, published, ignore=shutil.ignore_patterns("__pycache__"))
    conda = published / "conda.yaml"
    text = conda.read_text().replace("python=3.11", "python=3.10")
    conda.write_text(re.sub("numpy==.*", "numpy==1.0", text).replace("- scipy==", "- absent==1\n  - scipy=="))
    command = [trainer_python, str(published / MAIN.name), "--iris-csv", str(iris_csv)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (line,) = process.stderr.splitlines()
    numpy = re.search("numpy==(.*)", text)
    assert numpy
    assert "it needs Python 3.10 (3.11." in line
    assert f", numpy 1.0 ({numpy[1]} is installed), absent 1 (none is installed)." in line
    assert (process.returncode, list(tmp_path.glob("mlruns/0/*/artifacts"))) == (1, [])
    conda.unlink()
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr.splitlines()) == (
        1,
        ["main.py needs the files beside it, conda.yaml among them: upload all of its folder"],
    )


def test_main_alone_says_that_it_needs_the_files_beside_it(trainer_python: str, tmp_path: Path) -> None:
    shutil.copy(MAIN, tmp_path)
    command = [trainer_python, str(tmp_path / MAIN.name)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        "main.py needs the files beside it, hiding.py among them: upload all of its folder"
    ]


def test_without_a_destination_the_same_model_is_kept_in_mlruns(
    trainer: Trainer, lab: Lab, iris_csv: Path, tmp_path: Path
) -> None:
    process = trainer("--iris-csv", str(iris_csv), *IRIS_ARGUMENTS, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    (mlmodel,) = tmp_path.glob("mlruns/0/*/artifacts/model/MLmodel")
    assert f"model kept in {mlmodel.parent.relative_to(tmp_path)}" in process.stdout
    # Seeded all the way: two trainings of the same bytes agree to the last bit.
    again = json.loads((mlmodel.parents[1] / "metrics.json").read_text())
    assert again | {"mlflow_run_id": lab.run_id} == lab.metrics
    theirs = [
        line.split()[1:] for line in lab.blobs[f"datasets/0/{lab.run_id}/metrics/train_loss"].splitlines()
    ]
    ours = (mlmodel.parents[2] / "metrics" / "train_loss").read_bytes().splitlines()
    assert [line.split()[1:] for line in ours] == theirs


def test_an_awkward_but_valid_csv_is_trained_uploaded_by_identity_and_scored(
    trainer: Trainer, trainer_python: str, storage: Storage, identity: Identity, tmp_path: Path
) -> None:
    """BOM, CRLF, blank lines, quotes, whole numbers, the label first, text that is markup elsewhere."""
    rows = [f'"ja, $\\frac{{1$",{n},{-n}e-1\r\n"né\nin",{-n}, {n + 0.5} \r\n\r\n' for n in range(1, 6)]
    csv = tmp_path / "awkward $(touch x) 'n' \".csv"
    csv.write_bytes(b"\xef\xbb\xbf" + ('"the, label",<b>a</b>,"b ""b"""\r\n' + "".join(rows)).encode())
    container = storage.new_container()
    where = ["--accountUrl", storage.account_url, "--containerName", container.container_name]
    process = trainer(
        *("--csv", csv.name, "--label", "the, label", "--epochs", "3.0", *where),
        cwd=tmp_path,
        env=storage.trust | identity.environment,
    )
    assert process.returncode == 0, process.stderr
    (metrics,) = tmp_path.glob("mlruns/0/*/artifacts/metrics.json")
    document = json.loads(metrics.read_text())
    assert document["classes"] == ["ja, $\\frac{1$", "né\nin"]
    assert document["features"] == ["<b>a</b>", 'b "b"']
    assert document["dataset"]["rows"] == 10
    assert container.get_blob_client(f"0/{document['mlflow_run_id']}/artifacts/model/MLmodel").exists()
    command = [trainer_python, "-c", PREDICT, str(metrics.parent / "model"), csv.name]
    answer = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True).stdout
    assert json.loads(answer)["prediction"] == ["ja, $\\frac{1$", "né\nin"] * 5
