"""Evaluates a resource beforehand, with placeholders for what only a deployment knows.

One placeholder stands for one property of one resource, so that two expressions for the same id give the same
text, whatever their form. All texts that are seen on the way, arguments of functions included, tell what a
resource names.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.deployments.evaluation import Deployment, Evaluator, Variables
from localcloud.deployments.functions import Function
from localcloud.deployments.syntax import ExpressionError, Node

type Document = dict[str, Any]


class Placeholder(str):
    """Stands for a value that only a deployment knows, as a word that may end up in other texts.

    path: how the value is reached; its case does not matter.
    """

    path: str
    PREFIX = "known-later-"

    def __new__(cls, path: str) -> "Placeholder":
        made = super().__new__(cls, cls.PREFIX + uuid.uuid5(uuid.NAMESPACE_URL, path.lower()).hex)
        made.path = path
        return made

    @classmethod
    def of(cls, resource: str, *path: str) -> "Placeholder":
        """The placeholder of a resource's properties, or of the property at a path in them."""
        return cls(".".join([f"reference({resource})", *path]))


@dataclass(frozen=True)
class Placeholders:
    """A deployment all of whose answers are placeholders."""

    subscription: str
    resource_group: str | None

    def environment(self) -> Any:
        return Placeholder("environment()")

    def deployer(self) -> Any:
        return Placeholder("deployer()")

    def reference(self, resource: str, _: str | None, full: bool) -> Any:
        return Placeholder(f"reference({resource}, full)") if full else Placeholder.of(resource)

    def list_keys(self, resource: str, _: str) -> Any:
        return Placeholder(f"listKeys({resource})")


class Tracer(Evaluator):
    """Evaluates with placeholders. seen: the texts that functions took and gave.

    What cannot be done with a placeholder, such as to take the third part of it, gives another placeholder.
    """

    def __init__(self, placeholders: Placeholders) -> None:
        super().__init__(placeholders)
        self.seen: set[str] = set()

    def apply(self, name: str, function: Function, arguments: list[Any]) -> Any:
        texts = [each for each in arguments if isinstance(each, str)]
        try:
            value = super().apply(name, function, arguments)
        except ExpressionError:
            if not holds_placeholder(arguments):
                raise
            value = Placeholder(f"{name}({', '.join(texts)})")
        self.seen.update(texts, [value] if isinstance(value, str) else [])
        return value

    def choose(self, arguments: tuple[Node, ...], variables: Variables) -> Any:
        """Both values count, since the condition hangs on what only a deployment knows."""
        for each in arguments[1:]:
            with contextlib.suppress(ExpressionError):
                self.evaluate(each, variables)
        if isinstance(self.evaluate(arguments[0], variables), Placeholder):
            return self.evaluate(arguments[2], variables)
        return super().choose(arguments, variables)

    def member(self, target: Any, key: Any) -> Any:
        if isinstance(target, Placeholder):
            return Placeholder(f"{target.path}.{key}")
        try:
            return super().member(target, key)
        except ExpressionError:
            if not holds_placeholder(target):
                raise
            return Placeholder(f"{json.dumps(target)}.{key}")


@dataclass(frozen=True)
class Traced:
    """A resource with placeholders. id, type: in lower case. texts: all that were seen, in lower case."""

    id: str
    type: str
    body: Document
    texts: str


def traced(resource: Document, deployment: Deployment) -> Traced:
    tracer = Tracer(Placeholders(deployment.subscription, deployment.resource_group))
    body = tracer.document(resource)
    texts = [*tracer.seen, *texts_in(body)]
    return Traced(str(body["id"]).lower(), str(body["type"]).lower(), body, "\n".join(texts).lower())


def holds_placeholder(value: Any) -> bool:
    return any(Placeholder.PREFIX in each for each in texts_in(value))


def texts_in(value: Any) -> Iterator[str]:
    """The texts of JSON, names of properties included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
