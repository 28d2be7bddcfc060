"""What the texts of a label mean; the app and the trainer use the same code."""

import random
from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import dialect
from trainer.dialect_label import LabelReading, are_counts, names_rows, read_head, read_label
from trainer.dialect_label_hints import alike_but_for_punctuation, hint, same_meanings
from trainer.dialect_notations import notation_of
from trainer.dialect_numbers import Notation
from trainer.dialect_numbers import number as number_of


def read(*cells: str, decimal: str = ".") -> LabelReading:
    return read_label(Counter(cells), partial(number_of, notation=Notation(decimal)), dialect.is_missing)


def names(*cells: str) -> dict[str, str]:
    return read(*cells).names


# --- The task -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b"], "classification"),
        (["True", "False"], "classification"),
        (["0", "1", "1", "0"], "classification"),
        (["1", "2", "3", "1", "2", "3"], "classification"),
        (["1.0", "2.0", "1.0", "2.0"], "classification"),
        (["1.5", "2", "3"], "regression"),
        (["1", "2", "3", "4"], "regression"),
        ([str(n % 21) for n in range(200)], "regression"),
        ([str(n % 20) for n in range(200)], "classification"),
        (["1.5", "2", "three"], "classification"),
        (["", "NA", "inf", "1.5"], "regression"),
        ([], "classification"),
        ([str(2019 + n % 5) for n in range(200)], "classification"),
        ([str(1990 + n % 25) for n in range(500)], "regression"),
        ([str(n % 25) for n in range(2500)], "regression"),
        (["NaN", "3", "4.5", "NULL", "7"], "regression"),
        ([f"{n % 50:03}" for n in range(200)], "classification"),
        (["12345678901234567", "12345678901234568"] * 9, "classification"),
    ],
)
def test_the_task_follows_from_the_label_by_rule(cells: list[str], task: str) -> None:
    assert read(*cells).task == task


COUNTS = {
    0: 70,
    1: 100,
    2: 90,
    3: 52,
    4: 31,
    5: 20,
    6: 13,
    7: 5,
    8: 8,
    9: 2,
    10: 5,
    11: 1,
    12: 1,
    14: 1,
    17: 1,
}


def poisson(mean: float, rows: int, zeros: float = 0.0) -> Counter[float]:
    chance = random.Random(7)

    def count() -> int:
        if chance.random() < zeros:
            return 0
        found, left = 0, chance.expovariate(1)
        while left < mean:
            found, left = found + 1, left + chance.expovariate(1)
        return found

    return Counter(float(count()) for _ in range(rows))


@pytest.mark.parametrize(
    "values",
    [
        COUNTS,
        poisson(1.2, 400),
        poisson(3, 400),
        poisson(3, 20_000),
        poisson(4, 1000, zeros=0.3),
        {1: 500, 2: 210, 3: 90, 4: 41, 5: 18, 6: 7, 9: 2, 31: 1},
    ],
    ids=["claims", "poisson 1.2", "poisson 3", "many rows", "30 % more zeros", "from 1 on"],
)
def test_whole_numbers_with_a_long_tail_are_counts(values: dict[float, int]) -> None:
    assert are_counts({float(value): rows for value, rows in values.items()})


@pytest.mark.parametrize(
    "values",
    [
        {1: 40, 2: 60, 3: 80, 4: 110, 5: 90},
        {1: 110, 2: 90, 3: 50, 4: 20, 5: 8},
        dict.fromkeys(range(10), 178),
        {1: 211_840, 2: 283_301, 3: 35_754, 4: 2747, 5: 9493, 6: 17_367, 7: 20_510},
        {1: 45_586, 2: 50, 3: 171, 4: 8903, 5: 3267, 6: 10, 7: 13},
        {1: 4, 2: 10, 3: 22, 4: 30, 5: 58, 6: 90, 7: 160, 8: 210, 9: 120, 10: 90},
        {3: 10, 4: 53, 5: 681, 6: 638, 7: 199, 8: 18},
        {-1: 3, 0: 50, 1: 40, 2: 20, 3: 9, 4: 4, 5: 1},
        {0: 164, 1: 55, 2: 36, 3: 35, 4: 13},
    ],
    ids=["ratings", "bad ratings", "digits", "forests", "flights", "marks", "wine", "below 0", "heart"],
)
def test_whole_numbers_that_name_classes_are_no_counts(values: dict[float, int]) -> None:
    assert not are_counts({float(value): rows for value, rows in values.items()})


def test_counts_are_estimated_and_said_to_be_counts() -> None:
    found = read(*(str(value) for value, rows in COUNTS.items() for _ in range(rows)))
    assert (found.task, found.counts, found.different, found.rows) == ("regression", True, 15, 400)


# --- One class in several writings --------------------------------------------------------------------


def test_writings_that_differ_by_case_and_spaces_are_one_class_named_by_the_most_frequent() -> None:
    cells = ["Yes", "yes  ", "yes", "yes", "YES ", " no", "No", "No", "New  York", "new york", "new york"]
    assert names(*cells) == {
        **dict.fromkeys(["Yes", "yes  ", "yes", "YES "], "yes"),
        **dict.fromkeys([" no", "No"], "No"),
        **dict.fromkeys(["New  York", "new york"], "new york"),
    }


@pytest.mark.parametrize(
    "same",
    [
        ("Stra\u00dfe", "STRASSE"),
        ("\u039f\u03a3", "\u03bf\u03c2"),
        ("Caf\u00e9", "CAFE\u0301"),
        ("a\u00a0b", "A b"),
        ("\ufeffyes", "Yes\u200b"),
    ],
)
def test_case_and_spaces_are_those_of_every_script(same: tuple[str, str]) -> None:
    assert len(set(names(*same, "other").values())) == 2


@pytest.mark.parametrize(
    "cells",
    [("True", "true", "1", "0"), ("yes", "y", "1"), ("ja", "j\u00e4"), ("a-b", "a b"), ("1.10", "1.1", "x")],
)
def test_different_words_stay_different_classes(cells: tuple[str, ...]) -> None:
    found = set(names(*cells).values())
    assert len(found) == len({cell.casefold() for cell in cells})


def test_equal_numbers_are_one_class_named_by_the_shortest_writing() -> None:
    cells = ["1", "1.0", "1.0", "01", "2", "2.0", "+2", "0e0", "0"]
    assert names(*cells) == {
        **dict.fromkeys(["1", "1.0", "01"], "1"),
        **dict.fromkeys(["2", "2.0", "+2"], "2"),
        **dict.fromkeys(["0", "0e0"], "0"),
    }
    assert set(names("01", "02", "10").values()) == {"01", "02", "10"}
    assert set(names("1.0", "2.0").values()) == {"1.0", "2.0"}


def test_beside_texts_only_whole_numbers_are_compared_by_value() -> None:
    cells = ["1", "1.0", "other", "1e5", "100000"]
    assert set(names(*cells).values()) == {"1", "other", "1e5", "100000"}


def test_numbers_too_large_to_be_exact_stay_different_classes() -> None:
    assert len(set(names("90071992547409931", "90071992547409932").values())) == 2


# --- Missing labels -----------------------------------------------------------------------------------


def test_a_word_for_missing_that_is_as_frequent_as_a_class_is_one() -> None:
    found = read(*["EU"] * 76, *["AP"] * 87, *["NA"] * 137)
    assert set(found.names) == {"EU", "AP", "NA"}
    assert (found.kept, found.words, found.rows) == ({"NA": 137}, {}, 300)
    assert set(read(*["gold"] * 60, *["None"] * 40).names) == {"gold", "None"}
    assert set(read(*["+"] * 30, *["-"] * 40).names) == {"+", "-"}


def test_a_sign_for_missing_is_no_class_beside_two_others_however_frequent_it_is() -> None:
    found = read(*["yes"] * 30, *["no"] * 40, *["?"] * 30)
    assert (set(found.names), found.words) == ({"yes", "no"}, {"?": 30})
    assert set(read(*["yes"] * 30, *["?"] * 40).names) == {"yes", "?"}


def test_a_rare_word_for_missing_is_missing() -> None:
    found = read(*["EU"] * 76, *["AP"] * 87, "NA", "None", "None", "null", "")
    assert set(found.names) == {"EU", "AP"}
    assert (found.words, found.rows) == ({"NA": 1, "None": 2, "null": 1}, 163)


def test_a_word_for_missing_is_a_class_among_many_small_ones() -> None:
    countries = [f"{a}{b}" for a in "BCDEFG" for b in "BCDEFG"]
    assert "NA" in read(*countries * 5, *["NA"] * 5).names


def test_none_in_another_case_is_the_class_of_that_name() -> None:
    assert set(names(*["none"] * 50, "None", "NONE", *["some"] * 50).values()) == {"none", "some"}


def test_a_word_that_stands_for_missing_numbers_in_the_file_is_missing_in_its_label_too() -> None:
    rows = [["NA" if n % 9 == 0 else str(n), "NA" if n % 3 == 0 else "uv"[n % 2]] for n in range(90)]
    text = "a,y\n" + "".join(f"{a},{y}\n" for a, y in rows)
    head = dialect.inspect_head(text.encode(), whole=True)
    assert set(read_head(head, "y", number_of, dialect.is_missing).names) == {"u", "v"}
    head.rows[:] = [[str(n), row[1]] for n, row in enumerate(head.rows)]
    assert set(read_head(head, "y", number_of, dialect.is_missing).names) == {"u", "v", "NA"}


@pytest.mark.parametrize(
    "word", ["NA", "None", ".", "?", "-", "\\N", "(null)", "n.a.", "unknown", "NaN", "NULL", ""]
)
def test_in_a_label_of_numbers_a_word_for_missing_is_missing(word: str) -> None:
    found = read(*map(str, range(30)), *[word] * 15)
    assert (found.task, found.numeric, found.rows) == ("regression", True, 30)
    assert read("1", "2", word, "1", "2").task == "classification"
    assert set(read("1", "2", word, "1", "2").names) == {"1", "2"}


def test_a_few_other_texts_among_many_numbers_are_missing_and_among_few_numbers_classes() -> None:
    found = read(*map(str, range(100)), "sold", "on request")
    assert (found.task, found.words) == ("regression", {"sold": 1, "on request": 1})
    assert set(read(*["1", "2", "3"] * 50, *["other"] * 3).names) == {"1", "2", "3", "other"}
    assert read(*map(str, range(100)), *(f"t{n}" for n in range(9))).task == "classification"
    assert read(*map(str, range(100)), "about 5").task == "classification"


@given(
    st.lists(
        st.sampled_from(["a", "A ", "1", "1.0", "01", "NA", "None", "", "?", "1.5", "inf", "b"]), max_size=40
    )
)
def test_every_text_is_a_class_or_missing_and_names_are_writings(cells: list[str]) -> None:
    found = read(*cells)
    assert found.rows == sum(cell in found.names for cell in cells)
    assert not set(found.names) & set(found.words)
    for text, name in found.names.items():
        assert found.names[name if name in found.names else text] == name
        assert name in {each.strip() for each in found.names}


# --- Identifiers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("customer_id", 399),
        ("customerId", 90_000),
        ("ID", 399),
        ("Kundennummer", 399),
        ("order_no", 700),
        ("y", None),
    ],
)
def test_a_label_whose_values_all_differ_and_whose_name_says_so_identifies_rows(
    name: str, span: float | None
) -> None:
    assert names_rows(name, 400, span)
    assert not names_rows(name, 19, span)


@pytest.mark.parametrize(
    ("name", "span"), [("price", 399), ("paid", 90_000), ("price_index", 90_000), ("rank", 399)]
)
def test_other_numbers_that_all_differ_identify_nothing(name: str, span: float) -> None:
    assert not names_rows(name, 400, span)


@pytest.mark.parametrize(
    ("cells", "decimal", "first"),
    [
        (["6.350,88 €", "-1.266,05 €", "871,00 €"], ",", 6350.88),
        (["$6,350.88", "$-1,266.05", "$871.00"], ".", 6350.88),
        (["64.2%", "7.1%", "11%"], ".", 64.2),
        (["1.200", "871", "1.065"], ",", 1200.0),
        (["3.200", "1.871", "1.065"], ",", 3200.0),
        (["1.2M", "871K", "1.065M"], ".", 1_200_000.0),
        (["5.20 CR", "3.10 DR", "8.70 CR"], ".", 5.2),
        (["20:56", "05:12", "103:07"], ".", 1256.0),
        (["2h 15m", "45m", "3h"], ".", 8100.0),
        (["<0.5", *(f"{n}.25" for n in range(1, 25))], ".", 0.5),
    ],
)
def test_a_label_of_numbers_as_people_write_them_is_a_regression(
    cells: list[str], decimal: str, first: float
) -> None:
    number = partial(number_of, notation=notation_of(cells, decimal))
    found = read_label(Counter(cells), number, dialect.is_missing)
    assert (found.task, found.rows, number(cells[0])) == ("regression", len(cells), first)


@pytest.mark.parametrize(
    "cells",
    [
        ["<=50K", ">50K"] * 9,
        ["<18", "18-30", "31+"] * 9,
        ["<1", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11+"] * 9,
        ["10%", "20 %", "30%"] * 9,
    ],
)
def test_classes_that_look_like_numbers_stay_classes(cells: list[str]) -> None:
    number = partial(number_of, notation=notation_of(cells, "."))
    found = read_label(Counter(cells), number, dialect.is_missing)
    assert (found.task, len(set(found.names.values()))) == ("classification", len(set(cells)))


# --- What is told of labels that cannot be learned ------------------------------------------------------


def test_a_label_of_classes_that_is_mostly_one_of_numbers_or_dates_is_told_to_be_so() -> None:
    numbers = Counter([f"{n}.5" for n in range(90)] + ["on request"] * 10)
    said = '; 90 of 100 labels are numbers, so if the others, such as "on request", stand for a missing label'
    assert hint(numbers, number_of).startswith(said)
    dates = Counter(f"2020-01-{day:02}" for day in range(1, 30))
    assert hint(dates, number_of).startswith("; the labels look like dates or times")
    assert hint(Counter(f"0{n // 60}:{n % 60:02}" for n in range(99)), number_of)
    assert hint(Counter(["u", "v", "w"]), number_of) == ""
    assert hint(Counter(["1", "2", "3", "other"]), number_of) == ""


def test_words_for_yes_that_are_different_classes_are_told() -> None:
    assert same_meanings(names("yes", "yes", "Yes", "no", "Y", "N", "1")) == ["yes", "Y", "1", "no", "N"]
    assert same_meanings(names("yes", "no")) == []
    assert same_meanings(names("yes", "y", "no", "maybe")) == []
    assert same_meanings(names("1", "0")) == []
    assert alike_but_for_punctuation(names("yes", "Yes.", "YES!", "no")) == ["yes", "Yes.", "YES!"]
    assert alike_but_for_punctuation(names("<=50K", ">50K", "A+", "A-", "?", ".")) == []


def test_an_error_of_a_spreadsheet_is_a_missing_label_if_it_is_rare() -> None:
    assert set(read(*["u"] * 60, *["v"] * 60, "#REF!", "#DIV/0!").names) == {"u", "v"}
