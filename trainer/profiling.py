"""What a dataset's columns look like: for the report, and for later datasets to be compared with."""

from __future__ import annotations

from collections import Counter
from typing import Any

import drift
import numpy as np
import touchdown_model as model
from evaluation import SampledRows
from schema import Plan
from survey import Survey

HISTOGRAM_BINS = 20
TOP = 10
LONGEST = 200
"""Characters of a value that a profile repeats."""


def columns(survey: Survey, plan: Plan, sampled: SampledRows) -> list[dict[str, Any]]:
    """A profile of every column but the label, in the file's order. Histograms and bins are the sample's."""
    used = {column.name for column in plan.schema.columns}
    dropped = {each["column"]: each["why"] for each in plan.dropped}
    found = []
    for name, form in survey.forms.items():
        kind = form.kind
        if name in dropped:
            word = dropped[name].split(":")[0]
            kind = {"constant": "constant", "empty": "constant", "free text": "text"}.get(word, "identifier")
        profile: dict[str, Any] = {
            "name": name, "kind": kind, "used": name in used, "rows": survey.rows, "missing": 0,
            "distinct": None, "range": None, "mean": None, "std": None, "top": [], "histogram": None,
        }  # fmt: skip
        if form.kind == model.CATEGORY:
            levels = survey.levels[name]
            texts = list(levels.codes)
            ranked = np.argsort(-levels.counts, kind="stable")[:TOP]
            profile |= {
                "missing": levels.missing,
                "distinct": len(texts) if not levels.beyond else None,
                "top": [[texts[code][:LONGEST], int(levels.counts[code])] for code in ranked],
            }
            if name in used:
                profile["bins"] = drift.bins("category", sampled.counts(name))
        else:
            place = sampled.places[name]
            numbers = survey.numbers
            known = numbers.known[place]
            values = sampled.values(name)
            finite = values[np.isfinite(values)]
            profile |= {"missing": int(survey.rows - known)}
            if known and form.kind == model.BOOLEAN:
                yes = round(float(numbers.mean[place] * known))
                profile["top"] = [["yes", yes], ["no", int(known) - yes]]
            elif known:
                low, high = float(numbers.low[place]), float(numbers.high[place])
                profile["range"] = [moment(low), moment(high)] if form.kind == model.DATE else [low, high]
                if form.kind == model.NUMBER:
                    profile["mean"] = float(numbers.mean[place])
                    profile["std"] = float(np.sqrt(numbers.squares[place] / known))
                profile["histogram"] = histogram(finite)
            if name in used:
                profile["bins"] = drift.bins(form.kind, values)
        found.append(profile)
    return found


def histogram(finite: np.ndarray) -> dict[str, list[float]] | None:
    if not len(finite):
        return None
    with np.errstate(all="ignore"):
        low, high = float(finite.min()), float(finite.max())
        if not np.isfinite(high - low) or high - low < 1e-12 * max(abs(low), abs(high)):
            return None
        counts, edges = np.histogram(finite, bins=min(HISTOGRAM_BINS, max(1, len(finite))))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def moment(days: float) -> str:
    """Days since 2000-01-01 as ISO 8601, without the time of day where it is midnight."""
    text = str(np.datetime64("2000-01-01T00:00:00") + np.timedelta64(round(days * 86400), "s"))
    return text.removesuffix("T00:00:00")


def label(survey: Survey, plan: Plan, sampled: SampledRows) -> dict[str, Any]:
    if plan.schema.classes:
        counts = np.bincount(
            plan.class_of[plan.class_of >= 0],
            survey.classes.counts[plan.class_of >= 0],
            minlength=len(plan.schema.classes),
        ).astype(int)
        pairs = sorted(zip(plan.schema.classes, counts.tolist(), strict=True), key=lambda pair: -pair[1])
        return {"top": [[name[:LONGEST], count] for name, count in pairs]}
    return {"histogram": histogram(sampled.labels[np.isfinite(sampled.labels)])}


def drifted(theirs: list[dict[str, Any]], survey: Survey, sampled: SampledRows) -> list[dict[str, Any]]:
    """How far each column that the champion takes has moved from the champion's own profile."""
    found = []
    for each in theirs:
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
