"""Saves a finished training as an MLflow run on disk, in the layout that Azure ML and `mlflow ui` read."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import date_features
import date_formats
import date_reading
import date_words
import dialect_durations
import dialect_numbers
import dialect_units
import lean_imports
import model_environment
import number_features
import pandas as pd
import touchdown_blend
import touchdown_model
from job import TrainingJob
from lean_imports import import_figures, trust_the_environment, without_databricks
from progress import Epoch
from text import shorten

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT_ID = "0"
"""MLflow's default experiment, which a file store always has."""
MAX_VALUE = 5000
"""Characters of a tag or a parameter."""
METRICS_PER_CALL = 1000
"""MLflow's limit."""
EXAMPLE_ROWS = 5
PACKAGED = (
    *(touchdown_model, touchdown_blend, lean_imports, dialect_durations, dialect_numbers, dialect_units),
    *(date_features, date_formats, date_reading, date_words, number_features),
)
"""The modules that are packaged inside the model."""


@dataclass
class Outcome:
    """A training as it is saved.

    document: metrics.json without the MLflow run's id. profile: profile.json. report: what the report is made
    of. typed: the type of each feature column in the signature, in the file's order. example: raw rows
    without the label. confusion: the confusion matrix of a classification, of shape (n_classes, n_classes).
    """

    model: touchdown_model.TouchdownModel
    epochs: list[Epoch]
    document: dict[str, Any]
    profile: dict[str, Any]
    report: dict[str, Any]
    typed: dict[str, str]
    example: pd.DataFrame
    confusion: Any = None


def save(
    job: TrainingJob, outcome: Outcome, on_model: Callable[[Path], None] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Log a training as a run in ./mlruns. Returns the run's folder and its metrics.json.

    on_model: called with the folder once it holds all but the files for people, which are drawn last.

    MLflow's client and save_model take the place of start_run and log_model, which would ask git, the
    platform and the active environment for what a Batch node does not know.
    """
    with without_databricks():
        import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = mlflow.MlflowClient(tracking_uri=Path("mlruns").absolute().as_uri())
    run_id = client.create_run(EXPERIMENT_ID, run_name=job.run_id or Path(job.dataset).stem).info.run_id
    folder = Path("mlruns", EXPERIMENT_ID, run_id)
    document = {**outcome.document, "mlflow_run_id": run_id}
    _log_parameters_and_tags(client, run_id, job, document)
    _log_metrics(client, run_id, outcome.epochs, document)
    client.log_dict(run_id, document, "metrics.json")
    # Of ten thousand columns, log_dict would take two seconds, since it indents lines.
    client.log_text(run_id, json.dumps(outcome.profile, default=str), "profile.json")
    _save_model(folder / "artifacts" / "model", run_id, outcome)
    client.set_terminated(run_id)
    if on_model:
        on_model(folder)
    _log_pages(client, run_id, outcome)
    return folder, document


def _log_parameters_and_tags(
    client: MlflowClient, run_id: str, job: TrainingJob, document: dict[str, Any]
) -> None:
    from mlflow.entities import Param, RunTag

    parameters = document["parameters"] | {
        "label": document["label"],
        "task": document["task"],
        "features": len(document["features"]),
    }
    dataset = {f"dataset.{name}": value for name, value in document["dataset"].items()}
    tags = dataset | {
        "classes": json.dumps(document["classes"], ensure_ascii=False),
        "verdict": document["gate"]["verdict"],
        "touchdown.run_id": job.run_id,
        "touchdown.pipeline_run_id": job.pipeline_run_id,
    }
    client.log_batch(
        run_id,
        params=[Param(name, str(value)[:MAX_VALUE]) for name, value in parameters.items()],
        tags=[
            RunTag(name, str(value)[:MAX_VALUE]) for name, value in tags.items() if value not in (None, "")
        ],
    )


def _log_metrics(client: MlflowClient, run_id: str, epochs: list[Epoch], document: dict[str, Any]) -> None:
    """Log the training metrics of each epoch, and the hold-out metrics at the last one."""
    from mlflow.entities import Metric

    points = [Metric("train_loss", e.loss, e.milliseconds, e.number) for e in epochs]
    if document["classes"]:
        points += [Metric("train_accuracy", e.accuracy, e.milliseconds, e.number) for e in epochs]
    points += [
        Metric(name, value, time.time_ns() // 1_000_000, epochs[-1].number)
        for name, value in document["metrics"].items()
        if not name.startswith("train_")
    ]
    for start in range(0, len(points), METRICS_PER_CALL):
        client.log_batch(run_id, metrics=points[start : start + METRICS_PER_CALL])


def _log_pages(client: MlflowClient, run_id: str, outcome: Outcome) -> None:
    """Log the files for people: the report and, for a classification, the confusion matrix."""
    import_figures()
    import figures
    import report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib warns of class names in a script that its font lacks
        if outcome.confusion is not None:
            figure = figures.confusion_figure(outcome.confusion, outcome.document["classes"])
            client.log_figure(run_id, figure, "confusion_matrix.png")
        client.log_text(run_id, report.render(outcome.report), "report.html")


def _save_model(folder: Path, run_id: str, outcome: Outcome) -> None:
    import mlflow.sklearn
    from mlflow.models import Model

    trust_the_environment()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            outcome.model,
            str(folder),
            mlflow_model=Model(artifact_path="model", run_id=run_id),
            signature=signature(outcome),
            input_example=outcome.example,
            conda_env=str(model_environment.CONDA_FILE),
            code_paths=[str(module.__file__) for module in PACKAGED],
        )
    model_environment.write(folder)


def signature(outcome: Outcome) -> Any:
    """The MLflow signature: the raw columns that the model takes, and the columns that it returns.

    A column of plain numbers is a double, even if all are whole: a batch deployment's driver reads a CSV with
    these types, and a fraction or a gap in a later row would not fit a long. Every other column is text,
    which the model parses as training did.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [ColSpec(kind, name) for name, kind in outcome.typed.items()]
    classes = outcome.model.schema.classes
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string" if classes else "double", "prediction")]
    outputs += [ColSpec("double", f"probability_{name}") for name in classes]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example(cells: pd.DataFrame, typed: dict[str, str]) -> pd.DataFrame:
    """Raw rows as the model takes them: with the signature's types."""
    return pd.DataFrame(
        {
            name: touchdown_model.numbers(cells[name].tolist())
            if kind == "double"
            else cells[name].astype(object)
            for name, kind in typed.items()
        }
    )


def dataset_name(job: TrainingJob) -> str:
    """The name of the dataset in a report."""
    return shorten(Path(job.dataset).name)
