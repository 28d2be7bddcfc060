"""The documents that a training leaves behind: metrics.json, profile.json and the contents of the report."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from budget import DEFAULT_BUDGET
from candidates import Candidates
from extent import SHARE
from holdout import HOLDOUT, SEED
from importance import importance
from job import TrainingJob
from profiling import label as label_profile
from progress import Epoch
from sampled_rows import SampledRows
from saving import EXPERIMENT_ID, dataset_name
from schema import Plan
from survey import Survey
from verdict_rules import SCHEMA_VERSION

PROFILE_VERSION = 1
COMMON = (
    "run_id",
    "task",
    "algorithm",
    "label",
    "classes",
    "metrics",
    "algorithms",
    "choice",
    "gate",
    "notes",
    "suspicions",
    "dropped_columns",
    "dropped_rows",
)
"""What the report takes over from metrics.json."""


def metrics_document(
    job: TrainingJob, survey: Survey, plan: Plan, candidates: Candidates, gate: dict[str, Any]
) -> dict[str, Any]:
    """metrics.json, in which only the MLflow run's id is still empty."""
    metrics = {name: candidates.metrics(name) for name in candidates.trained}
    choice = candidates.best.choice
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": job.run_id,
        "mlflow_run_id": "",
        "experiment_id": EXPERIMENT_ID,
        "task": survey.task,
        "algorithm": candidates.selected,
        "dataset": {
            "path": job.dataset if job.etag else Path(job.dataset).name,
            "etag": job.etag,
            "digest": survey.source.digest,
            "rows": survey.rows,
        },
        "label": survey.label,
        "features": list(plan.typed),
        "classes": list(plan.schema.classes),
        "parameters": {
            "epochs": job.epochs,
            "lr": job.lr,
            "seed": SEED,
            "holdout": HOLDOUT,
            "algorithm": job.algorithm,
            "training_budget": job.training_budget,
            "rare_classes": job.rare_classes,
            "class_weights": job.class_weights,
        },
        "metrics": metrics[candidates.selected],
        "algorithms": metrics,
        "choice": choice.document() if choice else None,
        "dropped_columns": plan.dropped,
        "dropped_rows": {"missing_label": plan.label.missing},
        "notes": plan.notes,
        "suspicions": plan.suspicions,
        "gate": gate,
    }


def profile_document(survey: Survey, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """profile.json. columns: as profiling describes them."""
    return {"schema_version": PROFILE_VERSION, "rows": survey.rows, "columns": columns}


def report_document(
    job: TrainingJob,
    survey: Survey,
    plan: Plan,
    sampled: SampledRows,
    candidates: Candidates,
    metrics: dict[str, Any],
    columns: list[dict[str, Any]],
    drift: dict[str, Any] | None,
) -> dict[str, Any]:
    """The contents of the report. metrics: metrics.json; columns: as in profile.json."""
    holdout = candidates.holdout
    units = job.training_budget if job.algorithm == "auto" else DEFAULT_BUDGET
    confusion = holdout.confusion
    return {name: metrics[name] for name in COMMON} | {
        "dataset": dataset_name(job),
        "etag": job.etag,
        "rows": survey.rows,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "columns": columns,
        "label_profile": label_profile(survey, plan, sampled),
        "drift": drift,
        "learning": {
            name: [_learning_point(epoch) for epoch in trained.epochs]
            for name, trained in candidates.trained.items()
        },
        "confusion": None
        if confusion is None
        else {"classes": metrics["classes"], "counts": confusion.tolist()},
        "residuals": holdout.residuals,
        "calibration": holdout.calibration,
        "importance": importance(plan, candidates.best.model, sampled, SHARE * units),
    }


def _learning_point(epoch: Epoch) -> dict[str, Any]:
    accuracy = None if math.isnan(epoch.accuracy) else epoch.accuracy
    return {"epoch": epoch.number, "loss": epoch.loss, "accuracy": accuracy}
