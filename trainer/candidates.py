"""The models that one job trains, and which of them is kept: the better one, measured on the hold-out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import verdict_rules as rules
from boosting import train_boosting
from evaluation import HoldOut, evaluate
from job import TrainingJob
from progress import print_progress, say
from schema import Plan
from survey import Survey
from training import Trained, train_linear

TRAINERS = {"linear": train_linear, "boosting": train_boosting}


@dataclass(frozen=True)
class Candidates:
    """trained, holdouts: by algorithm. selected: the algorithm whose model is kept."""

    trained: dict[str, Trained]
    holdouts: dict[str, HoldOut]
    selected: str

    @property
    def best(self) -> Trained:
        return self.trained[self.selected]

    @property
    def holdout(self) -> HoldOut:
        """The measurements of the model that is kept."""
        return self.holdouts[self.selected]

    def metrics(self, algorithm: str) -> dict[str, float]:
        """What metrics.json says of one model."""
        last = self.trained[algorithm].epochs[-1]
        found = {name: float(value) for name, value in self.holdouts[algorithm].metrics.items()}
        found["train_loss"] = last.loss
        return found if math.isnan(last.accuracy) else found | {"train_accuracy": last.accuracy}


def train_candidates(job: TrainingJob, survey: Survey, plan: Plan, folder: Path) -> dict[str, Trained]:
    """Train every algorithm that the job asks for. Raises BadInputError if the training diverges."""
    names = list(TRAINERS) if job.algorithm == "auto" else [job.algorithm]
    return {
        name: TRAINERS[name](survey, plan, folder, job.epochs, job.lr, print_progress(job.epochs))
        for name in names
    }


def evaluate_candidates(survey: Survey, plan: Plan, trained: dict[str, Trained]) -> Candidates:
    """Measure all models on the hold-out, and select the best by the task's deciding metric."""
    holdouts = evaluate(survey, plan, trained)
    metric = rules.DECIDING_METRIC[survey.task]
    selected, *others = trained
    for name in others:
        if rules.is_better(metric, holdouts[name].metrics[metric], holdouts[selected].metrics[metric]):
            selected = name
    for name, holdout in holdouts.items():
        scores = ", ".join(f"{key} {value:.4f}" for key, value in holdout.metrics.items())
        say(f"hold-out ({holdout.rows} rows), {name}: {scores}")
    return Candidates(trained, holdouts, selected)
