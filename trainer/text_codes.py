"""Columns of text as codes into their different texts, and what those texts mean in a column of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import touchdown_model as model
from column_statistics import FLAWS, MOST_LEVELS

if TYPE_CHECKING:
    import pyarrow as pa

MEANING = np.dtype([("value", np.float64), *((flaw, np.int8) for flaw in FLAWS)])
"""What a text means in a column of numbers, booleans or dates. value: NaN if it has none; wrong: 1 if the
text is something else; infinite: 1 if it is an infinity or a number beyond touchdown_model.LARGEST; gap: 1
if it is a number that stands for a missing value; written: 1 if it is a number, but not plainly written. Of a
date, decisive: 1 if it fits the order of day and month in which the column is read, and not the other;
contrary: 1 if it fits the other and not this one."""


@dataclass(frozen=True)
class Vocabulary:
    """The texts that have occurred in one column of numbers, booleans or dates, and what each means.

    Dates above all recur in block after block, so each text is converted only once.
    texts: a pyarrow Array without nulls. meaning: an array of MEANING, as long as texts.
    """

    texts: pa.Array
    meaning: np.ndarray

    @classmethod
    def empty(cls) -> Vocabulary:
        import pyarrow as pa

        return cls(pa.array([], pa.string()), np.zeros(0, dtype=MEANING))

    def learn(
        self, texts: pa.Array, convert: Callable[[list[str | None]], np.ndarray]
    ) -> tuple[Vocabulary, np.ndarray]:
        """The vocabulary extended by a block's different texts, and what each of these means.

        convert: computes the meaning of new texts.
        """
        import pyarrow as pa
        from pyarrow import compute

        places = compute.index_in(texts, value_set=self.texts)
        new = texts.filter(compute.is_null(places))
        if len(new) > len(texts) / 2 and len(self.texts) > MOST_LEVELS:
            return self, convert(model.texts(texts.to_pylist()))  # texts that do not recur are not kept
        extended = self
        if len(new):
            meaning = convert(model.texts(new.to_pylist()))
            extended = Vocabulary(
                pa.concat_arrays([self.texts, new]), np.concatenate([self.meaning, meaning])
            )
            places = compute.index_in(texts, value_set=extended.texts)
        return extended, extended.meaning[places.to_numpy(zero_copy_only=False)]


def as_dictionary(cells: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column as codes into its different texts; numbers become text first."""
    import pyarrow as pa

    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    if pa.types.is_floating(array.type):
        array = array.cast(pa.string())
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def codes_of(cells: pa.DictionaryArray) -> np.ndarray:
    """int32 of shape (rows,), -1 where a cell is missing."""
    codes: np.ndarray = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes


def written(cells: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """As `encoded`, with each text as it is written; None for one of spaces alone."""
    dictionary = as_dictionary(cells)
    texts = dictionary.dictionary.to_pylist()
    return codes_of(dictionary), [text if text is not None and text.strip() else None for text in texts]


def encoded(cells: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """The codes of a column's cells, as `codes_of`, and the texts that they stand for."""
    dictionary = as_dictionary(cells)
    return codes_of(dictionary), model.texts(dictionary.dictionary.to_pylist())
