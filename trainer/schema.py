"""What a survey means for a model: the columns it takes, what it predicts, and which rows are held out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import touchdown_model as model
from cache import Batch
from class_weights import BALANCED, NO_CLASSES, NOTE, balanced
from column_choice import Choice, choose_columns
from deciding_metric import Deciding
from holdout import Split
from label_choice import Label, choose_label
from survey import Survey
from text import quoted

MOST_RENAMED = 100
"""Renamed columns that notes mention."""
MOST_CLASSES = 10
"""Classes whose shares at each level of a category are features: the most frequent ones."""
FEATURE_ORDER = {model.NUMBER: 0, model.BOOLEAN: 0, model.DATE: 3, model.CATEGORY: 4}


@dataclass
class Plan:
    """A schema and how its columns are filled from the cache.

    places: for each of the schema's columns, its row in the batches' numbers or codes. lookups: for a
    category, the level of each of the survey's codes. class_of: for each code of the survey's classes, the
    index of its class, -1 if its rows are left out. label: what is predicted, and how it is written.
    typed: the type of each column in the model's signature. label_reach: the least and the largest
    standardised label of a regression; others are trained on as these. deciding: the metric that decides on
    the model. copies: how many equal rows a hold-out row stands for in effect; 1 if there are no copies.
    balanced: whether the rows of each class together count as much as those of any other in training.
    suspicions: those of the notes that say what may make the model look better than it is.
    """

    schema: model.Schema
    places: list[int]
    lookups: list[np.ndarray | None]
    class_of: np.ndarray
    label: Label
    split: Split
    typed: dict[str, str]
    deciding: Deciding = field(default_factory=Deciding)
    copies: float = 1.0
    balanced: bool = False
    dropped: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    label_reach: tuple[float, float] = (-np.inf, np.inf)

    def values(self, batch: Batch, rows: np.ndarray) -> list[np.ndarray]:
        """The values of some of a batch's rows, one array for each of the schema's columns."""
        found = []
        for place, lookup in zip(self.places, self.lookups, strict=True):
            if lookup is None:
                found.append(batch.numbers[place][rows])
            else:
                found.append(lookup[batch.codes[place][rows]])
        return found

    def codes(self, place: int, batch: Batch, rows: np.ndarray) -> np.ndarray:
        """The levels of some of a batch's rows, of the category at a place of the schema."""
        lookup = self.lookups[place]
        assert lookup is not None
        found: np.ndarray = lookup[batch.codes[self.places[place]][rows]]
        return found

    def labels(self, batch: Batch) -> np.ndarray:
        """The label of each row: class indices as int64, or float64. -1 or NaN stands for a missing label."""
        if not self.schema.classes:
            return batch.label
        known = ~np.isnan(batch.label)
        found = np.full(len(batch.label), -1, dtype=np.int64)
        found[known] = self.class_of[batch.label[known].astype(np.int64)]
        return found

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """What an estimator learns, as float64: class indices, or numbers standardised and within reach.

        labels: as `labels` returns them, of rows that have one.
        """
        if self.schema.classes:
            return labels.astype(np.float64)
        return model.standardised(labels, self.schema.label_mean, self.schema.label_scale, self.label_reach)

    def class_weights(self, target: np.ndarray) -> np.ndarray | None:
        """How much a row of each class counts; None if all rows count alike.

        target: as `targets` returns it, of all rows that are trained on.
        """
        if not self.balanced:
            return None
        return balanced(np.bincount(target.astype(np.int64), minlength=len(self.schema.classes)))

    def labelled_rows(self, survey: Survey) -> int:
        """How many rows are trained on or held out."""
        if not self.schema.classes:
            return int(survey.labels.known[0])
        return int(survey.classes.counts[self.class_of >= 0].sum())

    def labelled(self, labels: np.ndarray) -> np.ndarray:
        """Whether each row has a label. labels: as `labels` returns them."""
        return labels >= 0 if self.schema.classes else ~np.isnan(labels)


def plan(survey: Survey, rare_classes: str, class_weights: str, encodes: bool = False) -> Plan:
    """Decide what is trained. rare_classes: "refuse" or "merge" classes of one row. class_weights: "equal" or
    "balanced". encodes: whether the training encodes categories with many levels by the label.

    Raises BadInputError if there is nothing to predict or nothing to learn from.
    """
    label = choose_label(survey, rare_classes)
    effects = (1 if len(label.classes) < 3 else min(len(label.classes), MOST_CLASSES)) if encodes else 0
    choice = choose_columns(survey, effects)
    deciding = _deciding(survey, label)
    weighted = class_weights == BALANCED
    # Numbers without gaps come first: design.Design makes their features many columns at a time.
    ordered = sorted(choice.chosen.values(), key=lambda each: _order(each.column))
    schema = model.Schema(
        columns=tuple(each.column for each in ordered),
        label=survey.label,
        classes=label.classes,
        label_mean=label.mean,
        label_scale=label.scale,
    )
    return Plan(
        schema,
        places=[each.place for each in ordered],
        lookups=[each.lookup for each in ordered],
        class_of=label.class_of,
        label=label,
        split=label.split,
        typed=_signature(survey, choice),
        deciding=deciding,
        balanced=weighted and bool(label.classes),
        dropped=[
            {"column": name, "why": choice.dropped[name]} for name in survey.forms if name in choice.dropped
        ],
        notes=[
            *filter(None, [deciding.note]),
            *([NOTE if label.classes else NO_CLASSES] if weighted else []),
            *survey.source.notes,
            *_renamed(survey),
            *label.notes,
            *choice.notes,
        ],
        label_reach=label.reach,
    )


def _order(column: model.Column) -> int:
    return FEATURE_ORDER[column.kind] or (2 if column.unit else int(column.indicator))


def _deciding(survey: Survey, label: Label) -> Deciding:
    if not label.classes:
        return Deciding()
    known = label.class_of >= 0
    return Deciding.among(label.classes, np.bincount(label.class_of[known], survey.classes.counts[known]))


def _signature(survey: Survey, choice: Choice) -> dict[str, str]:
    """The type of each column in the model's signature: double if pandas reads all its cells as numbers."""
    dirty = dict(zip(survey.number_columns, survey.numbers.dirty, strict=True))
    return {
        name: "double"
        if each.column.kind == model.NUMBER
        and (each.column.notation.decimal, each.column.notation.unit) == (".", "")
        and not dirty[name]
        else "string"
        for name, each in choice.chosen.items()
    }


def _renamed(survey: Survey) -> list[str]:
    """Notes on columns whose names in the header are empty or taken by an earlier column."""
    return [
        f"column {quoted(old)} is called {quoted(new)}, because an earlier column has its name"
        if old.strip()
        else f"a column without a name is called {quoted(new)}"
        for new, old in list(survey.source.inspection.renamed.items())[:MOST_RENAMED]
    ]
