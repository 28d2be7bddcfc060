"""The rows of the sample, as the comparison with the champion, the report and the profile need them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import touchdown_model as model
from cache import Batch
from schema import Plan
from survey import Survey


@dataclass
class SampledRows:
    """The sample's rows, with their values, labels and whether they are held out.

    batch: the values, laid out as in the cache; places: the row of its numbers or codes that holds a column.
    labels: class indices, -1 if a row has no label; or numbers, NaN if it has none.
    """

    survey: Survey
    batch: Batch
    places: dict[str, int]
    labels: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, survey: Survey, plan: Plan) -> SampledRows:
        sample = survey.sample
        batch = sample.batch()
        labels = plan.labels(batch)
        places = {
            name: place
            for names in (survey.number_columns, survey.text_columns)
            for place, name in enumerate(names)
        }
        return cls(survey, batch, places, labels, plan.split.of(sample.rows) & plan.labelled(labels))

    def held(self, most: int | None = None) -> np.ndarray:
        """The indices of the hold-out rows in the sample; only the first `most` of them if given."""
        return np.flatnonzero(self.held_out)[:most]

    def values(self, name: str) -> np.ndarray:
        """A column of numbers, booleans or dates: float64, NaN where a value is missing."""
        values: np.ndarray = self.batch.numbers[self.places[name]]
        return values

    def counts(self, name: str) -> dict[str | None, int]:
        """How many rows each text of a column has.

        As drift.bins takes them: None stands for missing values, "" for the texts that the survey merged.
        """
        texts = self.survey.levels[name].codes
        # The codes below 0 come first: OTHER, then MISSING.
        counts = np.bincount(self.batch.codes[self.places[name]] - model.OTHER, minlength=len(texts) + 2)
        pairs = zip(["", None, *texts], counts.tolist(), strict=True)
        return {text: count for text, count in pairs if count}

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The raw cells of the rows, parsed at the first use."""
        return self.survey.sample.table().to_pandas()
