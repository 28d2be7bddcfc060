"""The description of an MLflow model, its MLmodel, as text that somebody else has written."""

from typing import Any

import yaml
from yaml.composer import ComposerError

from runs.contracts import Json

MOST_NODES = 10_000
"""Values that are read. MLflow writes about a hundred, one of which holds all columns. Python's objects for a
value take about a kilobyte, and a file has room for millions."""


class UnreadableModelError(ValueError):
    """An MLmodel is no YAML, or too much of it; the message says what is wrong with it."""


class TextLoader(yaml.BaseLoader):
    """Reads YAML of at most MOST_NODES values, of which each is a text, a list or a dict.

    Numbers, dates and merges (`<<`) are not interpreted. A number can have more digits than Python converts,
    a date can be none, and nine levels of merges of nine others are 400 million pairs in a few hundred bytes.
    """

    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ComposerError(None, None, f"it has more than {MOST_NODES:,} values")
        return super().compose_node(parent, index)


def parse(content: bytes) -> Json:
    """What an MLmodel says, with texts in place of numbers; {} if it is no mapping.

    Raises UnreadableModelError.
    """
    try:
        document = yaml.load(content, TextLoader)  # noqa: S506 - it makes texts, lists and dicts alone
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableModelError(str(error)) from None
    return document if isinstance(document, dict) else {}
