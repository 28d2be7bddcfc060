"""The predictions of a scoring job, read from its predictions.csv and checked against what its model returns.

The file has no header. Its documented columns are the number of the row, the prediction and the name of the
scored file ("Deploy MLflow models in batch deployments"). If the model returns a table, its other columns
follow the prediction. If it returns an array, there is no row number, and the name of the file comes first.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from runs.contracts import Json
from runs.text import quote
from trainer.dialect import csv_rows

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_ROW = re.compile(r"\d{1,18}", re.ASCII)


class UnsoundPredictionsError(ValueError):
    """A predictions.csv does not hold what its model returns; the message says what is wrong with it."""


@dataclass(frozen=True)
class Returned:
    """What a model returns for one row.

    width: the number of its columns, of which the prediction is the first. classes: those that a
    classification may predict; None for a regression, whose prediction is a number.
    """

    width: int
    classes: frozenset[str] | None
    _by_spelling: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spellings = {_spelled(each): each for each in sorted(self.classes or ())}
        object.__setattr__(self, "_by_spelling", spellings)

    def prediction(self, cell: str) -> str | None:
        """What a cell predicts: a class as training knew it, or a finite number; None if it is neither.

        Line ends and runs of spaces in a class are not compared: Python before 3.13 writes a cell with a
        carriage return into a CSV without quotes, so that it cannot be read as it was.
        """
        if self.classes is None:
            return cell if _NUMBER.fullmatch(cell) and abs(float(cell)) != float("inf") else None
        return cell if cell in self.classes else self._by_spelling.get(_spelled(cell))


def returned(described: Json, metrics: Json, task: str) -> Returned:
    """What a model returns, from its MLmodel, its metrics.json and the task of its run.

    A model whose signature names no columns returns one. Raises UnsoundPredictionsError if a classification
    names no classes.
    """
    width = max(1, len(output_names(described)))
    if task == "regression":
        return Returned(width, None)
    classes = metrics.get("classes")
    if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
        raise UnsoundPredictionsError("its metrics.json names no classes")
    return Returned(width, frozenset(classes))


def output_names(described: Json) -> list[str]:
    """The names of the columns that a model returns, by the signature in its MLmodel; [] if that has none."""
    signature = described.get("signature")
    outputs = _list(signature.get("outputs") if isinstance(signature, dict) else None)
    return [str(each["name"]) for each in outputs if isinstance(each, dict) and "name" in each]


def read(text: str, file: str, returned: Returned) -> list[str]:
    """The predictions in `text`, in the order of the rows of the scored file, whose name is `file`.

    Raises UnsoundPredictionsError as `answers` does, or if a prediction is no class of the model or no
    finite number.
    """
    return list(_checked((row[0] for row in answers(text, file, returned.width)), returned))


def answers(text: str, file: str, width: int) -> list[list[str]]:
    """What the model returned, `width` cells for each row, in the order of the rows of the scored file.

    Raises UnsoundPredictionsError if a row has other columns, as from a driver that writes the input too, or
    comes twice.
    """
    rows = _without_file(_rows(text), file)
    widths = {len(row) for row in rows}
    if widths == {width + 1} and all(_ROW.fullmatch(row[0]) for row in rows):
        if len({int(row[0]) for row in rows}) != len(rows):
            raise UnsoundPredictionsError("a row number comes twice")
        return [row[1:] for row in sorted(rows, key=lambda row: int(row[0]))]
    if widths == {width}:
        return rows
    found = " or ".join(str(each + 1) for each in sorted(widths))
    raise UnsoundPredictionsError(
        f"its rows have {found} columns, not a row number, {width} of the model and a file name"
    )


def _rows(text: str) -> list[list[str]]:
    """The rows of the file. A carriage return that ends no line is in a cell, and read as a space."""
    lines = io.StringIO(text.replace("\r\n", "\n").replace("\r", " "))
    try:
        rows = [row for row in csv_rows(lines) if row]
    except csv.Error as error:
        raise UnsoundPredictionsError(f"it is not CSV: {error}") from None
    if not rows:
        raise UnsoundPredictionsError("it is empty")
    return rows


def _without_file(rows: list[list[str]], file: str) -> list[list[str]]:
    """The rows without the column that holds the name of the scored file: the last one, or else another."""
    width = min(len(row) for row in rows)
    for place in (-1, *range(width)):
        if all(row[place].rpartition("/")[2] == file for row in rows):
            return [row[:place] + row[place:][1:] for row in rows]
    raise UnsoundPredictionsError(f"no column holds the name of the scored file, {file}")


def _checked(cells: Iterable[str], returned: Returned) -> Iterable[str]:
    for number, cell in enumerate(cells, start=1):
        prediction = returned.prediction(cell)
        if prediction is None:
            wanted = "a finite number" if returned.classes is None else "a class of the model"
            raise UnsoundPredictionsError(f"its prediction {number} is {quote(cell)}, not {wanted}")
        yield prediction


def _spelled(label: str) -> str:
    return " ".join(label.split())


def _list(text: object) -> list[object]:
    """The JSON list in a text, or an empty one."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
