"""What the first bytes of a dataset show about its label: the task that it suggests, and its faults."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from runs.contracts import RunSettings
from runs.text import quote
from trainer import dialect, dialect_label, dialect_label_hints, dialect_notations
from trainer.dialect_label import LabelReading
from trainer.dialect_numbers import Notation, number


@dataclass(frozen=True)
class Label:
    """A label column as the first bytes show it.

    notation: how its numbers are written. cells: line number and text of each row. reading: what the texts
    mean.
    """

    name: str
    notation: Notation
    cells: list[tuple[int, str]]
    reading: LabelReading

    @property
    def column(self) -> str:
        return f"column {quote(self.name)}"

    def number_of(self, text: str) -> float | None:
        return number(text, self.notation)

    def is_missing(self, text: str) -> bool:
        """Whether a text of a label of numbers stands for a missing one."""
        return dialect.is_missing(text) or text in self.reading.words or dialect_label.is_doubtful(text)


def label_of(found: dialect.Inspection, name: str) -> Label:
    known = [cell for cell in found.cells(name) if not dialect.is_missing(cell)]
    notation = dialect_notations.notation_of(known, found.dialect.decimal)
    reading = dialect_label.read_head(found, name, partial(number, notation=notation), dialect.is_missing)
    return Label(name, notation, list(zip(found.lines, found.cells(name), strict=True)), reading)


def problem_of(found: dialect.Inspection, wanted: RunSettings) -> str:
    """Why the first bytes of a dataset already show that its label cannot be learned, or "".

    The text names column, row and remedy. What later rows could still change counts only if all rows have
    been read.
    """
    label = label_of(found, wanted.label)
    if wanted.task == "regression" and (problem := text_in_regression(label)):
        return problem
    if not found.whole:
        return ""
    if wanted.task == "regression":
        known = numbers_of(label)
        return mostly_missing(label, known) or single_value(label, known) or identifier(label, known)
    known = classes_of(label)
    problem = mostly_missing(label, known) or single_value(label, known) or identifier(label, known)
    if problem or wanted.rare_classes != "refuse":
        return problem
    return class_of_one_row(label, known)


Known = list[tuple[int, str, str]]
"""Of each row with a label: its line, what it has in common with others of the same label, and its text."""


def classes_of(label: Label) -> Known:
    names = label.reading.names
    return [(line, names[text], text) for line, text in label.cells if text in names]


def numbers_of(label: Label) -> Known:
    return [
        (line, str(number), text)
        for line, text in label.cells
        if (number := label.number_of(text)) is not None
    ]


def text_in_regression(label: Label) -> str:
    for line, text in label.cells:
        if label.number_of(text) is None and not label.is_missing(text):
            return (
                f"{label.column}, row {line}: {quote(text.strip())} is not a number; correct it, name another"
                ' label, or set task to "classification".'
            )
    return ""


def mostly_missing(label: Label, known: Known) -> str:
    rows = len(label.cells)
    if len(known) * 2 >= rows:
        return ""
    there = {line for line, _, _ in known}
    missing = [line for line, _ in label.cells if line not in there]
    return (
        f"{label.column}, row {missing[0]}: the label is missing, as in {len(missing)} of"
        f" {rows} rows; fill in more than half of them{dialect_label_hints.no_word(label.reading)}, or name"
        " another label."
    )


def single_value(label: Label, known: Known) -> str:
    if len({value for _, value, _ in known}) != 1:
        return ""
    writings = dict.fromkeys(text.strip() for _, _, text in known)
    also = f" (also written {', '.join(map(quote, list(writings)[1:5]))})" if len(writings) > 1 else ""
    empty = dialect_label_hints.no_word(label.reading) if len(known) < len(label.cells) else ""
    return (
        f"{label.column}, rows {known[0][0]} to {known[-1][0]}: the only label is"
        f" {quote(next(iter(writings)))}{also}; add rows with another one{empty}, or name another label."
    )


def identifier(label: Label, known: Known) -> str:
    """What is wrong with a label that identifies rows: every value differs."""
    if len({value for _, value, _ in known}) < len(known) or not known:
        return ""
    numbers = [number for _, _, text in known if (number := label.number_of(text)) is not None]
    span: float | None = None
    if len(numbers) == len(known) and not label.reading.codes:
        if label.reading.fractions:
            return ""
        span = max(numbers) - min(numbers)
    if not dialect_label.names_rows(label.name, len(known), span):
        return ""
    if not label.reading.numeric:
        example = quote(known[0][2].strip())
        return (
            f"{label.column}: each of {len(known)} rows holds another text, such as {example},"
            " so there are no classes to learn; name the column to predict with the setting label, or correct"
            " this one if it holds numbers."
        )
    return (
        f"{label.column}: each of {len(known)} rows holds another number, as an identifier does, so there is"
        " nothing to learn; name the column to predict with the setting label."
    )


def class_of_one_row(label: Label, known: Known) -> str:
    counts = Counter(name for _, name, _ in known)
    for line, name, text in known:
        if counts[name] == 1:
            remedy = ', or set task to "regression" if the numbers are quantities'
            if not label.reading.numeric:
                texts = Counter(text for _, _, text in known)
                remedy = dialect_label_hints.hint(texts, label.number_of)
            return (
                f"{label.column}, row {line}: class {quote(text.strip())} has this one row, and training and"
                " hold-out need one each; add rows of it, remove this one, or set rare_classes to"
                f' "merge"{remedy}.'
            )
    return ""
