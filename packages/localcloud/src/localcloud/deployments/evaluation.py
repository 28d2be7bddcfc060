"""Evaluates the expressions of a resource, and asks the deployment for what only it knows."""

import inspect
from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.deployments.functions import FUNCTIONS, Function, boolean, kind, text
from localcloud.deployments.resource_ids import (
    extension_resource_id,
    resource_id,
    subscription_resource_id,
    tenant_resource_id,
)
from localcloud.deployments.syntax import Call, ExpressionError, Literal, Node, is_expression, parse

type Variables = Mapping[str, Any]
"""The variables of the lambdas around an expression, by their names in lower case."""

FORMS = ("if", "lambda", "lambdavariables")
"""Functions whose arguments are not all evaluated before they are called."""


class Deployment(Protocol):
    """What expressions may ask while a template is deployed; it answers with Resource Manager's JSON."""

    @property
    def subscription(self) -> str:
        """The id of the subscription that is deployed to."""
        ...

    @property
    def resource_group(self) -> str | None:
        """The name of the resource group, or None where the subscription itself is deployed to."""
        ...

    def environment(self) -> dict[str, Any]:
        """The cloud's metadata: resourceManager, suffixes, authentication, …"""
        ...

    def deployer(self) -> dict[str, Any]:
        """Who deploys: objectId, tenantId, userPrincipalName."""
        ...

    def reference(self, resource: str, api_version: str | None, full: bool, /) -> dict[str, Any]:
        """The properties of a resource that exists, or with `full` the whole resource."""
        ...

    def list_keys(self, resource: str, api_version: str, /) -> dict[str, Any]:
        """The answer of a resource's action listKeys."""
        ...


class Evaluator:
    """Evaluates for one deployment.

    Raises ExpressionError, which quotes the expression, and what the deployment raises.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._functions = {**FUNCTIONS, **functions_of(deployment)}

    @property
    def functions(self) -> frozenset[str]:
        """The names of all functions, in lower case."""
        return frozenset([*self._functions, *FORMS])

    def document(self, value: Any) -> Any:
        """JSON with each expression in it, also one that is a property's name, replaced by its value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {str(self.text(name)): self.document(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.document(each) for each in value]
        return value

    def text(self, value: str) -> Any:
        """The value of a text: its own, unless it is an expression."""
        if not is_expression(value):
            return value
        try:
            return self.evaluate(parse(value), {})
        except ExpressionError as error:
            raise ExpressionError(f"{error}, in the expression {value}") from error

    def evaluate(self, node: Node, variables: Variables) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Call):
            return self.call(node, variables)
        return self.member(self.evaluate(node.target, variables), self.evaluate(node.key, variables))

    def call(self, node: Call, variables: Variables) -> Any:
        """The value of a call. Raises ExpressionError, which names the function."""
        name = node.name.lower()
        if name in FORMS:
            return self.form(node, variables)
        function = self._functions.get(name)
        if function is None:
            raise ExpressionError(f"localcloud does not know the function '{node.name}'")
        arguments = [self.evaluate(each, variables) for each in node.arguments]
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError as error:
            raise ExpressionError(f"{node.name}: {len(arguments)} arguments do not fit: {error}") from error
        return self.apply(node.name, function, arguments)

    def apply(self, name: str, function: Function, arguments: list[Any]) -> Any:
        try:
            return function(*arguments)
        except ExpressionError as error:
            raise ExpressionError(f"{name}: {error}") from error

    def form(self, node: Call, variables: Variables) -> Any:
        """The value of one of FORMS."""
        name, arguments = node.name.lower(), node.arguments
        if name == "if" and len(arguments) == 3:
            return self.choose(arguments, variables)
        if name == "lambda" and arguments:
            return self.function_of(arguments, variables)
        if name == "lambdavariables" and len(arguments) == 1:
            wanted = text(self.evaluate(arguments[0], variables))
            if wanted.lower() in variables:
                return variables[wanted.lower()]
            raise ExpressionError(f"no lambda has a variable '{wanted}'")
        raise ExpressionError(f"{node.name}: {len(arguments)} arguments do not fit")

    def choose(self, arguments: tuple[Node, ...], variables: Variables) -> Any:
        """if(condition, value, value): only the chosen value is evaluated."""
        condition = self.apply("if", boolean, [self.evaluate(arguments[0], variables)])
        return self.evaluate(arguments[1 if condition else 2], variables)

    def function_of(self, arguments: tuple[Node, ...], variables: Variables) -> Function:
        """lambda(name, …, expression) as a function, which may be given more values than it has names."""
        names = [text(self.evaluate(each, variables)).lower() for each in arguments[:-1]]

        def called(*values: Any) -> Any:
            return self.evaluate(arguments[-1], {**variables, **dict(zip(names, values, strict=False))})

        return called

    def member(self, target: Any, key: Any) -> Any:
        """A property, whose case does not matter, or the item of an array.

        Raises ExpressionError in Resource Manager's words if there is none.
        """
        if isinstance(target, list) and isinstance(key, int):
            if 0 <= key < len(target):
                return target[key]
            raise ExpressionError(f"The language expression property array index '{key}' is out of bounds")
        if not isinstance(target, dict) or not isinstance(key, str):
            raise ExpressionError(f"{kind(target)} has no '{key}'")
        for name in (key, *(each for each in target if each.lower() == key.lower())):
            if name in target:
                return target[name]
        names = ", ".join(target)
        raise ExpressionError(
            f"The language expression property '{key}' doesn't exist, available properties are '{names}'"
        )


def functions_of(deployment: Deployment) -> dict[str, Function]:
    """The functions that ask the deployment, by their names in lower case."""

    def reference(resource: object, api_version: object = None, how: object = "") -> dict[str, Any]:
        version = None if api_version is None else text(api_version)
        return deployment.reference(text(resource), version, text(how).lower() == "full")

    def list_keys(resource: object, api_version: object) -> dict[str, Any]:
        return deployment.list_keys(text(resource), text(api_version))

    def resource(*arguments: object) -> str:
        return resource_id(deployment.subscription, deployment.resource_group, arguments)

    def subscription_resource(*arguments: object) -> str:
        return subscription_resource_id(deployment.subscription, arguments)

    return {
        "deployer": deployment.deployer,
        "environment": deployment.environment,
        "extensionresourceid": extension_resource_id,
        "listkeys": list_keys,
        "reference": reference,
        "resourceid": resource,
        "subscriptionresourceid": subscription_resource,
        "tenantresourceid": tenant_resource_id,
    }
