"""How the algorithm `auto` chose a model, as metrics.json states it.

It is written by code that has read somebody's data, so the app keeps only what it can check: short texts,
finite numbers, and few of both. Nothing is decided by it.
"""

from typing import Any

from runs.contracts import Json
from runs.findings import Choice, ChoiceCandidate
from runs.text import printable, shorten_line
from runs.verdict import MAX_ENTRIES, MAX_NAME, MAX_SENTENCE, finite


def read_choice(document: Json) -> Choice | None:
    """The choice of a document's model; None if it states none, or none that its candidates bear out.

    The one that is selected has to be among the candidates, and the document's algorithm. A candidate without
    a name, or with a number that cannot be one, is left out.
    """
    stated = document.get("choice")
    if not isinstance(stated, dict):
        return None
    entries = stated.get("candidates")
    read = [_candidate(each) for each in entries[:MAX_ENTRIES]] if isinstance(entries, list) else []
    candidates = [each for each in read if each is not None]
    metric, selected = _text(stated, "metric", MAX_NAME), _text(stated, "selected", MAX_NAME)
    rows, folds = _count(stated, "rows"), _count(stated, "folds")
    if not metric or rows is None or folds is None:
        return None
    if selected != document.get("algorithm") or selected not in [each.name for each in candidates]:
        return None
    return Choice(metric, rows, folds, selected, candidates)


def _candidate(stated: Any) -> ChoiceCandidate | None:
    if not isinstance(stated, dict):
        return None
    name, settings = _text(stated, "name", MAX_NAME), _text(stated, "settings", MAX_SENTENCE)
    score, seconds, weight = (finite(stated.get(each)) for each in ("score", "seconds", "weight"))
    rows = _count(stated, "rows")
    if not name or (score is None and stated.get("score") is not None):
        return None
    if rows is None or seconds is None or seconds < 0 or weight is None or not 0 <= weight <= 1:
        return None
    return ChoiceCandidate(name, settings, score, seconds, rows, weight)


def _text(stated: Json, name: str, length: int) -> str:
    value = stated.get(name)
    return shorten_line(printable(value[: length + 1]), length) if isinstance(value, str) else ""


def _count(stated: Json, name: str) -> int | None:
    value = finite(stated.get(name))
    return int(value) if value is not None and value >= 0 and value.is_integer() else None
