"""Columns of numbers as people write them train, and score, as the same numbers written plainly do."""

import random
from decimal import Decimal
from typing import Any

from tests.trainer.workshop import Training, Workshop, table

ROWS = 200
ARABIC = str.maketrans("0123456789", "".join(map(chr, range(0x660, 0x66A))))
ARGUMENTS = ["--algorithm", "linear", "--epochs", "5"]


def german(value: Decimal) -> str:
    return f"{value:,}".translate(str.maketrans(",.", ".,"))


def rows(written: bool) -> list[list[str]]:
    """Rows with the same values, written in many ways or plainly."""
    chance = random.Random(7)
    found = []
    for row in range(ROWS):
        money, share, size = (Decimal(chance.randint(-999_999, 9_999_999)).scaleb(-2) for _ in range(3))
        count = chance.randint(0, 5000)
        plain = [*map(str, (money, money, share, size, count, count, count, count, count))]
        added = [*map(str, (count, money, 60 * count, count, count)), str(count)]
        if written:
            accounting = f"(${abs(money):,})" if money < 0 else f"${money:,}"
            plain = [
                german(money) + " €",
                accounting,
                f"{share}%",
                f"{size} kg",
                f"{count:,}".replace(",", "\u2019"),
                str(count),
                str(count),
            ]
            plain += [f"{count:,}", str(count)]
            added = [
                f"{Decimal(count).scaleb(-3)}k" if count > 999 else str(count),
                f"{abs(money):,} {'DR' if money < 0 else 'CR'}",
                f"{count // 60}h {count % 60}m",
                str(count).translate(ARABIC),
                f"<{count}" if count < 100 else str(count),
                str(count),
            ]
        gaps = ["", "", "", "", "", "\\N", "-999", "", "unknown"] if written else [""] * 9
        if row % 9 == 0:
            plain[5:7] = gaps[5:7]
            plain[8] = gaps[8]
            added[5] = "99999" if written else ""
        code = f"{chance.randint(0, 6):03d}"
        found.append([*plain, *added, code, "yes" if money + share > 80_000 else "no"])
    return found


NAMES = [
    "german",
    "accounting",
    "share",
    "weight",
    "swiss",
    "postgres",
    "sentinel",
    "thousands",
    "word",
    "multiplied",
    "ledger",
    "duration",
    "arabic",
    "below",
    "above",
    "code",
]


def train(workshop: Workshop, written: bool) -> tuple[Training, bytes]:
    data = table([*NAMES, "y"], rows(written)).encode()
    return workshop.trained(data, *ARGUMENTS), data


def test_numbers_in_many_writings_give_the_model_of_plain_numbers(workshop: Workshop) -> None:
    (plain, plain_rows), (written, written_rows) = train(workshop, False), train(workshop, True)
    kinds = {each["name"]: each for each in written.json("profile.json")["columns"]}
    assert {name: each["kind"] for name, each in kinds.items()} == dict.fromkeys(NAMES, "number") | {
        "code": "category"
    }
    expected = {each["name"]: each for each in plain.json("profile.json")["columns"]}
    told = ("range", "mean", "missing")
    assert [[kinds[name][each] for each in told] for name in NAMES] == [
        [expected[name][each] for each in told] for name in NAMES
    ]
    answer = workshop.score(written, written_rows)
    assert answer == workshop.score(plain, plain_rows)
    notes = written.document["notes"]
    first = rows(written=True)[0][0]
    assert any(note.startswith(f'column "german": {ROWS} cells are read as numbers') for note in notes), notes
    assert any(f'"{first}" as {rows(written=False)[0][0]}' in note for note in notes), notes
    gaps = len(range(0, ROWS, 9))
    assert (
        f'column "postgres": {gaps} cells are not numbers and are treated as missing: "\\N" ({gaps})' in notes
    )
    assert (
        f'column "word": {gaps} cells are not numbers and are treated as missing: "unknown" ({gaps})' in notes
    )
    sentinel = (
        f'column "sentinel": {gaps} cells hold -999, far below all other values, and are treated as missing'
    )
    assert sentinel in notes
    assert (
        f'column "above": {gaps} cells hold 99999, far above all other values, and are treated as missing'
    ) in notes
    codes = 'column "code": "00'
    assert any(note.startswith(codes) and "begins with a zero" in note for note in notes), notes


def prices(price: Any) -> bytes:
    chance = random.Random(3)
    found = []
    for row in range(ROWS):
        size = chance.randint(20, 200)
        value = Decimal(size * 31 + chance.randint(0, 400)) / 4
        found.append([str(size), "" if row % 20 == 3 else price(value)])
    return table(["size", "price"], found, separator=";").encode()


def test_a_label_of_prices_is_estimated_as_its_plain_numbers_are(workshop: Workshop) -> None:
    plain = workshop.trained(prices(str), *ARGUMENTS)
    written = workshop.trained(
        prices(lambda value: german(value.quantize(Decimal("0.01"))) + " €"), *ARGUMENTS
    )
    assert written.document["task"] == "regression"
    assert written.document["metrics"] == plain.document["metrics"]
    assert written.document["dropped_rows"] == {"missing_label": 10}
    assert any('column "price": 190 cells are read as numbers' in note for note in written.document["notes"])


def test_a_count_of_thousands_in_a_file_of_decimal_commas_is_no_fraction(workshop: Workshop) -> None:
    """Numbers from 1000 on have a point, those below have none; the file's decimal mark decides."""
    chance = random.Random(5)
    counts = [chance.randint(1, 5000) for _ in range(ROWS)]
    written = [[german(Decimal(count)), f"{count % 7},5", "uv"[count > 2500]] for count in counts]
    training = workshop.trained(table(["count", "x", "y"], written, separator=";").encode(), *ARGUMENTS)
    profile = training.json("profile.json")["columns"][0]
    assert profile["range"] == [min(counts), max(counts)]
    assert not any("infinite" in note for note in training.document["notes"])


def test_what_later_rows_show_of_a_column_s_writing_counts(workshop: Workshop) -> None:
    """The first MiB holds plain numbers, the rest gaps in words, decimal commas and codes."""
    pad = "p" * 40
    lines = [["words", "commas", "codes", "pad", "y"]]
    for row in range(40_000):
        late = row > 25_000
        commas = f"{row % 91},5" if late else str(row % 91)
        words = "\\N" if late and row % 3 == 0 else str(row % 89)
        lines.append([words, commas, f"{row % 83:05d}" if late else "12345", pad, "uv"[row % 91 > 45]])
    data = "\n".join(";".join(line) for line in lines).encode()
    training = workshop.trained(data, "--algorithm", "linear", "--epochs", "1")
    kinds = {each["name"]: each["kind"] for each in training.json("profile.json")["columns"]}
    assert (kinds["words"], kinds["commas"], kinds["codes"]) == ("number", "number", "category")
    notes = training.document["notes"]
    assert any(note.startswith('column "words": 5000 cells are not numbers') for note in notes), notes
