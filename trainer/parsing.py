"""Blocks of a dataset parsed into columns by pyarrow, and the row in the file that an error is about.

Rows are counted as a text editor counts lines, so the header is row 1.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import dialect
from lines import lines_in
from reading import Block, Source
from text import quoted

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = "texts"
"""The type of a column whose cells are read as codes into its different texts."""
MOST_RETRIES = 8
"""Number columns of one block that may turn out to hold text before all of them are read as text."""


class NotUtf8Error(Exception):
    """The dataset holds bytes that are not UTF-8, although its first megabyte is UTF-8.

    block: the bytes of the block that holds them.
    """

    def __init__(self, message: str, block: bytes) -> None:
        super().__init__(message)
        self.block = block


@dataclass
class Parsed:
    """A block as a pyarrow Table, with all columns of the dataset in the order of the file."""

    block: Block
    table: pa.Table


@dataclass(frozen=True)
class Parser:
    """Parses the blocks of one dataset. numbers: the columns to read as float64; all others are text.

    A missing value is NaN in a column of numbers; in one of text it is whatever text stands for it.
    """

    source: Source
    numbers: frozenset[str]

    def parse(self, block: Block) -> Parsed:
        """The columns of a block. A number column with a cell that is not a number is returned as text.

        Raises BadInputError, which names the row, and NotUtf8Error.
        """
        import pyarrow as pa

        numbers = set(self.numbers)
        for _ in range(len(numbers) + 1):
            try:
                parsed = Parsed(block, self._read(block, numbers))
                self._check_nameless(block)
                return parsed
            except pa.ArrowInvalid as error:
                message = str(error)
                place = re.search(r"In CSV column #(\d+)", message)
                name = self.source.inspection.file_columns[int(place[1])] if place else ""
                if "invalid UTF8" in message:
                    self._not_utf8(block)
                if name in numbers:
                    # A wide block with many such columns is not read again for each of them.
                    numbers = numbers - {name} if len(self.numbers) - len(numbers) < MOST_RETRIES else set()
                    continue
                self._refuse(block, message)
        raise AssertionError("pyarrow refused a number in a block of which no column is read as numbers")

    def _read(self, block: Block, numbers: set[str]) -> pa.Table:
        types = {name: "float64" if name in numbers else TEXTS for name in self.source.inspection.columns}
        return read(block, self.source.inspection, types, missing=True)

    def texts(self, block: Block) -> pa.Table:
        """Every cell of a block as the text that the file holds."""
        types = dict.fromkeys(self.source.inspection.columns, "string")
        return read(block, self.source.inspection, types, missing=False)

    def whole_rows(self, block: Block) -> pa.Table:
        """As `texts`, with the columns that are left out because they have neither name nor value."""
        types = dict.fromkeys(self.source.inspection.file_columns, "string")
        return read(block, self.source.inspection, types, missing=False)

    def _check_nameless(self, block: Block) -> None:
        """Raises BadInputError if a column without a name, and without a value in the head, has a value."""
        inspection = self.source.inspection
        named = set(inspection.columns)
        nameless = [name for name in inspection.file_columns if name not in named]
        if not nameless:
            return
        table = read(block, inspection, dict.fromkeys(nameless, "string"), missing=True)
        for name in nameless:
            for record, text in enumerate(table[name].to_pylist()):
                if text is not None and text.strip():
                    self.source.refuse(
                        f"row {row_of(block, self.source, record)} holds {quoted(text)} in column"
                        f" {inspection.file_columns.index(name) + 1}, which has no name in the header and no"
                        " value further up; name the column or remove the value"
                    )

    def _not_utf8(self, block: Block) -> NoReturn:
        if self.source.encoding == "utf-8" and block.data.isascii() is False:
            try:
                block.data.decode("utf-8")
            except UnicodeDecodeError as error:
                line = block.line + lines_in(block.data[: error.start])
                raise NotUtf8Error(
                    f"row {line} holds bytes that are not UTF-8 text (0x{block.data[error.start]:02x});"
                    " export the data as CSV (UTF-8)",
                    block.data,
                ) from error
        raise AssertionError("pyarrow refused text as invalid UTF-8 that Python can decode")

    def _refuse(self, block: Block, message: str) -> NoReturn:
        """Name the row that pyarrow could not read, by reading the block again with the csv module."""
        columns = len(self.source.inspection.file_columns)
        rows = self.source.csv_rows(block.data, strict=True)
        line = block.line
        try:
            for cells in rows:
                if not is_blank(cells) and len(cells) != columns:
                    change = "complete" if len(cells) < columns else "correct"
                    self.source.refuse(
                        f"row {line} has {len(cells)} cells where the header has {columns}"
                        f" columns; {change} the row or remove it"
                    )
                line = block.line + rows.line_num
        except csv.Error as error:
            row = block.line + rows.line_num - 1
            self.source.refuse(f"row {row} is not valid CSV ({error}); check its quotes")
        self.source.refuse(
            f"the rows from {block.line} on are not valid CSV: {quoted(message)}; check their quotes"
        )


def read(block: Block, inspection: dialect.Inspection, types: dict[str, str], *, missing: bool) -> pa.Table:
    """Some columns of a block as a pyarrow Table. types: theirs, by name.

    missing: whether cells that pandas reads as missing become null.

    Raises pyarrow.ArrowInvalid.
    """
    import pyarrow as pa
    from pyarrow import csv as reader

    def invalid(row: reader.InvalidRow) -> str:
        return "skip" if row.actual_columns == 1 and not row.text.strip() else "error"

    return reader.read_csv(
        pa.BufferReader(block.data),
        read_options=reader.ReadOptions(
            column_names=inspection.file_columns, use_threads=False, block_size=len(block.data) + 1
        ),
        parse_options=reader.ParseOptions(
            delimiter=inspection.dialect.separator,
            newlines_in_values=block.quoted,
            invalid_row_handler=invalid,
        ),
        convert_options=reader.ConvertOptions(
            column_types={
                name: pa.dictionary(pa.int32(), pa.string()) if kind == TEXTS else pa.type_for_alias(kind)
                for name, kind in types.items()
            },
            include_columns=list(types),
            null_values=sorted(dialect.MISSING) if missing else [],
            # What a text means depends on its column: NA may be the name of a class.
            strings_can_be_null=False,
            decimal_point=inspection.dialect.decimal,
        ),
    )


def is_blank(cells: list[str]) -> bool:
    """Whether a row of a file with several columns is an empty line, which is skipped."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def row_of(block: Block, source: Source, record: int) -> int:
    """The row in the file where a block's record number `record` (from 0) begins."""
    rows = source.csv_rows(block.data)
    line, number = block.line, 0
    for cells in rows:
        if not is_blank(cells):
            if number == record:
                return line
            number += 1
        line = block.line + rows.line_num
    return line


def row_of_data_row(source: Source, row: int) -> int:
    """The row in the file where data row number `row` (from 0) begins. Reads the dataset up to it.

    Raises LookupError if there are fewer data rows.
    """
    parser = Parser(source, frozenset())
    start = 0
    for block in source.blocks():
        count = parser.parse(block).table.num_rows
        if row < start + count:
            return row_of(block, source, row - start)
        start += count
    raise LookupError(f"dataset {source.name} has only {start} data rows, so no row number {row}")
