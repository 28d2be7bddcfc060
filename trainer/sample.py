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
from parsing import Parsed, Parser
from reading import Block

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
        self._records: list[pa.LargeBinaryArray] = []
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
        if len(self.rows) + len(wanted) > self.most:
            every = np.concatenate([self._hashes, hashes[wanted]])
            self._below = np.partition(every, self.most - 1)[self.most - 1]
            wanted = wanted[hashes[wanted] <= self._below]
        if not len(wanted):
            return
        self._records.append(self._raw(parsed.block, wanted, count))
        self._batches.append(batch_of(numbers, codes, label, wanted))
        self._bytes += self._records[-1].nbytes
        self.rows = np.concatenate([self.rows, wanted + start])
        self._hashes = np.concatenate([self._hashes, hashes[wanted]])
        if len(self.rows) > 2 * self.most or self._bytes > 2 * SAMPLE_BYTES:
            self.prune()

    def _raw(self, block: Block, wanted: np.ndarray, count: int) -> pa.LargeBinaryArray:
        """Records of a block of `count` rows; the others are not parsed where lines are records."""
        import pyarrow as pa

        if block.lines_are_records(count):
            data, feeds = block.data, block.feeds
            # Where each begins, behind the line before it, and where it ends; the last line may have no end.
            lines = np.stack([wanted - 1, wanted], axis=1).ravel()
            bounds = feeds.after(lines.clip(0, feeds.count - 1)) if feeds.count else np.zeros_like(lines)
            bounds[lines < 0] = 0
            bounds[lines == feeds.count] = len(data)
            offsets, texts = pa.py_buffer(bounds), pa.py_buffer(data)
            stretches = pa.LargeBinaryArray.from_buffers(
                pa.large_binary(), len(bounds) - 1, [None, offsets, texts]
            )
            return stretches.take(pa.array(np.arange(0, len(stretches), 2)))  # every second is a record
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
        return pa.array(records, pa.large_binary())

    def prune(self) -> None:
        """Keep only those of the rows so far that are sampled."""
        import pyarrow as pa

        if self._bytes > SAMPLE_BYTES:
            # Rows of long texts: from here on fewer are sampled, still those with the smallest hashes.
            self.most = max(FEWEST_ROWS, min(self.most, len(self.rows) * SAMPLE_BYTES // self._bytes))
        if len(self.rows) > self.most:
            kept = np.sort(np.argpartition(self._hashes, self.most)[: self.most])
            self._records = [pa.concat_arrays(self._records).take(pa.array(kept))]
            batch = self.batch()
            self._batches = [batch_of(list(batch.numbers), batch.codes, batch.label, kept)]
            self.rows, self._hashes = self.rows[kept], self._hashes[kept]
            self._below = self._hashes.max()
            self._bytes = self._records[0].nbytes

    def batch(self) -> Batch:
        """The values of the rows kept so far, as the cache has them; they lie apart, so its start is 0."""
        parts = self._batches
        if len(parts) != 1:
            numbers = np.concatenate([part.numbers for part in parts], axis=1)
            codes = np.concatenate([part.codes for part in parts], axis=1)
            parts[:] = [Batch(0, numbers, codes, np.concatenate([part.label for part in parts]))]
        return parts[0]

    def table(self, places: np.ndarray | None = None) -> pa.Table:
        """What stands in the sampled rows (in some of them), every cell a text."""
        import pyarrow as pa

        records = pa.chunked_array(self._records, pa.large_binary())
        lines = (records if places is None else records.take(pa.array(places))).to_pylist()
        data = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        return self._parser.texts(Block(data, 1, quoted=b'"' in data))


def batch_of(numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray, rows: np.ndarray) -> Batch:
    """Some rows of a block's columns."""
    return Batch(
        0,
        np.stack([column.take(rows) for column in numbers]) if numbers else np.empty((0, len(rows))),
        codes.take(rows, axis=1),
        label.take(rows),
    )
