"""However a CSV is written, the same table gives the same columns, the same model and the same metrics."""

import csv
import functools
import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.trainer.workshop import Training, Workshop, table

FEW = ["--epochs", "3"]
HEADER = ["größe", "preis", "note", "art"]
TEXTS = ["schön", "naïve\nzeile", 'a "b"', "x,y;z|w\tv"]
ROWS = [
    [f"{n * 37 % 101 / 4:.2f}", str(n * 13 % 29), TEXTS[n % 4], "Birnen" if n * 37 % 101 > 50 else "Äpfel"]
    for n in range(60)
]
PLAIN = table(HEADER, ROWS)


def outcome(training: Training) -> dict[str, Any]:
    """All of metrics.json that names neither the file nor its encoding."""
    document = training.document
    named = ("dataset", "mlflow_run_id")
    return {name: value for name, value in document.items() if name not in named} | {
        "rows": document["dataset"]["rows"],
        "notes": [note for note in document["notes"] if not note.startswith("the file is ")],
        "profile": training.json("profile.json"),
    }


SURVEYED = ("rows", "task", "label", "features", "classes", "dropped_columns", "dropped_rows", "notes")
"""The parts of metrics.json that depend on the survey alone, not on the training."""


def rounded(value: Any) -> Any:
    """Sums that are added up in another order differ in their last digits."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def plain(workshop: Workshop) -> dict[str, Any]:
    found = outcome(workshop.trained(PLAIN.encode(), *FEW))
    assert found["features"] == ["größe", "preis", "note"]
    assert found["classes"] == ["Birnen", "Äpfel"]
    return found


def written(separator: str = ",", line_end: str = "\n", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=line_end, quoting=quoting)
    writer.writerows([HEADER, *ROWS])
    return out.getvalue()


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tabelle.csv", data)
    return packed.getvalue()


DIALECTS: dict[str, bytes] = {
    "semicolon": written(";").encode(),
    "tab": written("\t").encode(),
    "pipe": written("|").encode(),
    "all quoted": written(quoting=csv.QUOTE_ALL).encode(),
    "text quoted": written(";", quoting=csv.QUOTE_NONNUMERIC).encode(),
    "CRLF": written(line_end="\r\n").encode(),
    "CR": written(line_end="\r").encode(),
    "BOM": PLAIN.encode("utf-8-sig"),
    "no line end at the end": PLAIN.removesuffix("\n").encode(),
    "empty lines at the end": f"{PLAIN}\n\r\n\n".encode(),
    "lines of spaces at the end": f"{PLAIN}  \n\t\n   ".encode(),
    "empty lines within": PLAIN.replace("Äpfel\n", "Äpfel\n\n").encode(),
    "empty lines before": f"\n\n{PLAIN}".encode(),
    "UTF-16 as Excel saves it": written("\t", "\r\n").encode("utf-16"),
    "UTF-16 LE": PLAIN.encode("utf-16-le"),
    "UTF-16 BE": PLAIN.encode("utf-16-be"),
    "UTF-16 BE with BOM": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "Latin-1": written(";", "\r\n").encode("latin-1"),
    "Windows-1252": written(";", "\r\n").encode("cp1252"),
    "zip of MacRoman": zipped(written(";", "\r").encode("mac-roman")),
    "gzip": gzip.compress(PLAIN.encode()),
    "gzip of UTF-16 with semicolons": gzip.compress(written(";", "\r\n").encode("utf-16")),
    "gzip in members": b"".join(gzip.compress(line.encode()) for line in PLAIN.splitlines(keepends=True)),
    "gzip with padding": gzip.compress(PLAIN.encode()) + bytes(100),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_model(dialect: str, workshop: Workshop, plain: dict[str, Any]) -> None:
    data = DIALECTS[dialect]
    name = "data.csv.gz" if data.startswith(b"\x1f\x8b") else "data.csv"
    training = workshop.trained(data, *FEW, name=name)
    assert outcome(training) == plain
    said = [note for note in training.document["notes"] if note.startswith("the file is ")]
    names = dialect.replace("Latin-1", "Windows-1252")
    other = [each for each in ("UTF-16", "Windows-1252", "MacRoman") if each in names]
    assert len(said) == len(other)
    assert all(each in note and note in training.stdout for each, note in zip(other, said, strict=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_columns_in_many_blocks(
    dialect: str, workshop: Workshop, plain: dict[str, Any]
) -> None:
    """Training takes the blocks in another order, so the model differs, but its columns do not."""
    data = DIALECTS[dialect]
    name = "data.csv.gz" if data.startswith(b"\x1f\x8b") else "data.csv"
    training = workshop.trained(data, *FEW, name=name, block_bytes=200)
    assert {name: outcome(training)[name] for name in SURVEYED} == {name: plain[name] for name in SURVEYED}
    assert rounded(training.json("profile.json")) == rounded(plain["profile"])


def test_a_decimal_comma_is_a_decimal_point_where_semicolons_separate(workshop: Workshop) -> None:
    rows = [[f"{n * 37 % 101 / 4:.2f}", f"{n * 7 % 10}e-1", f"{n * 3 % 17 + 0.5}"] for n in range(60)]
    point = workshop.trained(table(["a", "b", "y"], rows).encode(), *FEW)
    commas = [[cell.replace(".", ",") for cell in row] for row in rows]
    comma = workshop.trained(table(["a", "b", "y"], commas, separator=";").encode(), *FEW)
    assert comma.document["task"] == "regression"
    assert comma.document["metrics"] == point.document["metrics"]
    # A deployment gets the cells as they were uploaded.
    assert workshop.score(comma, table(["a", "b"], [row[:2] for row in commas]).encode()) == workshop.score(
        point, table(["a", "b"], [row[:2] for row in rows]).encode()
    )


BEYOND_THE_LOOK = "".join(f"{n % 9},{'abc'[n % 3] * 300},{'uv'[n % 2]}\n" for n in range(4000))
"""Rows of 1.2 MB of ASCII; the beginning of a file, of which the encoding is known, is 1 MiB."""


@pytest.fixture(scope="module")
def in_utf8(workshop: Workshop) -> Callable[[str], dict[str, Any]]:
    """What a training on a text in UTF-8 leads to."""
    return functools.cache(lambda text: outcome(workshop.trained(text.encode(), "--epochs", "1")))


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("data.csv", lambda text: text.encode("latin-1")),
        ("data.csv", lambda text: text.encode("cp1252")),
        ("data.csv.gz", lambda text: gzip.compress(text.encode("cp1252"), 1)),
    ],
    ids=["latin-1", "windows-1252", "windows-1252, compressed"],
)
@pytest.mark.parametrize("where", ["feature", "label", "quoted"])
def test_latin_1_is_known_also_behind_a_megabyte_of_plain_ascii(
    workshop: Workshop,
    in_utf8: Callable[[str], dict[str, Any]],
    name: str,
    encode: Callable[[str], bytes],
    where: str,
) -> None:
    """ "naïve" is the first letter that is no ASCII, in a file whose beginning could be UTF-8 as well."""
    late = {"feature": "9,naïve,u\n", "label": "9,plain,naïve\n" * 2, "quoted": '9,"naïve\n""x""",u\n'}[where]
    text = f"a,b,y\n{BEYOND_THE_LOOK}{late}"
    found = workshop.trained(encode(text), "--epochs", "1", name=name)
    assert outcome(found) == in_utf8(text)
    if where == "label":
        assert "naïve" in found.document["classes"]


def test_cyrillic_behind_a_megabyte_of_plain_ascii_is_known_and_said(workshop: Workshop) -> None:
    late = "".join(f"{n},{['Москва', 'Казань', 'Пермь'][n % 3]},{['да', 'нет'][n % 2]}\n" for n in range(30))
    found = workshop.trained(f"a,b,y\n{BEYOND_THE_LOOK}{late}".encode("cp1251"), "--epochs", "1")
    assert found.document["classes"] == ["u", "v", "да", "нет"]
    assert [note for note in found.document["notes"] if "Windows-1251 (Cyrillic)" in note]


def test_gzip_that_is_cut_off_far_down_is_one_line(workshop: Workshop) -> None:
    rows = "".join(f"{n * 7919 % 100_003},{n % 9},{'uv'[n % 2]}\n" for n in range(300_000))
    data = gzip.compress(f"a,b,y\n{rows}".encode(), 1)
    training = workshop.train(data[: len(data) // 2], name="data.csv.gz")
    training.refused("dataset data.csv.gz: ", "gzip stream is cut off", "upload it again")
    damaged = data[: len(data) // 2] + b"damage" * 9 + data[len(data) // 2 :]
    workshop.train(damaged, name="data.csv.gz").refused("dataset data.csv.gz: ", "gzip stream", "again")


def test_names_that_are_empty_or_stand_twice_are_made_unique_and_reported(workshop: Workshop) -> None:
    rows = [[str(n % 7), str(n % 5), str(n % 3), str(n % 4), "uv"[n % 2]] for n in range(40)]
    training = workshop.trained(table(["a", "", "a", " ", "y"], rows).encode(), *FEW)
    assert training.document["features"] == ["a", "Unnamed: 1", "a.1", " "]
    notes = "\n".join(training.document["notes"])
    assert 'column "a" is called "a.1"' in notes
    assert 'a column without a name is called "Unnamed: 1"' in notes
    # pandas, through which a deployment gets the file, calls them the same.
    answer = workshop.score(training, table(["a", "", "a", " ", "y"], rows).encode())
    assert len(answer["prediction"]) == 40


def test_a_label_that_stands_twice_is_the_last_one(workshop: Workshop) -> None:
    rows = [["uv"[n % 2], str(n % 7), "xy"[n % 2]] for n in range(40)]
    training = workshop.trained(table(["y", "a", "y"], rows).encode(), *FEW)
    assert (training.document["label"], training.document["classes"]) == ("y.1", ["x", "y"])
    named = workshop.trained(table(["y", "a", "y"], rows).encode(), *FEW, "--label", "y")
    assert (named.document["label"], named.document["classes"]) == ("y", ["u", "v"])


def test_a_label_is_found_by_its_name_without_the_spaces_around_it(workshop: Workshop) -> None:
    rows = [["uv"[n % 2], str(n % 7), str(n % 5)] for n in range(40)]
    training = workshop.trained(table([" y ", "a", "b"], rows).encode(), *FEW, "--label", "y")
    assert (training.document["label"], training.document["features"]) == (" y ", ["a", "b"])


def test_thousands_of_columns_are_trained_and_scored(workshop: Workshop) -> None:
    names = [f"c{place}" for place in range(3000)]
    rows = [[str((n * place) % 11) for place in range(2999)] + ["uv"[n % 2]] for n in range(1, 121)]
    data = table(names, rows).encode()
    training = workshop.trained(data, "--epochs", "2")
    assert len(training.document["features"]) + len(training.dropped) == 2999
    assert len(workshop.score(training, data)["prediction"]) == 120


def test_a_quote_within_a_cell_is_a_sign_like_any_other(workshop: Workshop) -> None:
    pipes = ['5" pipe', '6"', 'a""b', "plain"]
    text = "size,what,y\n" + "".join(
        f"{n % 5},{pipes[n % 4]},u\n{n % 3},\"two\nlines, '{n % 2}'\",v\n" for n in range(40)
    )
    one = workshop.trained(text.encode(), *FEW)
    assert one.document["dataset"]["rows"] == 80
    levels = next(c for c in one.json("profile.json")["columns"] if c["name"] == "what")["top"]
    assert {level for level, _ in levels} == {*pipes, "two\nlines, '0'", "two\nlines, '1'"}
    for block_bytes in (77, 300):
        many = workshop.trained(text.encode(), *FEW, block_bytes=block_bytes)
        assert rounded(many.json("profile.json")) == rounded(one.json("profile.json"))


def test_megabytes_of_quoted_line_breaks_are_cut_between_records(workshop: Workshop) -> None:
    """The blocks of a real file, 8 MiB each, end within quoted cells and within letters of two bytes."""
    cell = "é" * 999 + '\r\n, ""\'\n'
    rows = "".join(f'{n},"{cell * (n % 3)}",{n % 7},{"uv"[n % 2]}\r\n' for n in range(9000))
    data = f"n,text,b,y\r\n{rows}".encode()
    assert len(data) > 2 * (8 << 20)
    training = workshop.trained(data, "--epochs", "1")
    assert training.document["dataset"]["rows"] == 9000
    profile = {column["name"]: column for column in training.json("profile.json")["columns"]}
    assert profile["text"]["missing"] == 3000
    assert profile["text"]["distinct"] == 2
    assert profile["b"]["range"] == [0, 6]
    assert "n" in training.dropped
