"""localcloud's values of expressions, compared with those that the compiler evaluates itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from localcloud.deployments.evaluation import Evaluator
from localcloud.deployments.syntax import ExpressionError

from scripts.bicep_compiler import BicepError, Compiler
from tests.bicep.memory import Memory

SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
SCHEMA = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
EXPRESSIONS = [
    "[guid('a')]",
    "[guid('a', 'B', '/subscriptions/x/resourceGroups/y')]",
    "[guid('ä', '')]",
    "[format('{0}|{1,5}|{1,-5}|{2}|{{x}}|{3:N0}|{4}', 'a', 'b', true(), 8175133, null())]",
    "[format('{0:N} {1:D4} {1:X} {1:x} {2:D3}', 5, 255, -7)]",
    "[split('a,b;;c', json('[\",\", \";\"]'))]",
    "[split('', ',')]",
    "[split('a.b', '')]",
    "[replace('aAa.', 'a', '.')]",
    "[concat('a', 1, true())]",
    "[concat(json('[1]'), json('[2]'))]",
    "[concat()]",
    "[startsWith('ABC', 'ab')]",
    "[startsWith('b', 'ab')]",
    "[toLower('Ab-É')]",
    "[empty(null())]",
    "[empty('')]",
    "[empty(json('{}'))]",
    "[empty(json('[0]'))]",
    "[equals('a', 'A')]",
    "[equals(1, '1')]",
    "[equals(1, true())]",
    "[equals(null(), '')]",
    '[equals(json(\'{"a": 1, "b": 2}\'), json(\'{"b": 2, "a": 1}\'))]',
    "[equals(json('{\"a\": 1}'), json('{\"A\": 1}'))]",
    "[not(false())]",
    "[if(true(), 'a', json('{'))]",
    "[if(equals('a', 'b'), json('{'), 'b')]",
    "[json('{\"a\": [1, 2.5, null, true]}')]",
    "[json('null')]",
    "[json('{\"Ab\": 1}').aB]",
    "[json('{\"Ab\": [4, 5]}')['aB'][1]]",
    "[filter(split('/a//b/', '/'), lambda('x', not(empty(lambdaVariables('X')))))[1]]",
    "[filter(split('a b c', ' '), lambda('x', 'i', equals(lambdaVariables('i'), 1)))]",
    "[ CONCAT( 'it''s' , '(' ) ]",
    "[concat('[', 'x]')]",
    "[resourceId('Microsoft.A/b', 'c')]",
    f"[resourceId('{SUBSCRIPTION}', 'g', 'Microsoft.A/b/d', 'c', 'e')]",
    "[resourceId('Microsoft.Resources/resourceGroups', 'g')]",
    "[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'g')]",
    f"[subscriptionResourceId('{SUBSCRIPTION}', 'Microsoft.A/b', 'c')]",
    "[extensionResourceId('/subscriptions/s', 'Microsoft.A/b', 'c')]",
    "[extensionResourceId('/subscriptions/s/', 'Microsoft.A/b', 'c')]",
    "[tenantResourceId('Microsoft.A/b/d', 'c', 'e')]",
    "[tenantResourceId('Microsoft.Resources/subscriptions', 's')]",
    "[tenantResourceId('Microsoft.Resources/resourceGroups', 'g')]",
    "[extensionResourceId('/subscriptions/s', 'Microsoft.Resources/resourceGroups', 'g')]",
    "[subscriptionResourceId('microsoft.resources/resourcegroups', 'g')]",
    f"[resourceId('{SUBSCRIPTION}', 'g', 'Microsoft.Resources/resourceGroups', 'h')]",
    f"[resourceId('{SUBSCRIPTION}', 'Microsoft.A/b', 'c')]",
]
REFUSED = [
    "[guid('a', 1)]",
    "[format('{1}', 'a')]",
    "[concat('a', null())]",
    "[concat('a', json('[]'))]",
    "[replace('a', '', 'x')]",
    "[empty(0)]",
    "[startsWith(null(), 'a')]",
    "[toLower(1)]",
    "[not('true')]",
    "[if('true', 1, 2)]",
    "[if(true(), 1)]",
    "[json('{')]",
    "[json('{\"a\": 1}').b]",
    "[json('[1]')[1]]",
    "[lambdaVariables('x')]",
    "[concat(1.5)]",
    "[concat(true)]",
    "['a'[0]]",
    "[resourceId('s', 'g', 'Microsoft.A/b', 'c')]",
    "[resourceId('Microsoft.A/b/d', 'c')]",
    "[extensionResourceId('/', 'Microsoft.A/b', 'c')]",
]


def evaluated(compiler: Compiler, folder: Path, properties: dict[str, str]) -> dict[str, Any]:
    """What the compiler makes of these properties of a resource."""
    resource = {"type": "Microsoft.A/b", "apiVersion": "2020-01-01", "name": "n", "properties": properties}
    template = {
        "$schema": SCHEMA,
        "languageVersion": "2.0",
        "contentVersion": "1.0.0.0",
        "resources": {"one": resource},
    }
    (folder / "main.json").write_text(json.dumps(template))
    (folder / "case.bicepparam").write_text("using 'main.json'\n")
    (found,) = compiler.snapshot(folder / "case.bicepparam")["predictedResources"]
    return {**found["properties"]}


def test_an_expression_has_the_value_that_the_compiler_gives(compiler: Compiler, tmp_path: Path) -> None:
    given = {f"p{index}": each for index, each in enumerate(EXPRESSIONS)}
    wanted = evaluated(compiler, tmp_path, given)
    found = {name: Evaluator(Memory()).document(each) for name, each in given.items()}
    assert {given[name]: found[name] for name in given} == {given[name]: wanted[name] for name in given}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_the_compiler_refuses_is_refused(compiler: Compiler, tmp_path: Path, expression: str) -> None:
    with pytest.raises(BicepError):
        evaluated(compiler, tmp_path, {"p": expression})
    with pytest.raises(ExpressionError):
        Evaluator(Memory()).document(f"[concat({expression[1:-1]})]")


def test_a_snapshot_holds_texts_as_they_are(compiler: Compiler, tmp_path: Path) -> None:
    """The escape of a template, [[, is gone, and so a text that is no call is no expression."""
    given = {"a": "[[text]", "b": "[x] y", "c": "[[[text]", "d": "[deployer()]", "e": "[1]", "f": "['a']"}
    wanted = {"a": "[text]", "b": "[x] y", "c": "[[text]", "d": "[deployer()]", "e": 1, "f": "a"}
    assert evaluated(compiler, tmp_path, given) == wanted
    texts = {"a": "[text]", "c": "[[text]"}
    assert Evaluator(Memory()).document(texts) == texts
