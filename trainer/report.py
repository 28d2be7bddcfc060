"""The report of a run: one HTML file that needs no other file and no script.

Everything that comes from the dataset (names, classes, values, sentences that quote them) is inserted as
text. It is shortened, characters that cannot be printed are written as escapes, and the template escapes
whatever it is given. The page loads nothing, and its content security policy forbids a browser to run or load
anything.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report_view import MAX_SENTENCE, view
from text import shorten

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).with_name("report.html.j2")
MAX_NAME = 80
"""Characters of a column, a class or a value."""
UNKNOWN = "\N{EN DASH}"


def render(document: Mapping[str, Any]) -> str:
    """The page of a document; it lacks the parts that the document lacks or holds as null.

    document: what the trainer collects ("run_id", "dataset", "task", "label", "metrics", "gate" and so on),
    as JSON. Any value may come from the dataset, and is inserted as text.
    """
    with warnings.catch_warnings():
        # matplotlib warns of scripts that the font it measures with lacks; the reader's fonts have them.
        warnings.simplefilter("ignore")
        return _template().render(view(document))


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"name": name, "sentence": sentence, "number": number, "percent": percent}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


# --- The template's filters ---------------------------------------------------------------------------------


def name(text: object) -> str:
    """A column, a class or a value; one that would be invisible is put in quotes."""
    short = shorten(text, MAX_NAME)
    return short if short.strip() else f'"{short}"'


def sentence(text: object) -> str:
    return shorten(text, MAX_SENTENCE)


def number(value: object) -> str:
    """A number with its significant digits; a dash for None; a text, such as a date, as it is."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool) or not isinstance(value, int | float):
        return name(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    if isinstance(value, int):
        return f"about 1e{len(str(abs(value))) - 1}" if abs(value) < 10**4000 else "enormous"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.1f}"
    return f"{value:.4g}"


def percent(share: float | None) -> str:
    if share is None:
        return UNKNOWN
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"
