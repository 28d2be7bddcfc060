"""Finds, checks and evaluates the expressions in the strings of a JSON value.

A string that begins with `@` is an expression and keeps the type of its value; `@{…}` inside a string is
replaced by its value as text; `@@` at the beginning stands for `@`, and `@@{` inside for `@{`. The object
`{"value": "@…", "type": "Expression"}` is replaced by the value of its expression.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from localcloud.datafactory.expressions.functions import FUNCTIONS, NOT_IMITATED, SCOPES, Value, text_of
from localcloud.datafactory.expressions.syntax import (
    MAX_LENGTH,
    Call,
    ExpressionError,
    Literal,
    Member,
    Node,
    Parser,
)
from localcloud.wire import not_imitated

PIPELINE_PROPERTIES = frozenset({"parameters", "RunId", "GroupId", "Pipeline", "DataFactory"})


@dataclass(frozen=True)
class Known:
    """The names that an expression may refer to. activities: those that end before its own one starts."""

    parameters: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    activities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Values:
    """The values of one run that expressions refer to: the three scopes of the language."""

    pipeline: dict[str, Value]
    variables: dict[str, Value] = field(default_factory=dict)
    activities: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Interpolation:
    """Texts with expressions between them; its value is always a string."""

    parts: tuple[str | Node, ...]


def check(value: Value, known: Known) -> None:
    """Check the expressions in `value`. known: the names that they may refer to.

    Raises ExpressionError for a malformed expression or unknown name, AzureError 501 for a function that
    localcloud does not implement.
    """
    for text in _strings(value):
        template = parse(text)
        parts = template.parts if isinstance(template, Interpolation) else (template,)
        for part in parts:
            if not isinstance(part, str):
                _check_node(part, known)


def evaluate(value: Value, values: Values) -> Value:
    """Return `value` with its expressions replaced by their values. Raises ExpressionError."""
    if isinstance(value, str):
        return _evaluate_text(value, values)
    if isinstance(value, list):
        return [evaluate(item, values) for item in value]
    if isinstance(value, dict):
        if is_expression(value):
            return evaluate(value["value"], values)
        return {key: evaluate(item, values) for key, item in value.items()}
    return value


def is_expression(value: Value) -> bool:
    """Return whether `value` is an expression object or a string with an expression, well formed or not."""
    if isinstance(value, str):
        return "@{" in value or (value.startswith("@") and not value.startswith("@@"))
    return isinstance(value, dict) and value.get("type") == "Expression" and "value" in value


def parse(text: str) -> str | Node | Interpolation:
    """Parse a string into plain text without escapes, an expression, or a text with expressions in it."""
    if len(text) > MAX_LENGTH and "@" in text:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters; this one has {len(text)}")
    if text.startswith("@@") and not text.startswith("@@{"):
        return text[1:]
    if text.startswith("@") and not text.startswith(("@{", "@@")):
        parser = Parser(text, 1)
        node = parser.expression()
        parser.end()
        return node
    parts = tuple(_parts(text))
    if all(isinstance(part, str) for part in parts):
        return "".join(part for part in parts if isinstance(part, str))
    return Interpolation(parts)


def _parts(text: str) -> Iterator[str | Node]:
    position = 0
    while (start := text.find("@{", position)) >= 0:
        if start > position and text[start - 1] == "@":
            yield text[position : start - 1] + "@{"
            position = start + 2
            continue
        yield text[position:start]
        parser = Parser(text, start + 2)
        yield parser.expression()
        parser.expect("}")
        position = parser.position
    yield text[position:]


def _strings(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _check_node(node: Node, known: Known) -> None:
    if isinstance(node, Member):
        _check_pipeline_property(node, known)
        _check_node(node.target, known)
        _check_node(node.key, known)
    elif isinstance(node, Call):
        _check_call(node, known)
        for argument in node.arguments:
            _check_node(argument, known)


def _check_call(call: Call, known: Known) -> None:
    name = call.name.lower()
    count = len(call.arguments)
    if name in SCOPES:
        if count != SCOPES[name]:
            raise ExpressionError(f"'{call.name}' takes {SCOPES[name]} arguments, not {count}")
        _check_reference(name, call, known)
        return
    if name in NOT_IMITATED:
        raise not_imitated(f"the expression function '{call.name}'")
    if name not in FUNCTIONS:
        raise ExpressionError(f"'{call.name}' is no function of the expression language")
    if not FUNCTIONS[name].takes(count):
        raise ExpressionError(f"the function '{call.name}' does not take {count} arguments")


def _check_reference(scope: str, call: Call, known: Known) -> None:
    if scope == "pipeline":
        return
    argument = call.arguments[0]
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        raise ExpressionError(f"'{call.name}' expects a name in quotes")
    if scope == "variables" and argument.value not in known.variables:
        raise ExpressionError(f"the pipeline has no variable '{argument.value}'")
    if scope == "activity" and argument.value not in known.activities:
        raise ExpressionError(
            f"the output of activity '{argument.value}' is not there yet:"
            " it does not exist, or this activity does not depend on it"
        )


def _check_pipeline_property(node: Member, known: Known) -> None:
    if not isinstance(node.key, Literal):
        return
    key, target = node.key.value, node.target
    if isinstance(target, Call) and target.name.lower() == "pipeline" and key not in PIPELINE_PROPERTIES:
        raise not_imitated(f"the system variable 'pipeline().{key}'")
    if (
        isinstance(target, Member)
        and target.key == Literal("parameters")
        and isinstance(target.target, Call)
        and target.target.name.lower() == "pipeline"
        and key not in known.parameters
    ):
        raise ExpressionError(f"the pipeline has no parameter '{key}'")


def _evaluate_text(text: str, values: Values) -> Value:
    template = parse(text)
    if isinstance(template, str):
        return template
    if isinstance(template, Interpolation):
        return "".join(
            part if isinstance(part, str) else text_of(_evaluate_node(part, values))
            for part in template.parts
        )
    return _evaluate_node(template, values)


def _evaluate_node(node: Node, values: Values) -> Value:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Member):
        return _member(node, values)
    arguments = [_evaluate_node(argument, values) for argument in node.arguments]
    name = node.name.lower()
    if name == "pipeline":
        return values.pipeline
    if name in SCOPES:
        scope = values.variables if name == "variables" else values.activities
        return scope[arguments[0]]
    return FUNCTIONS[name].call(*arguments)


def _member(node: Member, values: Values) -> Value:
    target: Any = _evaluate_node(node.target, values)
    key = _evaluate_node(node.key, values)
    if isinstance(target, dict) and key in target:
        return target[key]
    if isinstance(target, list) and type(key) is int and 0 <= key < len(target):
        return target[key]
    if node.optional and (target is None or isinstance(target, dict)):
        return None
    available = (
        f"it has {', '.join(map(repr, target)) or 'none'}" if isinstance(target, dict) else f"of {target!r}"
    )
    raise ExpressionError(f"there is no property {key!r}: {available}")
