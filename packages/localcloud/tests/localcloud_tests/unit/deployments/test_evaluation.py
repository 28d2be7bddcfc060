"""Expressions evaluated: functions, members, lambdas, what the deployment is asked, and refusals."""

import json
import re
from typing import Any

import pytest
from localcloud.deployments.evaluation import Evaluator
from localcloud.deployments.syntax import ExpressionError

from localcloud_tests.unit.deployments.memory import GROUP, SUBSCRIPTION, Memory

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
OTHER = "33333333-3333-3333-3333-333333333333"


def value(expression: str, deployment: Memory | None = None) -> Any:
    return Evaluator(deployment or Memory()).document(expression)


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ("[guid('a', 'b')]", "2d796349-8c7e-55ec-9624-54ece82ed031"),
        ("[guid('ä')]", "3a01b3c9-5689-5e7d-962e-dec922f60332"),
        ("[format('{0}-{1}-{0}', 'a', 5)]", "a-5-a"),
        (
            "[format('{0}|{1,5}|{1,-5}|{2}|{{x}}|{3:N0}|{4}', 'a', 'b', true(), 8175133, null())]",
            "a|    b|b    |True|{x}|8,175,133|",
        ),
        ("[format('{0:N} {1:D4} {1:X} {2:d3}', 5, 255, -7)]", "5.00 0255 FF -007"),
        ("[split('a,b;;c', json('[\",\", \";\"]'))]", ["a", "b", "", "c"]),
        ("[split('', ',')]", [""]),
        ("[split('a.b', '')]", ["a.b"]),
        ("[split('a.b', '.')]", ["a", "b"]),
        ("[replace('aAa.', 'a', '.')]", ".A.."),
        ("[concat('a', 1, true())]", "a1True"),
        ("[concat(json('[1]'), json('[2]'))]", [1, 2]),
        ("[concat()]", ""),
        ("[startsWith('ABC', 'ab')]", True),
        ("[startsWith('b', 'ab')]", False),
        ("[toLower('Ab-É')]", "ab-é"),
        ("[equals('a', 'A')]", False),
        ("[equals(1, '1')]", False),
        ("[equals(1, true())]", False),
        ("[equals(null(), '')]", False),
        ('[equals(json(\'{"a": 1, "b": 2}\'), json(\'{"b": 2, "a": 1}\'))]', True),
        ("[not(false())]", True),
        ("[json('{\"a\": [1, 2.5, null, true]}')]", {"a": [1, 2.5, None, True]}),
        ("[null()]", None),
        ("[json('{\"Ab\": 1}').aB]", 1),
        ("[json('{\"a b\": {\"c\": [7, 8]}}')['a b'].c[1]]", 8),
        ("[CONCAT('a')]", "a"),
        ("[[concat('a')]", "[[concat('a')]"),
        ("[text]", "[text]"),
        ("plain", "plain"),
    ],
)
def test_an_expression_gives_what_resource_manager_gives(expression: str, gives: Any) -> None:
    assert value(expression) == gives


@pytest.mark.parametrize("nothing", ["''", "null()", "json('[]')", "json('{}')"])
def test_what_has_nothing_in_it_is_empty(nothing: str) -> None:
    assert value(f"[empty({nothing})]") is True
    assert value("[empty('a')]") is False


def test_a_filter_keeps_the_items_for_which_its_lambda_is_true() -> None:
    parts = "filter(split('/a//b/', '/'), lambda('x', not(empty(lambdaVariables('X')))))"
    assert value(f"[{parts}]") == ["a", "b"]
    assert value(f"[{parts}[1]]") == "b"
    indexed = "[filter(split('a b c', ' '), lambda('x', 'i', equals(lambdaVariables('i'), 1)))]"
    assert value(indexed) == ["b"]


def test_an_inner_lambda_sees_the_variables_of_the_outer_one() -> None:
    inner = "filter(split('a c', ' '), lambda('y', equals(lambdaVariables('x'), lambdaVariables('y'))))"
    assert value(f"[filter(split('a b c', ' '), lambda('x', not(empty({inner}))))]") == ["a", "c"]


def test_if_evaluates_nothing_but_the_chosen_value() -> None:
    deployment = Memory(properties={IDENTITY: {"clientId": "c"}})
    reference = f"reference('{IDENTITY}', '1').clientId"
    assert value(f"[if(true(), {reference}, reference('/nothing', '1').x)]", deployment) == "c"
    assert value(f"[if(equals('a', 'b'), json('{{'), {reference})]", deployment) == "c"


def test_the_deployment_is_asked_for_what_only_it_knows() -> None:
    deployment = Memory(
        properties={IDENTITY: {"principalId": "p"}}, keys={GROUP: {"keys": [{"value": "secret"}]}}
    )
    assert value(f"[reference('{IDENTITY}', '2024-11-30').principalId]", deployment) == "p"
    assert value(f"[reference('{IDENTITY}', '2024-11-30', 'Full').properties.principalId]", deployment) == "p"
    assert value(f"[reference('{IDENTITY}').principalId]", deployment) == "p"
    assert value(f"[listKeys('{GROUP}', '2025-08-01').keys[0].value]", deployment) == "secret"
    assert value("[environment().suffixes.storage]", deployment) == "core.test"
    assert value("[deployer().objectId]", deployment) == "a-person"
    assert deployment.asked == [
        (IDENTITY, "2024-11-30", False),
        (IDENTITY, "2024-11-30", True),
        (IDENTITY, None, False),
        (GROUP, "2025-08-01", False),
    ]


def test_what_the_deployment_raises_comes_through() -> None:
    with pytest.raises(KeyError, match="absent"):
        value("[reference('/absent', '1').x]")


def test_expressions_anywhere_in_a_document_are_evaluated() -> None:
    document = {"[concat('a', 'b')]": [{"c": "[concat('d')]"}, 1, None, True], "e": "[json('{\"f\": 1}')]"}
    assert Evaluator(Memory()).document(document) == {"ab": [{"c": "d"}, 1, None, True], "e": {"f": 1}}


def test_a_value_is_not_evaluated_again() -> None:
    assert value("[concat('[f', '()]')]") == "[f()]"


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ("[resourceId('Microsoft.A/b', 'c')]", f"{GROUP}/providers/Microsoft.A/b/c"),
        (
            "[resourceId('g', 'Microsoft.A/b/d', 'c', 'e')]",
            "{sub}/resourceGroups/g/providers/Microsoft.A/b/c/d/e",
        ),
        (
            f"[resourceId('{OTHER}', 'g', 'M.A/b', 'c')]",
            f"/subscriptions/{OTHER}/resourceGroups/g/providers/M.A/b/c",
        ),
        ("[subscriptionResourceId('Microsoft.A/b', 'c')]", "{sub}/providers/Microsoft.A/b/c"),
        (f"[subscriptionResourceId('{OTHER}', 'M.A/b', 'c')]", f"/subscriptions/{OTHER}/providers/M.A/b/c"),
        ("[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'g')]", "{sub}/resourceGroups/g"),
        (
            "[extensionResourceId('/subscriptions/s', 'Microsoft.A/b', 'c')]",
            "/subscriptions/s/providers/Microsoft.A/b/c",
        ),
        ("[tenantResourceId('Microsoft.A/b/d', 'c', 'e')]", "/providers/Microsoft.A/b/c/d/e"),
    ],
)
def test_an_id_has_the_scope_that_is_given_or_else_the_deployments(expression: str, gives: str) -> None:
    wanted = gives.format(sub=f"/subscriptions/{SUBSCRIPTION}")
    assert value(expression, Memory(resource_group="rg")) == wanted


def test_where_a_subscription_is_deployed_to_an_id_has_no_group() -> None:
    assert value("[resourceId('M.A/b', 'c')]") == f"/subscriptions/{SUBSCRIPTION}/providers/M.A/b/c"
    assert value(f"[resourceId('{OTHER}', 'M.A/b', 'c')]") == f"/subscriptions/{OTHER}/providers/M.A/b/c"
    group = "[resourceId('Microsoft.Resources/resourceGroups', 'g')]"
    assert value(group) == f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("[uniqueString('a')]", "does not know the function 'uniqueString'"),
        ("[concat(toUpper('a'))]", "does not know the function 'toUpper'"),
        ("[guid()]", "guid: at least one text"),
        ("[guid('a', 1)]", "guid: a text is wanted where a number is given"),
        ("[format('{1}', 'a')]", "format: {1} names no argument: there are 1"),
        ("[format('{0', 'a')]", "format: '{' at character 0 belongs to no placeholder"),
        ("[format('{0:C}', 5)]", "format: localcloud does not know the format 'C' for a number"),
        (
            "[format('{0}', json('[]'))]",
            "format: a text, a number or a boolean is wanted where an array is given",
        ),
        ("[concat('a', null())]", "concat: a text, a number or a boolean is wanted where null is given"),
        ("[concat('a', json('[]'))]", "concat: an array is wanted where a text is given"),
        ("[replace('a', '', 'x')]", "replace: the text to replace is empty"),
        ("[split('a', 1)]", "split: a text is wanted"),
        ("[empty(0)]", "empty: an object, an array or a text is wanted where a number is given"),
        ("[startsWith(null(), 'a')]", "startsWith: a text is wanted where null is given"),
        ("[not('true')]", "not: a boolean is wanted where a text is given"),
        ("[if('true', 1, 2)]", "if: a boolean is wanted where a text is given"),
        ("[if(true(), 1)]", "if: 2 arguments do not fit"),
        ("[not()]", "not: 0 arguments do not fit: missing"),
        ("[environment(1)]", "environment: 1 arguments do not fit: too many"),
        ("[json('{')]", "json: the text is not JSON"),
        ("[filter('a', lambda('x', true()))]", "filter: an array is wanted where a text is given"),
        ("[filter(json('[1]'), 'x')]", "filter: a lambda is wanted where a text is given"),
        ("[filter(json('[1]'), lambda('x', 1))]", "filter: a boolean is wanted where a number is given"),
        ("[lambdaVariables('x')]", "no lambda has a variable 'x'"),
        ('[json(\'{"a": 1, "b": 2}\').c]', "property 'c' doesn't exist, available properties are 'a, b'"),
        ("[json('[1]')[1]]", "array index '1' is out of bounds"),
        ("[json('[1]').a]", "an array has no 'a'"),
        ("[null().a]", "null has no 'a'"),
        ("[resourceId('s', 'g', 'Microsoft.A/b', 'c')]", "'s' is not the id of a subscription"),
        ("[resourceId('a', 'b', 'c', 'M.A/b', 'c')]", "at most a subscription and a resource group"),
        ("[resourceId('M.A/b/d', 'c')]", "the type 'M.A/b/d' requires 2 resource names; 1 are given"),
        ("[resourceId('a', 'b')]", "no argument is a resource type"),
        ("[subscriptionResourceId('a', 'b', 'M.A/b', 'c')]", "at most a subscription"),
        ("[extensionResourceId('/', 'M.A/b', 'c')]", "'/' is not the id of a resource"),
        ("[tenantResourceId('M.A', 'c')]", "the type 'M.A' requires 0 resource names"),
        ("[f(]", "is wanted at character 3"),
    ],
)
def test_a_refusal_says_why_and_quotes_the_expression(expression: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(says)) as refused:
        value(expression)
    assert str(refused.value).endswith(f", in the expression {expression}")


def test_the_functions_are_listed_in_lower_case() -> None:
    functions = Evaluator(Memory()).functions
    assert {"reference", "listkeys", "if", "lambda", "lambdavariables", "format"} <= functions
    assert json.dumps(sorted(functions)).islower()
