"""Expressions: parsed into nodes, refused with the place, told from other texts."""

import pytest
from localcloud.deployments.syntax import (
    MAX_DEPTH,
    Call,
    ExpressionError,
    Literal,
    Member,
    is_expression,
    parse,
)


def test_a_call_has_arguments_of_all_kinds() -> None:
    found = parse("[ concat( 'it''s' , -5, null(), Other('') ) ]")
    assert found == Call(
        "concat", (Literal("it's"), Literal(-5), Call("null", ()), Call("Other", (Literal(""),)))
    )


def test_members_follow_a_call_from_left_to_right() -> None:
    found = parse("[listKeys('id').keys[0]['value']]")
    keys = Member(Call("listKeys", (Literal("id"),)), Literal("keys"))
    assert found == Member(Member(keys, Literal(0)), Literal("value"))


def test_a_key_may_be_an_expression_with_members() -> None:
    found = parse("[f()[g().name]]")
    assert found == Member(Call("f", ()), Member(Call("g", ()), Literal("name")))


def test_marks_within_a_string_are_text() -> None:
    assert parse("[f('a, (b) [c]')]") == Call("f", (Literal("a, (b) [c]"),))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[f('a]", r"a text, a whole number or a function is wanted at character 3, where ''a\]' is"),
        ("[f(1 2)]", r"'\)' is wanted at character 4, where '2\)\]' is"),
        ("[f(1.5)]", "a whole number .* at character 3"),
        ("[f(true)]", r"'\(' is wanted at character 7"),
        ("['a'[0]]", r"'\]' is wanted at character 4"),
        ("[f().'a']", "the name of a property is wanted at character 5"),
        ("[f().?a]", "the name of a property is wanted"),
        ("[f(,)]", "a text, a whole number or a function is wanted at character 3"),
        ("[f()", r"'\]' is wanted at character 4, where 'the end' is"),
        ("[f()] and more", "the end is wanted at character 5, where 'and more' is"),
        ("f()", r"'\[' is wanted at character 0"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        parse(text)


def test_nesting_that_would_exhaust_the_stack_is_refused() -> None:
    deepest = MAX_DEPTH - 1
    assert parse("[" + "f(" * deepest + "1" + ")" * deepest + "]")
    with pytest.raises(ExpressionError, match="nested more than"):
        parse("[" + "f(" * 5000 + ")" * 5000 + "]")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("[f()]", True),
        ("[ f ('a\nb') ]", True),
        ("[f()] ", False),
        ("[literal]", False),
        ("[1, 2]", False),
        ('["a", "f()"]', False),
        ("[[f()]", False),
        ("f()", False),
        ("", False),
    ],
)
def test_only_a_call_in_brackets_is_an_expression(text: str, is_one: bool) -> None:
    assert is_expression(text) is is_one
