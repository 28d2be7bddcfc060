"""Describes a dataset's columns: for the report, and for comparing later datasets with this one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import date_columns
import drift
import numpy as np
import touchdown_model as model
from sampled_rows import SampledRows
from schema import Plan
from survey import Survey

HISTOGRAM_BINS = 20
MAX_TOP = 10
"""Most frequent values of a column that a profile lists."""
MAX_VALUE = 200
"""Characters of a value in a profile."""
DROPPED_KINDS = {"constant": "constant", "empty": "constant", "free text": "text"}
"""The kind of a dropped column, by the beginning of the reason; for any other reason it is an identifier."""


def columns(survey: Survey, plan: Plan, sampled: SampledRows) -> list[dict[str, Any]]:
    """A profile of every column but the label, in the file's order.

    Counts and ranges are those of all rows; histograms and the bins of drift are those of the sample.
    """
    used = {column.name for column in plan.schema.columns}
    reasons = {each["column"]: each["why"] for each in plan.dropped}
    profiles = []
    for name, form in survey.forms.items():
        kind = form.kind
        if name in reasons:
            kind = DROPPED_KINDS.get(reasons[name].split(":")[0], "identifier")
        profile: dict[str, Any] = {
            "name": name, "kind": kind, "used": name in used, "rows": survey.rows, "missing": 0,
            "distinct": None, "range": None, "mean": None, "std": None, "top": [], "histogram": None,
        }  # fmt: skip
        category = form.kind == model.CATEGORY
        profile |= _category(survey, name) if category else _number(survey, sampled, name, form.kind)
        if name in used:
            values = sampled.counts(name) if category else sampled.values(name)
            profile["bins"] = drift.bins(form.kind, values)
        profiles.append(profile)
    return profiles


def _category(survey: Survey, name: str) -> dict[str, Any]:
    """What a profile says about a category."""
    levels = survey.levels[name]
    texts = list(levels.codes)
    ranked = np.argsort(-levels.counts, kind="stable")[:MAX_TOP]
    return {
        "missing": levels.missing,
        "distinct": len(texts) if not levels.beyond else None,
        "top": [[texts[code][:MAX_VALUE], int(levels.counts[code])] for code in ranked],
    }


def _number(survey: Survey, sampled: SampledRows, name: str, kind: str) -> dict[str, Any]:
    """What a profile says about a column of numbers, booleans or dates."""
    place, numbers = sampled.places[name], survey.numbers
    known = numbers.known[place]
    profile: dict[str, Any] = {"missing": int(survey.rows - known)}
    if not known:
        return profile
    if kind == model.BOOLEAN:
        yes = round(float(numbers.mean[place] * known))
        return profile | {"top": [["yes", yes], ["no", int(known) - yes]]}
    low, high = float(numbers.low[place]), float(numbers.high[place])
    values = sampled.values(name)
    profile["range"] = [low, high]
    if kind == model.DATE:
        profile["range"] = [date_columns.moment(end, survey.forms[name].pattern) for end in (low, high)]
    profile["histogram"] = histogram(values[np.isfinite(values)])
    if kind == model.NUMBER:
        profile["mean"] = float(numbers.mean[place])
        profile["std"] = float(np.sqrt(numbers.squares[place] / known))
    return profile


def histogram(finite: np.ndarray) -> dict[str, list[float]] | None:
    """The {"edges", "counts"} of finite values, or None if they are too close or too far apart."""
    if not len(finite):
        return None
    with np.errstate(all="ignore"):
        low, high = float(finite.min()), float(finite.max())
        if not np.isfinite(high - low) or high - low < 1e-12 * max(abs(low), abs(high)):
            return None
        counts, edges = np.histogram(finite, bins=min(HISTOGRAM_BINS, max(1, len(finite))))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def label(survey: Survey, plan: Plan, sampled: SampledRows) -> dict[str, Any]:
    """The profile of the label: the rows of each class, or a histogram of the sample's numbers."""
    if plan.schema.classes:
        counts = np.bincount(
            plan.class_of[plan.class_of >= 0],
            survey.classes.counts[plan.class_of >= 0],
            minlength=len(plan.schema.classes),
        ).astype(int)
        pairs = sorted(zip(plan.schema.classes, counts.tolist(), strict=True), key=lambda pair: -pair[1])
        return {"top": [[name[:MAX_VALUE], count] for name, count in pairs]}
    return {"histogram": histogram(sampled.labels[np.isfinite(sampled.labels)])}


def drifted(
    champion_profile: list[dict[str, Any]], survey: Survey, sampled: SampledRows
) -> list[dict[str, Any]]:
    """How far each column that the champion uses has moved from the champion's own profile."""
    found = []
    for each in champion_profile:
        name, bins = str(each.get("name", "")), each.get("bins")
        if not isinstance(bins, dict):
            continue
        form = survey.forms.get(name)
        if form is None:
            found.append({"name": name, "psi": None, "flagged": True, "why": "the column is gone"})
            continue
        values: Any
        if form.kind == model.CATEGORY == bins.get("kind"):
            values = sampled.counts(name)
        elif form.kind == bins.get("kind"):
            values = sampled.values(name)
        elif bins.get("kind") == "category":
            values = Counter(model.texts(sampled.cells[name]))
        else:
            why = f"it was a {bins.get('kind')} and is a {form.kind} now"
            found.append({"name": name, "psi": None, "flagged": True, "why": why})
            continue
        found.append(drift.compare(name, bins, values))
    return found
