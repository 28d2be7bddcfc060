"""One training from a dataset to an outcome that can be saved: survey, train, evaluate, judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import profiling
from candidates import Candidates, evaluate_candidates, told_by_all_rows, train_candidates
from challenge import Challenge, challenge
from documents import metrics_document, profile_document, report_document
from gate import ADVICE, judge
from job import TrainingJob
from progress import say
from reading import Source
from sampled_rows import SampledRows
from saving import EXAMPLE_ROWS, Outcome, example
from scan import survey_dataset
from schema import Plan, plan
from survey import Survey
from suspicions import add_suspicions
from text import quoted, shorten

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

MOST_DROPPED = 20
"""Dropped columns that stdout mentions."""
MOST_NOTES = 20
"""Notes that stdout repeats."""


def train(job: TrainingJob, source: Source, container: ContainerClient | None, folder: Path) -> Outcome:
    """Survey the dataset, train the models, evaluate them, and judge the best one.

    container: where the champion is. folder: for what is needed until the end. Raises BadInputError.
    """
    survey = survey_dataset(source, job.label, job.task, folder, job.max_rows)
    planned = plan(survey, job.rare_classes, job.class_weights, encodes=job.algorithm == "auto")
    sampled = SampledRows.of(survey, planned)
    add_suspicions(planned, sampled)
    announce(job, survey, planned)
    with challenge(job, container, planned, sampled, folder) as champion:
        trained = train_candidates(job, survey, planned, folder)
        candidates = evaluate_candidates(survey, planned, trained)
        note_sampled_boosting(survey, planned, candidates)
        gate = judge_best(job, survey, planned, sampled, candidates, champion)
    survey.cache.delete()
    return outcome_of(job, survey, planned, sampled, candidates, gate, champion)


def announce(job: TrainingJob, survey: Survey, plan: Plan) -> None:
    predicted = f"{len(plan.schema.classes)} classes" if plan.schema.classes else "numbers to estimate"
    say(
        f"dataset {shorten(job.dataset)}: {survey.rows} rows, {len(plan.typed)} features, "
        f"label {quoted(survey.label)} with {predicted}"
    )
    if plan.label.missing:
        left_out = "1 row was" if plan.label.missing == 1 else f"{plan.label.missing} rows were"
        say(f"{left_out} left out, because the label is missing")
    for each in plan.dropped[:MOST_DROPPED]:
        say(f"column {quoted(each['column'])} is left out, {each['why']}")
    for note in plan.notes[:MOST_NOTES]:
        say(note)


def note_sampled_boosting(survey: Survey, plan: Plan, candidates: Candidates) -> None:
    """Note it if boosting was trained on some of the training rows only."""
    boosting = candidates.trained.get("boosting")
    if boosting and boosting.rows + candidates.holdouts["boosting"].rows < plan.labelled_rows(survey):
        plan.notes.append(f"boosting was trained on {boosting.rows} rows, a sample that fits in memory")


def judge_best(
    job: TrainingJob,
    survey: Survey,
    plan: Plan,
    sampled: SampledRows,
    candidates: Candidates,
    champion: Challenge | None,
) -> dict[str, Any]:
    """The gate's verdict on the best model, as metrics.json states it."""
    predictions = champion.predictions(plan, candidates.best.model, sampled) if champion else None
    gate = judge(
        plan.deciding.metric,
        {name: float(value) for name, value in candidates.holdout.metrics.items()},
        candidates.holdout.baseline,
        min_accuracy=job.min_accuracy,
        max_rmse=job.max_rmse,
        tolerance=job.tolerance,
        predictions=predictions,
        out_of_fold=told_by_all_rows(plan, candidates),
        advice=advice(survey),
    )
    say(f"verdict: {gate['verdict']}" + "".join(f"; {reason}" for reason in gate["reasons"]))
    return gate


def advice(survey: Survey) -> str:
    """What to do if the columns say nothing about the label."""
    if survey.label != survey.source.inspection.columns[-1]:
        return ADVICE
    return f"the label is the last column, {quoted(survey.label)}: if another one is meant, name it; {ADVICE}"


def outcome_of(
    job: TrainingJob,
    survey: Survey,
    plan: Plan,
    sampled: SampledRows,
    candidates: Candidates,
    gate: dict[str, Any],
    champion: Challenge | None,
) -> Outcome:
    """The best model and what is left behind with it."""
    metrics = metrics_document(job, survey, plan, candidates, gate)
    columns = profiling.columns(survey, plan, sampled)
    drift = None
    if champion:
        theirs = profiling.drifted(champion.profile, survey, sampled)
        drift = {"champion": job.champion_model, "columns": theirs}
    return Outcome(
        model=candidates.best.model,
        epochs=candidates.best.epochs,
        document=metrics,
        profile=profile_document(survey, columns),
        report=report_document(job, survey, plan, sampled, candidates, metrics, columns, drift),
        typed=plan.typed,
        example=example(survey.sample.table(sampled.held(EXAMPLE_ROWS)).to_pandas(), plan.typed),
        confusion=candidates.holdout.confusion,
    )
