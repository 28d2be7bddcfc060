"""The language of conditions: what is read, what it means, and what is refused in which words."""

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH, BLOB_PREFIX, Attribute, Value, tag
from localcloud.access.conditions.errors import InvalidConditionError, UnsupportedConditionError
from localcloud.access.conditions.operators import Operator
from localcloud.access.conditions.parser import parse

from localcloud_tests.unit.access.hook import HOOK

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
PATH = f"@Resource[{BLOBS}:path]"
VERSION = f"@Request[{BLOBS}:versionId]"
KEYS = f"@Request[{BLOBS}/tags&$keys$&]"


def call(
    attributes: dict[Attribute, Value] | None = None, operation: str = f"{BLOBS}/read", suboperation: str = ""
) -> Call:
    return Call("p", operation, "/", is_data=True, suboperation=suboperation, attributes=attributes or {})


def met(condition: str, attributes: dict[Attribute, Value] | None = None, **rest: str) -> bool:
    """Whether a condition is met, on which storage's hook must agree."""
    read, asked = parse(condition), call(attributes, **rest)
    assert HOOK.met(read, asked) is read.term.met(asked)
    return read.met(asked)


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("StringEquals", "Cascade", "Cascade", True),
        ("StringEquals", "cascade", "Cascade", False),
        ("StringEqualsIgnoreCase", "cascade", "Cascade", True),
        ("StringNotEquals", "cascade", "Cascade", True),
        ("StringNotEqualsIgnoreCase", "cascade", "Cascade", False),
        ("StringStartsWith", "readonly/a", "readonly/", True),
        ("StringStartsWith", "Readonly/a", "readonly/", False),
        ("StringStartsWithIgnoreCase", "Readonly/a", "readonly/", True),
        ("StringNotStartsWith", "Readonly/a", "readonly/", True),
        ("StringNotStartsWithIgnoreCase", "Readonly/a", "readonly/", False),
        # "Azure role assignment condition format and syntax", StringLike.
        ("StringLike", "abcd", "a*c?", True),
        ("StringLike", "abcd", "A*C?", False),
        ("StringLike", "abcd", "a*c", False),
        ("StringLikeIgnoreCase", "abcd", "A*C?", True),
        ("StringNotLike", "abcd", "a*c", True),
        ("StringNotLikeIgnoreCase", "abcd", "A*C?", False),
        ("StringLike", "uploads/contoso/a/b.csv", "uploads/contoso/*", True),
        ("StringLike", "a*", r"a\*", True),
        ("StringLike", "ab", r"a\*", False),
        ("StringLike", "a?", r"a\?", True),
        ("StringLike", "ab", r"a\?", False),
        ("StringLike", "a.b", "a.b", True),
        ("StringLike", "axb", "a.b", False),
        ("stringlike", "line\nbreak", "line*", True),
        ("StringLike", "a" * 200 + "b", "*a" * 40, False),
        ("StringLike", "a" * 200, "*a" * 40, True),
    ],
)
def test_texts_compare_as_their_operator_says(operator: str, left: str, right: str, expected: bool) -> None:
    assert met(f"{PATH} {operator} '{right}'", {BLOB_PATH: left}) is expected


@pytest.mark.parametrize(
    ("operator", "given_time", "expected"),
    [
        ("DateTimeEquals", "2022-06-01T00:00:00.0000000Z", True),
        ("DateTimeEquals", "2022-06-01T00:00:00Z", True),
        ("DateTimeEquals", "2022-06-01T00:00:00.0000001Z", False),
        ("DateTimeNotEquals", "2022-06-01T00:00:00.0000001Z", True),
        ("DateTimeGreaterThan", "2022-06-01T00:00:00.0000001Z", True),
        ("DateTimeGreaterThan", "2022-06-01T00:00:00Z", False),
        ("DateTimeGreaterThanEquals", "2022-06-01T00:00:00Z", True),
        ("DateTimeLessThan", "2022-05-31T23:59:59.9999999Z", True),
        ("DateTimeLessThanEquals", "2022-06-01T00:00:00.1Z", False),
    ],
)
def test_times_compare_with_full_precision(operator: str, given_time: str, expected: bool) -> None:
    version = Attribute.of("Request", f"{BLOBS}:versionId")
    assert met(f"{VERSION} {operator} '2022-06-01T00:00:00.0Z'", {version: given_time}) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # "Azure role assignment condition format and syntax", cross product comparison operators.
        ("{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}", True),
        ("{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'orange', 'green'}", False),
        ("{'red', 'blue'} ForAllOfAnyValues:StringEquals {'orange', 'red', 'blue'}", True),
        ("{'red', 'blue'} ForAllOfAnyValues:StringEquals {'red', 'green'}", False),
        ("{'red', 'blue'} ForAnyOfAllValues:StringLike {'r*', '*d'}", True),
        ("{'red', 'blue'} ForAnyOfAllValues:StringLike {'r*', '*e'}", False),
        ("{'red', 'rod'} ForAllOfAllValues:StringLike {'r*', '*d'}", True),
        ("{'red', 'blue'} ForAllOfAllValues:StringLike {'r*', '*d'}", False),
        (
            "{49fc33c1886f4b21a00e1d9993234734} ForAnyOfAnyValues:GuidEquals "
            "{d715fb95-a0f0-4f1c-8be6-5ad2d2767f67, 49FC33C1-886F-4B21-A00E-1D9993234734}",
            True,
        ),
        (
            "{49fc33c1-886f-4b21-a00e-1d9993234734} ForAnyOfAnyValues:GuidNotEquals "
            "{49fc33c1886f4b21a00e1d9993234734}",
            False,
        ),
        # The same, ActionMatches; the operation is BLOBS/read.
        ("ActionMatches{'Microsoft.Storage/*'}", True),
        (f"ActionMatches {{'{BLOBS.upper()}/READ'}}", True),
        (f"ActionMatches{{'{BLOBS}/write'}}", False),
        (f"!(ActionMatches{{'{BLOBS}/write'}})", True),
        ("@Resource[HasObotoken] boolequals true && ActionMatches{'*'}", True),
        ("NOT Exists @Resource[HasObotoken] || Exists @Resource[HasObotoken]", True),
    ],
)
def test_a_condition_means_what_azures_documents_say(condition: str, expected: bool) -> None:
    assert met(condition, {Attribute.of("Resource", "HasObotoken"): True}) is expected


@pytest.mark.parametrize(
    ("suboperation", "expected"), [("Blob.List", True), ("blob.list", True), ("", False)]
)
def test_a_suboperation_is_that_of_the_call(suboperation: str, expected: bool) -> None:
    assert met("SubOperationMatches{'Blob.List'}", suboperation=suboperation) is expected
    assert met("NOT SubOperationMatches{'Blob.List'}", suboperation=suboperation) is not expected


def test_what_compares_an_attribute_that_does_not_exist_is_not_met_and_neither_is_its_negation() -> None:
    for condition in (f"{PATH} StringEquals 'a'", f"{PATH} StringNotEquals 'a'", f"!({PATH} StringLike '*')"):
        assert not met(condition)
        assert not met(f"{condition} AND ActionMatches{{'*'}}")
        assert met(f"{condition} OR ActionMatches{{'*'}}")
    nothing: list[dict[Attribute, Value]] = [{}, {Attribute.of("Request", f"{BLOBS}/tags&$keys$&"): ()}]
    for keys in nothing:
        assert not met(f"{KEYS} ForAllOfAnyValues:StringEquals {{'Project'}}", keys)
        assert not met(f"Exists {KEYS}", keys)


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        (f"{PATH} StringEquals 'a'", True),
        (f"{PATH} StringEquals 'a'", ("a", "b")),
        ("@Resource[HasObotoken] BoolEquals true", "true"),
        (f"{VERSION} DateTimeNotEquals '2022-06-01T00:00:00.0Z'", "yesterday"),
    ],
)
def test_a_value_that_an_operator_cannot_compare_meets_no_condition(condition: str, value: Value) -> None:
    names = re.findall(r"@(\w+)\[([^\]]+)", condition)
    given_ = {Attribute.of(*name): value for name in names}
    assert not met(condition, given_)
    assert not met(f"NOT {condition}", given_)


def test_names_of_attributes_have_no_letter_case_but_keys_of_tags_have() -> None:
    assert met(f"{PATH.upper()} StringEquals 'a'", {BLOB_PATH: "a"})
    wanted = f"@resource[{BLOBS.lower()}/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'"
    assert met(wanted, {tag("Resource", "Project"): "Cascade"})
    assert not met(wanted, {tag("Resource", "project"): "Cascade"})
    assert not met(wanted, {tag("Request", "Project"): "Cascade"})


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (f"{PATH} NumericEquals 'a'", "the operator NumericEquals"),
        (f"{PATH} ForAnyOfAnyValues:StringStartsWith {{'a'}}", "operator ForAnyOfAnyValues:StringStartsWith"),
        (f"{PATH} ForSomeValues:StringEquals {{'a'}}", "the operator ForSomeValues:StringEquals"),
        (f"@Resource[{BLOBS}:pfad] StringEquals 'a'", f"the attribute @Resource[{BLOBS}:pfad]"),
        (f"@Request[{BLOBS}:path] StringEquals 'a'", f"the attribute @Request[{BLOBS}:path]"),
        ("@Weather[sun] BoolEquals true", "the attribute @Weather[sun]"),
        (f"{PATH} StringEquals @Request[subOperation]", "the attribute @Request[subOperation]"),
    ],
)
def test_a_construct_that_localcloud_does_not_know_is_refused_in_its_words(
    condition: str, words: str
) -> None:
    with pytest.raises(UnsupportedConditionError, match=re.escape(words)):
        parse(condition)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", "At character 1: expected a value, found the end."),
        ("end", "expected a value, found end"),
        (PATH, "expected an operator, found the end"),
        (f"{PATH} StringEquals", "expected a value, found the end"),
        (f"{PATH} StringEquals a", "expected a value, found a"),
        (f"{PATH} 'StringEquals' 'a'", "expected an operator, found 'StringEquals'"),
        (f"({PATH} StringEquals 'a'", "expected ')', found the end"),
        (f"{PATH} StringEquals 'a')", "expected AND, OR, or the end, found )"),
        ("ActionMatches('a')", "expected '{', found ("),
        ("ActionMatches{a}", "expected a text in quotes, found a"),
        ("ActionMatches{'a', 'b'}", "expected '}', found ,"),
        ("Exists 'a'", "expected an attribute, found 'a'"),
        ("ActionMatches{'a", 'At character 15: "\'a" is not understood.'),
        (f"{PATH} StringEquals {{'a'}}", "StringEquals compares with one value."),
        (f"{PATH} ForAnyOfAnyValues:StringEquals 'a'", "compares with a set of values in braces."),
        (f"{PATH} StringEquals true", "StringEquals: True is no text."),
        ("@Resource[HasObotoken] BoolEquals 'true'", "BoolEquals: 'true' is neither true nor false."),
        (f"{VERSION} DateTimeEquals '2022-06-01'", "'2022-06-01' is no time such as"),
        (f"{VERSION} DateTimeEquals '2022-13-01T00:00:00Z'", "DateTimeEquals: "),
        (
            "ActionMatches{'a'} AND ActionMatches{'b'} OR ActionMatches{'c'}",
            "At character 43: expected parentheses (AND and OR meet here, and their order is ambiguous)",
        ),
        ("(" * 10_000, "expected at most 50 nested terms"),
        ("!" * 10_000, "expected at most 50 nested terms"),
    ],
)
def test_what_does_not_follow_the_grammar_is_refused_where_it_fails(condition: str, words: str) -> None:
    with pytest.raises(InvalidConditionError) as refused:
        parse(condition)
    assert str(refused.value).startswith("The given role assignment condition is invalid. ")
    assert words in str(refused.value)


tokens = st.sampled_from(
    (
        *("(", ")", "{", "}", ",", "!", "&&", "||", "AND", "or", "not", "Exists", "ActionMatches", PATH),
        *(
            "'a'",
            "StringEquals",
            "ForAnyOfAnyValues:StringLike",
            "true",
            "7",
            "@Resource[x]",
            "end",
            "'",
            "@",
        ),
    )
)


@settings(deadline=None)
@given(st.lists(tokens).map(" ".join) | st.text())
def test_any_text_is_either_read_or_refused_as_a_condition(text: str) -> None:
    with contextlib.suppress(InvalidConditionError, UnsupportedConditionError):
        assert parse(text).text == text


LEAVES: dict[str, bool | None] = {
    "ActionMatches{'*'}": True,
    "SubOperationMatches{'Blob.List'}": False,
    f"{PATH} StringEquals 'a'": True,
    f"Exists @Request[{BLOBS}:prefix]": False,
    f"@Request[{BLOBS}:prefix] StringNotEquals 'a'": None,
}
trees: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: (
        st.tuples(st.sampled_from(["NOT", "!"]), inner)
        | st.tuples(st.sampled_from(["AND", "&&", "OR", "||"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)


def written(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    operator, inner = tree
    if operator in ("NOT", "!"):
        return f"{operator} ({written(inner)})"
    return f" {operator} ".join(f"({written(each)})" for each in inner)


def expected(tree: Any) -> bool | None:
    """What three-valued logic says: AND is the least of its terms and OR the greatest; None is in between."""
    if isinstance(tree, str):
        return LEAVES[tree]
    operator, inner = tree
    order: list[bool | None] = [False, None, True]
    if operator in ("NOT", "!"):
        return order[2 - order.index(expected(inner))]
    choose = min if operator in ("AND", "&&") else max
    return order[choose(order.index(expected(each)) for each in inner)]


@settings(deadline=None)
@given(trees)
def test_terms_combine_by_three_valued_logic_however_they_are_nested(tree: Any) -> None:
    read, asked = parse(written(tree)), call({BLOB_PATH: "a"})
    assert read.term.met(asked) is expected(tree)
    assert HOOK.met(read, asked) is expected(tree)


@settings(deadline=None)
@given(st.text(), st.text())
def test_an_escaped_pattern_matches_its_own_text_alone(one: str, other: str) -> None:
    if "\\" not in one:
        like = Operator.of("StringLike")
        pattern = one.replace("*", r"\*").replace("?", r"\?")
        assert like.holds((one,), (pattern,)) is True
        assert like.holds((other,), (pattern,)) is (one == other)
        assert like.holds((one + other,), (f"{pattern}*",)) is True
        if "'" not in one:
            assert met(f"{PATH} StringLike '{pattern}'", {BLOB_PATH: other}) is (one == other)
            assert met(f"{PATH} StringLike '{pattern}*'", {BLOB_PATH: one + other})


def test_a_prefix_of_a_list_may_be_empty_and_exists() -> None:
    assert met(f"Exists @Request[{BLOBS}:prefix]", {BLOB_PREFIX: ""})
    assert not met(f"@Request[{BLOBS}:prefix] StringStartsWith 'readonly/'", {BLOB_PREFIX: ""})
