"""What stands around a table in its file, and unusual quotes, change nothing of what is learned from it."""

from typing import Any

import pytest

from tests.trainer.flat import flat_module
from tests.trainer.oddities import HEADER, ODDITIES, ROWS
from tests.trainer.test_dialects import outcome
from tests.trainer.workshop import Workshop, table

FEW = ["--algorithm", "linear", "--epochs", "2"]
CLEAN = table(HEADER, ROWS)


def told(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "notes"}


@pytest.fixture(scope="module")
def clean(workshop: Workshop) -> dict[str, Any]:
    return outcome(workshop.trained(CLEAN.encode(), *FEW))


TRAINED = ["sep=;", "titles with separators", "units", "totals and means", "Ctrl-Z", "trailing separators"]
TRAINED += ["backslashes", "blanks before quotes"]


@pytest.mark.parametrize("oddity", TRAINED)
def test_an_odd_file_gives_the_same_model_and_says_what_was_odd(
    oddity: str, workshop: Workshop, clean: dict[str, Any]
) -> None:
    write, note = ODDITIES[oddity]
    training = workshop.trained(write([HEADER, *ROWS]).encode(), *FEW)
    found = outcome(training)
    assert told(found) == told(clean)
    said = [each for each in found["notes"] if note in each]
    assert len(said) == 1, found["notes"]
    assert said[0] in training.stdout
    # The example beside the model is scored with the names that a clean file has.
    assert workshop.score(training, CLEAN.encode())["prediction"]


def test_a_label_in_another_case_is_the_only_column_that_it_can_be(
    workshop: Workshop, clean: dict[str, Any]
) -> None:
    training = workshop.trained(CLEAN.encode(), *FEW, "--label", "Churn")
    note = 'the label is column "churn", although "Churn" was named, in another case'
    assert told(outcome(training)) == told(clean)
    assert note in training.document["notes"]
    assert note in training.stdout


def test_a_value_far_down_in_a_column_without_a_name_is_refused_by_its_row(workshop: Workshop) -> None:
    rows = "".join(f"{n % 9},{n * 7 % 97},{'uv'[n % 2]},,\n" for n in range(120_000))
    training = workshop.train(f"a,b,y,,\n{rows}1,2,u,,lost\n3,4,v,,\n".encode())
    training.refused("row 120002 holds", '"lost" in column 5', "no name in the header", "remove the value")


def test_a_row_of_units_above_more_than_a_block_and_a_total_below_it_are_left_out(workshop: Workshop) -> None:
    rows = [[str(n % 9), f"{n * 7 % 97}.{n}", "uv"[(n % 9 > 4) != (n % 11 == 0)]] for n in range(130_000)]
    lines = "".join(f"{','.join(row)}\n" for row in rows)
    training = workshop.trained(f"Report\n\na,b,y\nkg,EUR,\n{lines}\nTotal,5849875.5,\n".encode(), *FEW)
    assert training.document["dataset"]["rows"] == 130_000
    assert [note.partition(" was ")[0] for note in training.document["notes"]] == [
        "a row above the header",
        "row 4, below the header, is no row of the table and",
        "row 130006, at the end of the file, is no row of the table and",
    ]


@pytest.mark.parametrize(("size", "block"), [(7, 200), (1000, 900), (1 << 20, 1 << 20)])
@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_stream_of_an_odd_file_holds_its_rows_whatever_its_pieces(
    oddity: str, size: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, note = ODDITIES[oddity]
    data = write([HEADER, *ROWS]).encode("utf-16" if block == 900 else "utf-8")
    if block == 200:
        data = data.replace(b"\n", b"\r\n")
    source, rows = streamed(data, size, block, monkeypatch)
    assert [row for _, row in rows] == ROWS
    assert sum(note in each for each in source.notes) == 1, source.notes
    lines = write([HEADER, *ROWS]).split("\n")
    assert all(row[0] in lines[line - 1] for line, row in rows)


def test_a_header_with_a_tab_before_a_quote_is_found_again_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = ('"a";\t"b"\n' + '"k";\t"u"\n"l";\t"v"\n' * 9) * 2
    source, rows = streamed(data.encode(), 1000, 200, monkeypatch)
    assert len(rows) == len(source.inspection.rows) == 36


def streamed(
    data: bytes, size: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[tuple[int, list[str]]]]:
    """A source of bytes that come in pieces of `size`, and the line and cells of each row in its blocks."""
    reading: Any = flat_module("reading")
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    source = reading.Source("d.csv", lambda: (data[at : at + size] for at in range(0, len(data), size)))
    inspection = source.inspection
    kept = [inspection.file_columns.index(name) for name in inspection.columns]
    rows = []
    for each in source.blocks():
        reader = source.csv_rows(each.data, strict=True)
        line = each.line
        for row in reader:
            if row:
                rows.append((line, [row[place] for place in kept]))
            line = each.line + reader.line_num
    return source, rows


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"1,2,u\n" * 190_000 + b"1,\0,u\n", r"row 190002 holds a zero byte, which is no text; remove it"),
        (b"1,2," + b"u" * (3 << 20), r"row 2 has no end within 2 MiB: no line end follows"),
        (b'1,2,"' + b"u" * (3 << 20), r"row 2 has no end within 2 MiB: a quote that is opened there"),
    ],
    ids=["a zero", "no line end", "a quote"],
)
def test_what_is_wrong_far_down_is_named(data: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_module("reading"), "LONGEST_RECORD", 2 << 20)
    head = b"a,b,y\n" + (b"" if data.startswith(b"1,2,u\n") else b"3,4,v\n" * 175_000)
    why = why if not head.endswith(b"v\n") else why.replace("row 2", "row 175002")
    with pytest.raises(flat_module("refusals").BadInputError, match=why):
        streamed(head + data, 1 << 20, 1 << 20, monkeypatch)
