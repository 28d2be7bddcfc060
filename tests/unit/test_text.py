"""Texts in messages and records: short and printable, whatever the input is."""

import json
from typing import Any

import pytest

from runs.text import QUOTE_LENGTH, has_control, quote, shorten, shorten_json, shorten_line


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("", 5, ""), ("abcde", 5, "abcde"), ("abcdef", 5, "abcd…"), ("数" * 9, 3, "数数…"), ("ab", 1, "…")],
)
def test_a_long_text_is_cut_to_its_length_with_the_ellipsis_counted(
    text: str, length: int, short: str
) -> None:
    assert shorten(text, length) == short


def test_a_text_on_several_lines_becomes_one_line_before_it_is_cut() -> None:
    assert shorten_line("  first\n\tsecond  third ", 100) == "first second third"
    assert shorten_line("first\n\n\n\nsecond", 12) == "first second"
    assert shorten_line("first\nsecond", 7) == "first …"


@pytest.mark.parametrize("text", ["x" * 50, "数" * 50, "😀" * 50, '"' * 50, "\n\0" * 25])
def test_what_json_needs_for_a_text_is_limited_whatever_its_script(text: str) -> None:
    short = shorten_json(text, 30)
    assert short.endswith("…")
    assert text.startswith(short[:-1])
    assert len(json.dumps(short[:-1])) - 2 <= 30
    assert len(json.dumps(text[: len(short)])) - 2 > 30, "no character is cut without need"


def test_a_text_that_json_can_hold_is_not_cut() -> None:
    assert shorten_json("数" * 5, 30) == "数" * 5
    assert shorten_json("", 0) == ""


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("many", '"many"'),
        ("数", '"数"'),
        ("a\nb\0", '"a\\nb\\x00"'),
        ("\ud800", '"\\ud800"'),
        ("x" * 101, f'"{"x" * 99}…"'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([1, {"a": "b"}], '[1, {"a": "b"}]'),
        (["数"], '["数"]'),
        ("a\\b'c", '"a\\b\'c"'),
        (["\u2028"], '["\\u2028"]'),
        (object(), "a value of type object"),
        (10**5000, "a value of type int"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_value_is_quoted_as_a_person_would_write_it(value: Any, quoted: str) -> None:
    assert quote(value) == quoted


def test_a_value_that_is_nested_very_deeply_is_named_by_its_type() -> None:
    nested: list[Any] = []
    for _ in range(200_000):
        nested = [nested]
    assert quote(nested) == "a value of type list"
    while nested:
        nested = nested.pop()


@pytest.mark.parametrize(
    "value", ["x" * 10_000, "\0" * 10_000, "\U0010ffff" * 101, [1] * 10_000, 10**4000, {"a" * 500: 1}]
)
def test_a_quote_is_short_whatever_it_repeats(value: Any) -> None:
    assert len(quote(value)) <= QUOTE_LENGTH + 2
    assert len(quote(value, 10)) <= 12


@pytest.mark.parametrize("mark", ["\x1b[2J", "\x9b", "\u202e", "\x7f"], ids=ascii)
def test_a_line_of_a_record_is_printable(mark: str) -> None:
    assert shorten_line(f"a {mark} b", 100).isprintable()
    assert has_control(mark)


@pytest.mark.parametrize(
    "name", ["名前\u3000二.csv", "a\u00a0b.csv", "नि\u200cयम.csv", "😀\u200d😀.csv", "\u200fא.csv"]
)
def test_letters_and_spaces_of_any_script_are_no_control_characters(name: str) -> None:
    assert not has_control(name)
