"""Numbers as people and programs write them: what a cell, and what a column of them, is read as."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from trainer.dialect import decimal_of
from trainer.dialect_notations import find
from trainer.dialect_numbers import Notation, number
from trainer.dialect_units import SHARES, is_currency


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        (" 1.5 ", ".", 1.5),
        ("1,5", ",", 1.5),
        ("1,5", ".", None),
        ("-1e3", ".", -1000.0),
        ("1_000", ".", None),
        ("0x10", ".", None),
        ("", ".", None),
    ],
)
def test_a_plain_number_is_what_pandas_reads_as_one(cell: str, decimal: str, value: float | None) -> None:
    assert number(cell, Notation(decimal)) == value


@pytest.mark.parametrize(
    ("cell", "notation", "value"),
    [
        ("1.234,56", Notation(","), 1234.56),
        ("1,234.56", Notation("."), 1234.56),
        ("1 234,56", Notation(","), 1234.56),
        ("1\u00a0234,56", Notation(","), 1234.56),
        ("1\u202f234\u202f567", Notation(","), 1_234_567.0),
        ("1\u2009234.5", Notation("."), 1234.5),
        ("1'234.56", Notation("."), 1234.56),
        ("1\u2019234.56", Notation("."), 1234.56),
        ("12,34,567.5", Notation("."), 1_234_567.5),
        ("1.234", Notation(","), 1234.0),
        ("1.234", Notation("."), 1.234),
        ("$1,234.50", Notation(".", "$"), 1234.5),
        ("6.350,88 €", Notation(",", "€"), 6350.88),
        ("€6.350,88", Notation(",", "€"), 6350.88),
        ("USD 12", Notation(".", "USD"), 12.0),
        ("12 USD", Notation(".", "USD"), 12.0),
        ("R$ 1.234,50", Notation(",", "R$"), 1234.5),
        ("CHF 1'234.50", Notation(".", "CHF"), 1234.5),
        ("12,5 %", Notation(",", "%"), 12.5),
        ("12.5%", Notation(".", "%"), 12.5),
        ("12.5 kg", Notation(".", "kg"), 12.5),
        ("12 km/h", Notation(".", "km/h"), 12.0),
        ("12 m\u00b2", Notation(".", "m\u00b2"), 12.0),
        ("1 day", Notation(".", "day"), 1.0),
        ("2 days", Notation(".", "day"), 2.0),
        ("(1,234)", Notation("."), -1234.0),
        ("($5)", Notation(".", "$"), -5.0),
        ("$(5)", Notation(".", "$"), -5.0),
        ("-$5", Notation(".", "$"), -5.0),
        ("$-5", Notation(".", "$"), -5.0),
        ("\u2212$5", Notation(".", "$"), -5.0),
        ("€-5", Notation(",", "€"), -5.0),
        ("-5 €", Notation(",", "€"), -5.0),
        ("5-", Notation("."), -5.0),
        ("5,--", Notation(","), 5.0),
        ("12.-", Notation("."), 12.0),
        ("+5", Notation("."), 5.0),
        ("1E+05", Notation("."), 100_000.0),
        ("5", Notation(".", "kg"), 5.0),
        ("0", Notation(".", "%"), 0.0),
        ("0.12", Notation(".", "%"), None),
        ("5 g", Notation(".", "kg"), None),
        ("€5", Notation(".", "$"), None),
        ("1,23,4", Notation("."), None),
        ("1.234.56", Notation(","), None),
        ("1,234,56", Notation("."), None),
        ("0,123", Notation("."), None),
        ("--5", Notation("."), None),
        ("(-5)", Notation("."), None),
        ("(5", Notation("."), None),
        ("\u0663", Notation("."), 3.0),
        ("\u0661\u066c\u0662\u0663\u0664\u066b\u0665", Notation("."), 1234.5),
        ("\uff11\uff12\uff0e\uff15", Notation("."), 12.5),
        ("\u0967\u0968", Notation("."), 12.0),
        ("54·4", Notation("."), 54.4),
        ('="5"', Notation("."), 5.0),
        ("'5", Notation("."), 5.0),
        ("$ -", Notation(".", "$"), 0.0),
        ("- €", Notation(".", "€"), 0.0),
        ("-", Notation(".", "$"), None),
        ("1.5 x 10^3", Notation("."), 1500.0),
        ("1.5\u00d710^-3", Notation("."), 0.0015),
        ("5.2 x10^9/L", Notation(".", "/L"), 5.2e9),
        ("2.475D+05", Notation("."), 247_500.0),
        ("1.1k", Notation(".", multiplied=True), 1100.0),
        ("1.1k", Notation("."), None),
        ("$1.13K", Notation(".", "$", multiplied=True), 1130.0),
        ("1,2 Mio. €", Notation(",", "€", multiplied=True), 1_200_000.0),
        ("53.5万", Notation(".", multiplied=True), 535_000.0),
        ("1.2億円", Notation(".", "円", multiplied=True), 120_000_000.0),
        ("Rs. 12,345/-", Notation(".", "Rs."), 12_345.0),
        ("3 millions", Notation(".", multiplied=True), 3_000_000.0),
        ("1.2M", Notation(".", multiplied=True), 1_200_000.0),
        ("950", Notation(".", multiplied=True), 950.0),
        ("5.20 DR", Notation(".", "CR", minus="DR"), -5.2),
        ("5.20 Cr.", Notation(".", "CR", minus="DR"), 5.2),
        ("$5.20CR", Notation(".", "$", minus="$ CR"), -5.2),
        ("<0.01", Notation(".", about=True), 0.01),
        ("<= 0.01", Notation(".", about=True), 0.01),
        ("≈5", Notation(".", about=True), 5.0),
        ("5.3 ± 0.1 kg", Notation(".", "kg", about=True), 5.3),
        ("-5,3+/-0,1", Notation(",", about=True), -5.3),
        ("(5 ± 0.1) kg", Notation(".", "kg", about=True), None),
        ("5 ± 0.1", Notation("."), None),
        ("90+", Notation(".", about=True), 90.0),
        ("~5 kg", Notation(".", "kg", about=True), 5.0),
        ("<0.01", Notation("."), None),
        ("5 KG", Notation(".", "kg"), 5.0),
        ("5 kgs.", Notation(".", "kg"), 5.0),
        ("5 µg/dL", Notation(".", "μg/dL"), 5.0),
        ("5 EUR", Notation(".", "€"), 5.0),
        ("5 mW", Notation(".", "MW"), None),
        ("4.1/5", Notation(".", "/5"), 4.1),
        ("4,5 von 5", Notation(",", "von 5"), 4.5),
        ("4.0 out of 5 stars", Notation(".", "out of 5 stars"), 4.0),
        ("4/10", Notation(".", "/5"), None),
        ("=5.5", Notation("."), 5.5),
        ("1.234E5", Notation(","), None),
        ("2,475E+05", Notation(","), 247_500.0),
        ("90:30", Notation(duration=True), 5430.0),
        ("123:45:10", Notation(duration=True), 445_510.0),
        ("-0:05.5", Notation(duration=True), -5.5),
        ("2h 15m", Notation(duration=True), 8100.0),
        ("2 hours 15 minutes", Notation(duration=True), 8100.0),
        ("45 min", Notation(duration=True), 2700.0),
        ("2yrs 6mon", Notation(duration=True), 78_894_000.0),
        ("1 days 02:30:00", Notation(duration=True), 95_400.0),
        ("P1DT2H", Notation(duration=True), 93_600.0),
        ("P", Notation(duration=True), None),
        ("3:2", Notation(duration=True), None),
        ("90:75", Notation(duration=True), None),
        ("5", Notation(duration=True), None),
        ("½", Notation("."), None),
        ("1½", Notation("."), None),
        ("3-5", Notation("."), None),
        ("5/6", Notation("."), None),
        ("12:30", Notation("."), None),
        ("192.168.1.1", Notation("."), None),
        ("030 123", Notation("."), None),
        ("A12", Notation("."), None),
        ("-", Notation("."), None),
        (".", Notation("."), None),
    ],
)
def test_a_number_is_read_in_its_column_s_notation_or_not_at_all(
    cell: str, notation: Notation, value: float | None
) -> None:
    assert number(cell, notation) == value


COUNTED = [str(value) for value in range(40)]


@pytest.mark.parametrize(
    ("cells", "decimal", "notation"),
    [
        (["1.200", "871", "1.065"], ",", Notation(",")),
        (["1.200", "871", "1.065"], ".", Notation(".")),
        (["1,234", "12", "3,456"], ".", Notation(".")),
        (["1.234.567", "1.234"], ".", Notation(",")),
        (["1,234", "0,5"], ".", Notation(",")),
        (["1.234,56", "1.234"], ".", Notation(",")),
        (["1,234.56", "1,234"], ",", Notation(".")),
        (["1'234.50", "0.25"], ",", Notation(".")),
        (["$1,234.50", "1,000", "7"], ".", Notation(".", "$")),
        (["12.5 kg", "7 kg", "3"], ".", Notation(".", "kg")),
        (["1 day", "2 days"], ".", Notation(".", "day")),
        (["11,1 %", "12 %"], ",", Notation(",", "%")),
        ([*COUNTED, *["-999"] * 3], ".", Notation(gaps=(-999.0,))),
        ([*COUNTED, *["-999.0"] * 3, *["-9999"] * 2], ".", Notation(gaps=(-9999.0, -999.0))),
        ([str(value - 20) for value in range(40)] + ["-999"] * 2, ".", Notation(gaps=(-999.0,))),
        ([*COUNTED, "-999"], ".", Notation()),
        ([str(-value * 100) for value in range(40)] + ["-999"] * 2, ".", Notation()),
        ([*COUNTED, *["\\N"] * 60], ".", Notation()),
        ([*COUNTED, *["."] * 9, *["k. A."] * 9, *["n.a."] * 9, *["Unknown"] * 9], ".", Notation()),
        ([*COUNTED, *["keiner"] * 20], ".", Notation()),
        (["1", "2", "?"], ".", Notation()),
        (["05 kg", "7 kg"], ".", Notation(".", "kg")),
        (["0", "0.5", "00.5"], ".", Notation()),
        ([*COUNTED, "7 kg"], ".", Notation(".", "kg")),
        (["12345678901234567890.5", "1"], ".", Notation()),
        ([], ",", Notation(",")),
        ([*(f"{n}" for n in range(1, 30)), *(f"1.{n:03}" for n in range(20))], ".", Notation(",")),
        ([*(f"{n} km" for n in range(1, 9)), *["1.234 km"] * 10], ".", Notation(",", "km")),
        ([*(f"€ {n}" for n in range(1, 9)), *["€ 1.234"] * 10, "€ 1000"], ".", Notation(".", "€")),
        ([*["0"] * 9, *(f"1.{n:03}" for n in range(20))], ".", Notation(".")),
        (["950", "1.2K", "3.4M"], ".", Notation(".", multiplied=True)),
        (["$1.5M", "$600K"], ".", Notation(".", "$", multiplied=True)),
        (["300 K", "310 K"], ".", Notation(".", "K")),
        (["5 m", "6 m", "7"], ".", Notation(".", "m")),
        (["1.00 CR", "2.50 DR"], ".", Notation(".", "CR", minus="DR")),
        (["1.00", "2.00", "2.50 CR"], ".", Notation(minus="CR")),
        (["4.4° N", "26.2° S"], ".", Notation(".", "° N", minus="° S")),
        (["5 kg", "6 KG", "7 kgs"], ".", Notation(".", "kg")),
        (["5 €", "6 EUR", "€7"], ".", Notation(".", "€")),
        (["<0.01", *(f"0.{n:02}" for n in range(2, 20))], ".", Notation(about=True)),
        ([*COUNTED, *["9999"] * 3], ".", Notation(gaps=(9999.0,))),
        ([*COUNTED, *["9999"] * 2], ".", Notation()),
        ([str(value * 100) for value in range(40)] + ["9999"] * 3, ".", Notation()),
        ([*COUNTED, *["-99.99"] * 3], ".", Notation(gaps=(-99.99,))),
        (["2,475E+05", "1,234E+03"], ".", Notation(",")),
        (["30:15", "75:01", "?"], ".", Notation(duration=True)),
        (["2h 15m", "45m", "3h"], ".", Notation(duration=True)),
    ],
)
def test_a_column_s_notation_is_the_one_that_suits_its_cells(
    cells: list[str], decimal: str, notation: Notation
) -> None:
    assert find(cells, decimal).numeric
    assert find(cells, decimal).notation == notation


@pytest.mark.parametrize(
    ("separator", "cells", "decimal"),
    [
        (";", ["1.200", "871"], ","),
        (";", ["1.200", "3.065"], "."),
        (";", ["1,200", "871"], "."),
        ("\t", ["1,200", "3,065"], ","),
        (",", ["1,200", "871"], "."),
        (",", ["1,5", "1,200"], ","),
        (";", ["1.200", "1871"], "."),
        (";", ["1.200", "871", "0,5"], ","),
        (";", ["1.200", "871", "0.5"], "."),
        (";", ["6.350,88 €", "$5"], ","),
        (";", ["24.12.2026", "12:30"], "."),
    ],
)
def test_a_file_s_decimal_mark_is_the_one_that_explains_its_numbers(
    separator: str, cells: list[str], decimal: str
) -> None:
    assert decimal_of([[cell, "u"] for cell in cells * 10], separator) == decimal


def test_a_column_that_leaves_its_decimal_mark_open_is_noted() -> None:
    note = '"1.234" is read as 1.234, with a decimal point; no cell of the column tells that it is not 1234'
    assert find(["1.234", "5.678", "9"], ".").why == note
    assert find(["1.234", "5.678", "0.5"], ".").why == ""
    assert find(["1.234", "5.678"], ",").why == ""


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["007", "012", "7", "1234"], '"007" begins with a zero'),
        (["01234", "94107"], '"01234" begins with a zero'),
        (
            ["12345678901234567", "12345678901234568"],
            '"12345678901234567" has more digits than a number keeps',
        ),
        (["1.5", "2.5", "1,5", "2,5"], 'different decimal marks ("1.5", "1,5")'),
        (["1 kg", "2 kg", "500 g", "700 g"], 'different units ("1 kg", "500 g")'),
        (["5 m", "6 m", "7 km", "8 km"], 'different units ("5 m", "7 km")'),
        (["$5", "$6", "€7", "€8"], 'different units ("$5", "€7")'),
        (["4000123412341234", "5111123412341234"], '"4000123412341234" has 16 digits, as all values have'),
        (["<50", ">50"] * 9, ""),
        ([f"<{n}" for n in range(20)] + ["> 7"], ""),
        (["11%", "12%", "0.3", "0.5"], 'different units ("11%", "0.3")'),
        (["2", "3", "4", "5more"] * 9, ""),
        (["12A", "12B", "7C", "8D", "9E", "1F"], ""),
        (["?", "-"], ""),
        (["1", "2", "many", "few", "none at all", "some"], ""),
        (["192.168.1.1", "10.0.0.1"], ""),
        (["1.2.3", "1.10.0"], ""),
        (["3-5", "6-9"], ""),
        (["120/80", "130/85"], ""),
    ],
)
def test_codes_contradictions_and_other_texts_are_no_numbers(cells: list[str], why: str) -> None:
    found = find(cells, ".")
    assert not found.numeric
    assert why in found.why
    assert bool(why) == bool(found.why)


def test_texts_that_look_like_numbers_are_told() -> None:
    said = 'its values begin with digits, such as "5\'00" and "5\'01", but are not all numbers'
    assert said in find([f"5'{n:02}" for n in range(30)], ".").unread
    mixed = find([*COUNTED, *(f"t{n}" for n in range(20))], ".")
    assert '66.7 % of its values are numbers, but others are not, such as "t0" and "t1"' in mixed.unread
    for cells in (["10-19", "20-29"] * 20, [f"A{n}" for n in range(40)], ["", "?"], COUNTED):
        assert find(cells, ".").unread == ""


# --- Any number in any writing ------------------------------------------------------------------------


@dataclass(frozen=True)
class Writing:
    """A way to write numbers. negative: what stands around a negative one."""

    decimal: str
    group: str
    unit: str
    before: bool
    negative: str

    def of(self, value: Decimal) -> str:
        whole, _, fraction = f"{abs(value):f}".partition(".")
        first = len(whole) % 3 or 3
        groups = [whole[:first], *(whole[place : place + 3] for place in range(first, len(whole), 3))]
        text = self.group.join(groups) + (self.decimal + fraction if fraction else "")
        space = "" if self.unit in ("%", "$") else "\u00a0"
        if self.unit:
            text = f"{self.unit}{space}{text}" if self.before else f"{text}{space}{self.unit}"
        before, after = self.negative.split("n")
        return f"{before}{text}{after}" if value < 0 else text


UNITS = ["", "", "$", "€", "USD", "R$", "%", "kg", "°C", "km/h", "m²", "US dollars"]


@st.composite
def writings(draw: st.DrawFn) -> Writing:
    decimal = draw(st.sampled_from(".,"))
    groups = [",", ".", "", " ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"]
    group = draw(st.sampled_from([group for group in groups if group != decimal]))
    unit = draw(st.sampled_from(UNITS))
    before = is_currency(unit) and draw(st.booleans())
    return Writing(decimal, group, unit, before, draw(st.sampled_from(["-n", "\u2212n", "(n)", "n-"])))


VALUES = st.decimals(min_value=-(10**12), max_value=10**12, places=2) | st.integers(-9999, 9999).map(Decimal)


@given(st.lists(VALUES, min_size=1, max_size=30), writings())
@example([Decimal("-0.05"), Decimal(1234)], Writing(",", ".", "€", False, "n-"))
def test_any_number_in_any_writing_is_read_as_that_number(values: list[Decimal], writing: Writing) -> None:
    cells = [writing.of(value) for value in values]
    found = find(cells, writing.decimal)
    assert found.numeric
    assert found.notation.decimal == writing.decimal
    for cell, value in zip(cells, values, strict=True):
        assert number(cell, found.notation) == float(value), cell
        if writing.unit in SHARES and value:
            assert number(str(value), found.notation) is None


@given(st.lists(VALUES, min_size=1, max_size=30), writings())
def test_a_decisive_cell_overrules_the_file_s_decimal_mark(values: list[Decimal], writing: Writing) -> None:
    assume(writing.group)
    cells = [writing.of(value) for value in [*values, Decimal("1234567.25")]]
    found = find(cells, "." if writing.decimal == "," else ",")
    assert found.numeric
    assert [number(cell, found.notation) for cell in cells[:-1]] == [float(value) for value in values]


@given(st.text(max_size=12), st.sampled_from(".,"), st.sampled_from(UNITS))
def test_any_text_is_a_number_or_none(text: str, decimal: str, unit: str) -> None:
    value = number(text, Notation(decimal, unit))
    assert value is None or value == value
    assert find([text], decimal).notation.decimal in ".,"
