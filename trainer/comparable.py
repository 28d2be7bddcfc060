"""Whether a champion answers the question that its challenger answers, by what both say of themselves.

A champion that predicts another label, or other classes, would be measured on answers that it never learned:
it would be beaten by any model, however bad. Such a pair is not compared at all.
"""

from __future__ import annotations

import json
from typing import Any

from schema import Plan
from survey import Survey
from text import quoted

MOST_NAMED = 5
"""Classes or columns that a sentence names."""
UNKNOWN = "its metrics.json is missing or cannot be read, so nothing says what it predicts"


def told_by(text: bytes) -> dict[str, Any] | None:
    """What the metrics.json of a champion says; None if it is missing or cannot be read."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def difference(champion: dict[str, Any], survey: Survey, plan: Plan) -> str:
    """In which way a champion answers another question than the model of this plan; "" if it does not.

    champion: its metrics.json. The sentence is about the champion, which is "it". A column that the champion
    does not know makes no difference: it predicts without it.
    """
    task, label = champion.get("task"), champion.get("label")
    if task != survey.task:
        return f"it was trained for {quoted(str(task))}, and this model for {survey.task}"
    if not isinstance(label, str) or label.strip().casefold() != survey.label.strip().casefold():
        return f"it predicts {quoted(str(label))}, and this model {quoted(survey.label)}"
    theirs = {plan.label.class_of_text(name) for name in _texts(champion, "classes")}
    ours = set(plan.schema.classes)
    if theirs != ours:
        only = [("only it has", theirs - ours), ("only this model has", ours - theirs)]
        named = "; ".join(f"{whose} {_named(classes)}" for whose, classes in only if classes)
        return f"it tells other classes apart than this model: {named}"
    gone = set(_texts(champion, "features")) - set(survey.forms)
    return f"it needs columns that this dataset does not have: {_named(gone)}" if gone else ""


def _texts(document: dict[str, Any], name: str) -> list[str]:
    found = document.get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _named(texts: set[str]) -> str:
    """The first of some texts, and how many more there are."""
    first = ", ".join(quoted(each) for each in sorted(texts)[:MOST_NAMED])
    more = len(texts) - MOST_NAMED
    return f"{first} and {more} more" if more > 0 else first
