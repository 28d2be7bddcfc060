"""A person's CSV as a scoring deployment reads it."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from tests.trainer.oddities import HEADER, ODDITIES
from tests.trainer.oddities import ROWS as TABLE
from touchdown.cli import scoring_input
from touchdown.cli.outcome import CommandError, Exit
from touchdown.cli.scoring import rounded
from trainer import dialect_zip

ROWS = [["größe", "price", "kind"], ["1,5", "7", 'a "b"'], ["2,5", "", "two\nlines"], ["3,5", "9", "c;d,e"]]
LONGER_THAN_CSV_ALLOWS = "x" * 150_000


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("table.csv", content)
    return archive.getvalue()


def written(separator: str, end: str = "\n") -> str:
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in ROWS]
    return "".join(separator.join(row) + end for row in quoted)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", written(";").encode()),
        ("tabs and crlf.csv", written("\t", "\r\n").encode()),
        ("utf-16.csv", written(";").encode("utf-16")),
        ("latin-1.csv", written("|").encode("latin-1")),
        ("bom.csv", b"\xef\xbb\xbf" + written(";").encode()),
        ("compressed.csv.gz", gzip.compress(written(",").encode(), mtime=0)),
        ("zipped.csv.zip", zipped(written(";").encode("cp1252"))),
        ("old mac.csv", written(";", "\r").encode()),
        ("empty lines.csv", (written(";") + "\n\n").encode()),
    ],
)
def test_another_dialect_is_written_anew_with_its_cells_as_they_were(
    name: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with scoring_input.scorable(file) as rows:
        assert rows != file
        assert scoring_input.first_rows(rows, 10) == (ROWS[0], ROWS[1:])
        assert rows.read_bytes().startswith('größe,price,kind\r\n"1,5",7,'.encode())
    assert not rows.exists()


@pytest.mark.parametrize("oddity", ODDITIES)
def test_what_is_no_part_of_the_table_is_left_out_and_unusual_quotes_are_written_anew(
    oddity: str, tmp_path: Path
) -> None:
    write, _ = ODDITIES[oddity]
    file = tmp_path / "odd.csv"
    file.write_text(write([HEADER, *TABLE]), newline="")
    with scoring_input.scorable(file) as rows:
        assert rows != file
        assert scoring_input.first_rows(rows, 1000) == (HEADER, TABLE)


@pytest.mark.parametrize("below", ["Total,12345.5,\n", "\n(200000 rows)\n", ",,\n", "\x1a", "a,b,c\n"])
def test_a_long_file_with_something_below_its_table_is_written_anew_without_it(
    below: str, tmp_path: Path
) -> None:
    file = tmp_path / "long.csv"
    file.write_text("a,b,c\n" + "".join(f"{number},{number}.5,x\n" for number in range(200_000)) + below)
    with scoring_input.scorable(file) as rows:
        assert rows != file
        assert rows.read_bytes().endswith(b"\r\n199999,199999.5,x\r\n")


def test_a_file_in_another_encoding_is_written_anew_in_utf_8(tmp_path: Path) -> None:
    table = [["年齢", "都市"], ["31", "東京"], ["47", "大阪"], ["29", "京都"]]
    file = tmp_path / "shift-jis.csv"
    file.write_bytes("".join(f"{','.join(row)}\r\n" for row in table).encode("shift-jis"))
    with scoring_input.scorable(file) as rows:
        assert rows.read_bytes() == "".join(f"{','.join(row)}\r\n" for row in table).encode()


def test_a_cell_longer_than_csv_itself_allows_is_read_from_any_file(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"a,b\n1,{LONGER_THAN_CSV_ALLOWS}\n")
    assert scoring_input.first_rows(file, 1) == (["a", "b"], [["1", LONGER_THAN_CSV_ALLOWS]])


@pytest.mark.parametrize(
    "content",
    [written(",").encode(), b"\xef\xbb\xbfa,b\n1,2\n", b"width\n1\n", b"", b"a,b\n1,2,3\n", b"\0\1"],
)
def test_what_a_deployment_reads_itself_or_must_refuse_itself_is_handed_on(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with scoring_input.scorable(file) as rows:
        assert rows == file


def test_only_the_first_rows_are_read_for_the_table(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfa,b\n\n1,2\n3,4\n5,6\n")
    assert scoring_input.first_rows(file, 2) == (["a", "b"], [["1", "2"], ["3", "4"]])


def test_a_file_of_ones_own_may_be_as_repetitive_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect_zip, "FREE_TEXT", 2 << 20)
    file = tmp_path / "zeros.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 800_000))
    with scoring_input.scorable(file) as rows:
        assert rows.read_bytes().count(b"0,0") == 800_000


def test_a_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    import random

    rows = "".join(f"{random.Random(number).random()},{number}\n" for number in range(200_000))
    file = tmp_path / "cut.csv.gz"
    file.write_bytes(gzip.compress(f"a,b\n{rows}".encode())[:-100])
    with (
        pytest.raises(CommandError, match=r"cut.csv.gz cannot be read as CSV") as refused,
        scoring_input.scorable(file),
    ):
        pass
    assert refused.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("cell", "seen"),
    [("0.033333335", "0.0333333"), ("7", "7"), ("a.b", "a.b"), ("", ""), ("1234567.5", "1.23457e+06")],
)
def test_numbers_are_shown_with_as_many_digits_as_a_person_reads(cell: str, seen: str) -> None:
    assert rounded(cell) == seen


def test_byte_order_marks_in_joined_files_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "joined.csv"
    file.write_text("\ufeff\ufeffa,b\n1,2\n\ufeff3,4\n", newline="")
    with scoring_input.scorable(file) as rows:
        assert rows.read_bytes() == b"a,b\r\n1,2\r\n3,4\r\n"
