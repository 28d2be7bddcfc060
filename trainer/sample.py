"""A random sample of a dataset's rows that stays in memory.

The profile, drift and importance are computed from their values. Their text is kept as well, for the
champion, which parses it in its own way.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
from cache import Batch
from parsing import Parsed, Parser
from reading import Block

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 10_000
SAMPLE_CELLS = 1_000_000
SAMPLE_BYTES = 64 << 20
FEWEST_ROWS = 200
"""Rows that are sampled even if they exceed the other limits."""


class Sample:
    """The rows with the smallest hashes: a random sample of limited size that is the same every time.

    Rows whose hash is below a limit are held out, so of a large dataset all sampled rows are hold-out rows.
    Their text is parsed only when it is needed, because most rows that enter the sample leave it again.
    """

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.most = min(SAMPLE_ROWS, max(FEWEST_ROWS, SAMPLE_CELLS // len(parser.source.inspection.columns)))
        self.rows = np.empty(0, dtype=np.int64)
        """The numbers of the sampled rows, in ascending order."""
        self._hashes = np.empty(0, dtype=np.uint64)
        self._records: list[pa.LargeBinaryArray] = []
        self._batches: list[Batch] = []
        self._bytes = 0
        self._below = np.uint64(2**64 - 1)

    def add(
        self,
        parsed: Parsed,
        start: int,
        hashes: np.ndarray,
        numbers: list[np.ndarray],
        codes: np.ndarray,
        label: np.ndarray,
    ) -> None:
        """Sample a block's rows.

        start: the number of its first row; hashes: those that decide on the hold-out; numbers, codes, label:
        as for Cache.
        """
        count = parsed.table.num_rows
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
        """The text of the wanted rows of a block that has `count` rows.

        If every line is a record, the lines are cut out without parsing the block.
        """
        import pyarrow as pa

        if block.lines_are_records(count):
            data, feeds = block.data, block.feeds
            # A line begins where the previous one ends. The last line may have no line end.
            lines = np.stack([wanted - 1, wanted], axis=1).ravel()
            bounds = feeds.after(lines.clip(0, feeds.count - 1)) if feeds.count else np.zeros_like(lines)
            bounds[lines < 0] = 0
            bounds[lines == feeds.count] = len(data)
            offsets, texts = pa.py_buffer(bounds), pa.py_buffer(data)
            stretches = pa.LargeBinaryArray.from_buffers(
                pa.large_binary(), len(bounds) - 1, [None, offsets, texts]
            )
            # Every second stretch is a record; the others are the lines between the wanted ones.
            return stretches.take(pa.array(np.arange(0, len(stretches), 2)))
        text = io.StringIO(newline="")
        separator = self._parser.source.inspection.dialect.separator
        writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = []
        cells = self._parser.whole_rows(block).take(wanted).to_pydict().values()
        for row in zip(*cells, strict=True):
            text.seek(0)
            text.truncate()
            writer.writerow(row)
            records.append(text.getvalue().encode())
        return pa.array(records, pa.large_binary())

    def prune(self) -> None:
        """Drop the rows that are not among the sampled ones any more."""
        import pyarrow as pa

        if self._bytes > SAMPLE_BYTES:
            # The rows are long, so fewer are sampled from now on, still those with the smallest hashes.
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
        """The values of the sampled rows. The batch's start is 0, because they are not consecutive rows."""
        parts = self._batches
        if len(parts) != 1:
            numbers = np.concatenate([part.numbers for part in parts], axis=1)
            codes = np.concatenate([part.codes for part in parts], axis=1)
            parts[:] = [Batch(0, numbers, codes, np.concatenate([part.label for part in parts]))]
        return parts[0]

    def table(self, places: np.ndarray | None = None) -> pa.Table:
        """The sampled rows, or those at some places among them, with every cell as text."""
        import pyarrow as pa

        records = pa.chunked_array(self._records, pa.large_binary())
        lines = (records if places is None else records.take(pa.array(places))).to_pylist()
        data = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        return self._parser.texts(Block(data, 1, quoted=b'"' in data))


def batch_of(numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray, rows: np.ndarray) -> Batch:
    """Some rows of a block. The batch's start is 0, because they are not consecutive."""
    return Batch(
        0,
        np.stack([column.take(rows) for column in numbers]) if numbers else np.empty((0, len(rows))),
        codes.take(rows, axis=1),
        label.take(rows),
    )
