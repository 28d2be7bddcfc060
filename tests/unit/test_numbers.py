"""Numbers as people and programs write them: what a cell, and what a column of them, is read as."""

import pytest

from trainer.dialect_numbers import Notation, number


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        (" 1.5 ", ".", 1.5),
        ("1,5", ",", 1.5),
        ("1,5", ".", None),
        ("-1e3", ".", -1000.0),
        ("1.000,5", ",", 1000.5),
        ("٣", ".", None),
        ("1_000", ".", None),
        ("0x10", ".", None),
        ("", ".", None),
    ],
)
def test_a_plain_number_is_what_pandas_reads_as_one(cell: str, decimal: str, value: float | None) -> None:
    assert number(cell, Notation(decimal)) == value
