"""The expression language: parsing, values, and refusals that name the expression."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localcloud.datafactory.expressions import ExpressionError, Known, Values, check, evaluate
from localcloud.datafactory.expressions.syntax import MAX_LENGTH, Parser
from localcloud.wire import AzureError

KNOWN = Known(frozenset({"name", "epochs"}), frozenset({"v"}), frozenset({"A"}))
VALUES = Values(
    pipeline={
        "parameters": {"name": "foo", "epochs": 42, "lr": 0.1, "flag": True, "nothing": None},
        "RunId": "run-1",
        "Pipeline": "train",
        "DataFactory": "factory",
    },
    variables={"v": "variable"},
    activities={"A": {"output": {"rows": [{"n": 1}, {"n": 2}], "exitcode": 0}, "status": "Succeeded"}},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a@b.example", "a@b.example"),
        ("@@", "@"),
        ("@@{x}", "@{x}"),
        (" @", " @"),
        ("@pipeline().parameters.name", "foo"),
        ("@{pipeline().parameters.name}", "foo"),
        ("@pipeline().parameters.epochs", 42),
        ("@{pipeline().parameters.epochs}", "42"),
        ("Answer is: @{pipeline().parameters.epochs}", "Answer is: 42"),
        ("Answer is: @@{pipeline().parameters.epochs}", "Answer is: @{pipeline().parameters.epochs}"),
        ("@concat('Answer is: ', string(pipeline().parameters.epochs))", "Answer is: 42"),
        ("@pipeline().RunId", "run-1"),
        ("@concat(pipeline().Pipeline, '/', pipeline().DataFactory)", "train/factory"),
        ("@variables('v')", "variable"),
        ("@activity('A').output.rows[1].n", 2),
        ("@activity('A')['output']['exitcode']", 0),
        ("@activity('A').output?.missing", None),
        ("@coalesce(activity('A').output?.missing, null, 'last')", "last"),
        ("@concat('it''s', ' ', '}')", "it's }"),
        ("x @{concat('}', '@{')} y", "x }@{ y"),
        ("@string(0.1)", "0.1"),
        ("@string(1.0)", "1"),
        ("@string(true)", "True"),
        ("@string(json('{\"a\": [1, 2]}'))", '{"a":[1,2]}'),
        ("@int('10')", 10),
        ("@float('10.5')", 10.5),
        ("@bool('true')", True),
        ("@bool(0)", False),
        ("@json('[1, \"a\"]')[1]", "a"),
        ("@if(equals(pipeline().parameters.epochs, 42), 'yes', 'no')", "yes"),
        ("@equals(true, 1)", False),
        ("@toUpper('abc')", "ABC"),
        ("@TOLOWER('ABC')", "abc"),
        ("@replace('a b c', ' ', '_')", "a_b_c"),
        ("@ concat ( 'a' , -1.5e1 ) ", "a-15"),
    ],
)
def test_an_expression_has_the_value_that_the_service_gives_it(text: str, value: Any) -> None:
    result = evaluate(text, VALUES)
    assert result == value
    assert type(result) is type(value)


def test_expressions_are_found_deep_in_a_value_and_everything_else_is_left_alone() -> None:
    value = {
        "a": {"value": "@pipeline().parameters.epochs", "type": "Expression"},
        "b": ["@pipeline().parameters.name", 1, None, True],
        "secret": {"type": "SecureString", "value": "s"},
        "@key": "x",
    }
    assert evaluate(value, VALUES) == {
        "a": 42,
        "b": ["foo", 1, None, True],
        "secret": {"type": "SecureString", "value": "s"},
        "@key": "x",
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@", "cannot be read"),
        ("@concat(", "concat("),
        ("@concat('a'", "')' is missing"),
        ("@concat('a' 'b')", "')' is missing"),
        ("@concat('a) ", "cannot be read"),
        ("@concat('a') tail", "should end"),
        ("@name", "'(' is missing"),
        ("@{concat('a')", "'}' is missing"),
        ("@conact('a')", "conact"),
        ("@pipeline(1)", "pipeline"),
        ("@toLower()", "toLower"),
        ("@toLower('a', 'b')", "toLower"),
        ("@pipeline().parameters.nmae", "nmae"),
        ("@pipeline()['parameters']['nmae']", "nmae"),
        ("@variables('w')", "w"),
        ("@variables(concat('v', ''))", "quotes"),
        ("@activity('B').output", "'B'"),
        ("@if(conact('a'), 1, 2)", "conact"),
        ("x @{json(conact('a'))[0]}", "conact"),
        ("@" + "concat(" * 100 + "'a'" + ")" * 100, "nested"),
        ("@concat('" + "a" * MAX_LENGTH + "')", "8192"),
        ("@" + "9" * 5000, "should end"),
    ],
)
def test_what_is_malformed_or_refers_to_nothing_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ExpressionError) as error:
        check({"x": text}, KNOWN)
    assert named in str(error.value)


@pytest.mark.parametrize("text", ["@utcNow()", "@item().x", "@dataset('a')", "@pipeline().TriggerName"])
def test_what_the_service_has_and_localcloud_has_not_answers_501(text: str) -> None:
    with pytest.raises(AzureError) as error:
        check(text, KNOWN)
    assert error.value.status == 501
    assert text[1:5] in error.value.message


@pytest.mark.parametrize(
    "text",
    [
        "@int('x')",
        "@int(1.5)",
        "@int('1_0')",
        "@float('nan')",
        "@bool('yes')",
        "@json('{')",
        "@json(1)",
        "@if('true', 1, 2)",
        "@replace('a', '', 'b')",
        "@toLower(1)",
        "@activity('A').output.missing",
        "@activity('A').output.rows[2]",
        "@activity('A').output.rows['n']",
        "@pipeline().parameters.epochs.x",
    ],
)
def test_a_value_that_does_not_fit_is_an_error_of_the_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, VALUES)


@given(st.text())
def test_any_text_is_read_or_refused_and_never_breaks_the_parser(text: str) -> None:
    try:
        check(text, KNOWN)
    except (ExpressionError, AzureError):
        return
    evaluate(text, VALUES)


@given(st.text(alphabet="@{}()[].,?'\\ acotn10"))
def test_any_punctuation_is_read_or_refused_and_never_breaks_the_parser(text: str) -> None:
    try:
        Parser(text).expression()
    except ExpressionError:
        return


@given(st.text())
def test_any_text_survives_as_a_quoted_literal(text: str) -> None:
    quoted = text.replace("'", "''")
    assert evaluate(f"@concat('{quoted}')", VALUES) == text
    assert evaluate(f"<@{{concat('{quoted}')}}>", VALUES) == f"<{text}>"
