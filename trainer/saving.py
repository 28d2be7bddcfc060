"""A finished training as an MLflow run on disk, laid out as Azure ML and `mlflow ui` read it."""

from __future__ import annotations

import json
import logging
import time
import warnings
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import touchdown_model
from job import Job
from text import shorten
from training import Epoch

EXPERIMENT_ID = "0"  # MLflow's default experiment, which a file store always has
LONGEST = 5000
"""Characters of a tag or parameter."""
EXAMPLE_ROWS = 5


@dataclass
class Outcome:
    """A training as it is saved. document: metrics.json, but for the run's id. typed: the type that the
    signature gives each column, in the file's order. example: raw rows without the label."""

    model: touchdown_model.TouchdownModel
    epochs: list[Epoch]
    document: dict[str, Any]
    profile: dict[str, Any]
    report: dict[str, Any]
    typed: dict[str, str]
    example: pd.DataFrame
    confusion: Any = None
    curves: dict[str, list[Epoch]] = field(default_factory=dict)


def save(job: Job, outcome: Outcome) -> tuple[Path, dict[str, Any]]:
    """Log the training into ./mlruns, report.html into its artifacts; the run's folder and its metrics.json.

    The client and save_model are used instead of start_run and log_model, which would ask git, the
    platform and the active environment about things that a Batch node does not know.
    """
    import mlflow.sklearn
    import report
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.models import Model

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = mlflow.MlflowClient(tracking_uri=Path("mlruns").absolute().as_uri())
    run = client.create_run(EXPERIMENT_ID, run_name=job.run_id or Path(job.dataset).stem)
    run_id = run.info.run_id
    folder = Path("mlruns", EXPERIMENT_ID, run_id)
    document = {**outcome.document, "mlflow_run_id": run_id}

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
        params=[Param(name, str(value)[:LONGEST]) for name, value in parameters.items()],
        tags=[RunTag(name, str(value)[:LONGEST]) for name, value in tags.items() if value not in (None, "")],
    )
    points = [Metric("train_loss", e.loss, e.milliseconds, e.number) for e in outcome.epochs]
    if document["classes"]:
        points += [Metric("train_accuracy", e.accuracy, e.milliseconds, e.number) for e in outcome.epochs]
    points += [
        Metric(name, value, time.time_ns() // 1_000_000, outcome.epochs[-1].number)
        for name, value in document["metrics"].items()
        if not name.startswith("train_")
    ]
    for start in range(0, len(points), 1000):  # MLflow's limit per call
        client.log_batch(run_id, metrics=points[start : start + 1000])
    client.log_dict(run_id, document, "metrics.json")
    client.log_dict(run_id, outcome.profile, "profile.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class name in a script that the font lacks
        if outcome.confusion is not None:
            figure = report.confusion_png(outcome.confusion, document["classes"])
            client.log_figure(run_id, figure, "confusion_matrix.png")
        client.log_text(run_id, report.render(outcome.report), "report.html")

    # Pinned to what pickled the model. The full `mlflow` is the -skinny one that is installed here and what
    # Azure ML's driver of a batch deployment imports besides, Pillow among it.
    pinned = [f"{name}=={version(name)}" for name in ("cloudpickle", "numpy", "pandas", "scikit-learn")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            outcome.model,
            str(folder / "artifacts" / "model"),
            mlflow_model=Model(artifact_path="model", run_id=run_id),
            signature=signature(outcome),
            input_example=outcome.example,
            pip_requirements=[f"mlflow=={mlflow.__version__}", *pinned],
            code_paths=[touchdown_model.__file__],
        )
    client.set_terminated(run_id)
    return folder, document


def signature(outcome: Outcome) -> Any:
    """The raw columns that go in, and what comes out.

    A column of plain numbers is a double, also where all are whole: the driver reads a CSV with these types,
    and a later row's fraction or gap would not fit a long. Every other column is text, and the model
    makes of it what training has made of it.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    inputs = [ColSpec(kind, name) for name, kind in outcome.typed.items()]
    classes = outcome.model.schema.classes
    outputs = [ColSpec("string" if classes else "double", "prediction")]
    outputs += [ColSpec("double", f"probability_{name}") for name in classes]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example(cells: pd.DataFrame, typed: dict[str, str]) -> pd.DataFrame:
    """Some raw rows with the signature's types."""
    return pd.DataFrame(
        {
            name: touchdown_model.numbers(cells[name]) if kind == "double" else cells[name].astype(object)
            for name, kind in typed.items()
        }
    )


def dataset_name(job: Job) -> str:
    """How a report calls the dataset."""
    return shorten(Path(job.dataset).name)
