"""The model that one job trains, and what it measures on the hold-out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from automatic import train_auto
from boosting import train_boosting
from evaluation import HoldOut, evaluate
from job import DEFAULT_EPOCHS, DEFAULT_LR, TrainingJob
from out_of_fold import OutOfFold, Unseen, of_classes, of_numbers
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
    """Train what the job asks for: by algorithm. Raises BadInputError if the training diverges."""
    if job.algorithm == "auto":
        if (job.epochs, job.lr) != (DEFAULT_EPOCHS, DEFAULT_LR):
            plan.notes.append(
                "auto takes no epochs and no lr; choose the algorithm linear or boosting to use them"
            )
        chosen = train_auto(survey, plan, job.training_budget)
        return {chosen.model.algorithm: chosen}
    train = TRAINERS[job.algorithm]
    return {job.algorithm: train(survey, plan, folder, job.epochs, job.lr, print_progress(job.epochs))}


def evaluate_candidates(survey: Survey, plan: Plan, trained: dict[str, Trained]) -> Candidates:
    """Measure the model on the hold-out."""
    holdouts = evaluate(survey, plan, trained)
    (selected,) = trained
    for name, holdout in holdouts.items():
        scores = ", ".join(f"{key} {value:.4f}" for key, value in holdout.metrics.items())
        say(f"hold-out ({holdout.rows} rows), {name}: {scores}")
    return Candidates(trained, holdouts, selected)


def told_by_all_rows(plan: Plan, candidates: Candidates) -> OutOfFold | None:
    """What the training rows and the first hold-out rows say, each answered by a model that had not seen it.

    None if no training row was answered so, or if all are too few.
    """
    trained, held_out = candidates.best.out_of_fold, candidates.holdout.unseen
    if trained is None:
        return None
    if plan.schema.classes:
        weights = plan.class_weights(np.concatenate([trained.target, held_out.target]))
        return of_classes((trained, held_out), plan.copies, weights)
    mean, unit = plan.schema.label_mean, plan.schema.label_scale
    held_out = Unseen(plan.targets(held_out.target), (held_out.answers - mean) / unit)
    return of_numbers((trained, held_out), unit, plan.copies)
