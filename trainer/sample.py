"""Some rows of a dataset that stay in memory.

Their values are there for profile, drift and importance; what stands in the file, for a champion, which reads
that in its own way.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
from cache import Batch
from holdout import row_hashes
from reading import Block, Parsed, Parser

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 10_000
SAMPLE_CELLS = 1_000_000
SAMPLE_BYTES = 64 << 20
FEWEST_ROWS = 200
"""Rows that are sampled however wide and long they are."""


class Sample:
    """The rows whose hashes are smallest: chosen by chance, always the same, and bounded.

    The hold-out is the rows below a hash, so of a large dataset these are all hold-out rows. What stands in
    them is kept as text, since most rows that are among them for a while are not in the end.
    """

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.most = min(SAMPLE_ROWS, max(FEWEST_ROWS, SAMPLE_CELLS // len(parser.source.look.columns)))
        self.rows = np.empty(0, dtype=np.int64)
        """Their numbers, ascending."""
        self._hashes = np.empty(0, dtype=np.uint64)
        self._records: list[bytes] = []
        self._batches: list[Batch] = []
        self._bytes = 0
        self._below = np.uint64(2**64 - 1)

    def add(
        self, parsed: Parsed, start: int, numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray
    ) -> None:
        """Look at a block, the first row of which has the number `start`; with it, what the cache gets."""
        count = parsed.table.num_rows
        hashes = row_hashes(start, count)
        wanted = np.flatnonzero(hashes <= self._below)
        if len(wanted) > self.most:
            wanted = np.sort(wanted[np.argpartition(hashes[wanted], self.most)[: self.most]])
        if not len(wanted):
            return
        records = self._raw(parsed.block, wanted, count)
        self._records += records
        self._batches.append(batch_of(numbers, codes, label, wanted))
        self._bytes += sum(map(len, records))
        self.rows = np.concatenate([self.rows, wanted + start])
        self._hashes = np.concatenate([self._hashes, hashes[wanted]])
        if len(self.rows) > 2 * self.most or self._bytes > 2 * SAMPLE_BYTES:
            self._prune()

    def _raw(self, block: Block, wanted: np.ndarray, count: int) -> list[bytes]:
        """Records of a block of `count` rows; the others are not parsed where lines are records."""
        if not block.quoted:
            data, feeds = block.data, block.feeds
            if feeds.count + (not data.endswith(b"\n")) == count:
                starts = feeds.after(wanted[wanted > 0] - 1).tolist()
                if wanted[0] == 0:
                    starts = [0, *starts]
                ends = (data.find(b"\n", start) + 1 or len(data) for start in starts)
                return [data[start:end] for start, end in zip(starts, ends, strict=True)]
        text = io.StringIO(newline="")
        separator = self._parser.source.look.dialect.separator
        writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = []
        cells = self._parser.texts(block).take(wanted).to_pydict().values()
        for row in zip(*cells, strict=True):
            text.seek(0)
            text.truncate()
            writer.writerow(row)
            records.append(text.getvalue().encode())
        return records

    def _prune(self) -> None:
        if self._bytes > SAMPLE_BYTES:
            # Rows of long texts: from here on fewer are sampled, still those with the smallest hashes.
            self.most = max(FEWEST_ROWS, min(self.most, len(self.rows) * SAMPLE_BYTES // self._bytes))
        if len(self.rows) > self.most:
            kept = np.sort(np.argpartition(self._hashes, self.most)[: self.most])
            self._records = [self._records[place] for place in kept]
            batch = self.batch()
            self._batches = [batch_of(list(batch.numbers), batch.codes, batch.label, kept)]
            self.rows, self._hashes = self.rows[kept], self._hashes[kept]
            self._below = self._hashes.max()
            self._bytes = sum(map(len, self._records))

    def batch(self) -> Batch:
        """The values of the rows kept so far, as the cache has them; they lie apart, so its start is 0."""
        parts = self._batches
        if len(parts) != 1:
            numbers = np.concatenate([part.numbers for part in parts], axis=1)
            codes = np.concatenate([part.codes for part in parts], axis=1)
            parts[:] = [Batch(0, numbers, codes, np.concatenate([part.label for part in parts]))]
        return parts[0]

    def close(self) -> None:
        """Keep only the sampled rows; there are no more to come."""
        self._prune()

    def table(self, places: np.ndarray | None = None) -> pa.Table:
        """What stands in the sampled rows (in some of them), every cell a text."""
        records = self._records if places is None else [self._records[place] for place in places]
        data = b"".join(each if each.endswith(b"\n") else each + b"\n" for each in records)
        return self._parser.texts(Block(data, 1, quoted=b'"' in data))


def batch_of(numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray, rows: np.ndarray) -> Batch:
    """Some rows of a block's columns."""
    return Batch(
        0,
        np.stack([column.take(rows) for column in numbers]) if numbers else np.empty((0, len(rows))),
        codes.take(rows, axis=1),
        label.take(rows),
    )
