"""Template functions that write resource ids.

Source: "Resource functions for ARM templates" (learn.microsoft.com/azure/azure-resource-manager/templates/
template-functions-resource), "ARM template functions in deployment scopes" (…/templates/scope-functions).
"""

import re

from localcloud.deployments.functions import text
from localcloud.deployments.syntax import ExpressionError

SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
GROUP_TYPE = "microsoft.resources/resourcegroups"


def below(scope: str, kind: str, names: list[str]) -> str:
    """The id of a resource below a scope ("" is the tenant), such as /subscriptions/…/resourceGroups/….

    Raises ExpressionError unless there is one name for each part of the type after its namespace.
    """
    namespace, *types = kind.split("/")
    if not types or len(types) != len(names):
        raise ExpressionError(
            f"the type '{kind}' requires {len(types)} resource names; {len(names)} are given"
        )
    pairs = "/".join(f"{type_}/{name}" for type_, name in zip(types, names, strict=True))
    return f"{scope}/providers/{namespace}/{pairs}"


def divided(arguments: tuple[object, ...]) -> tuple[list[str], str, list[str]]:
    """Scopes, type and names: the type is the first argument with a slash."""
    texts = [text(argument) for argument in arguments]
    for position, each in enumerate(texts):
        if "/" in each:
            return texts[:position], each, texts[position + 1 :]
    raise ExpressionError("no argument is a resource type, such as Microsoft.Storage/storageAccounts")


def subscription_scope(subscription: str) -> str:
    if not SUBSCRIPTION.fullmatch(subscription):
        raise ExpressionError(f"'{subscription}' is not the id of a subscription")
    return f"/subscriptions/{subscription}"


def resource_id(subscription: str, group: str | None, arguments: tuple[object, ...]) -> str:
    """resourceId([subscription], [group], type, name, …).

    subscription, group: the deployment's own, which stand in where they are not given; group is None where
    the deployment is one of a subscription, and one scope given is the subscription then.
    """
    scopes, kind, names = divided(arguments)
    if len(scopes) > 2:
        raise ExpressionError("before the type there are at most a subscription and a resource group")
    if len(scopes) == 1:
        subscription, group = (scopes[0], None) if group is None else (subscription, scopes[0])
    elif scopes:
        subscription, group = scopes
    if group is None:
        return in_subscription(subscription, kind, names)
    return below(f"{subscription_scope(subscription)}/resourceGroups/{group}", kind, names)


def subscription_resource_id(subscription: str, arguments: tuple[object, ...]) -> str:
    """subscriptionResourceId([subscription], type, name, …)."""
    scopes, kind, names = divided(arguments)
    if len(scopes) > 1:
        raise ExpressionError("before the type there is at most a subscription")
    return in_subscription(scopes[0] if scopes else subscription, kind, names)


def in_subscription(subscription: str, kind: str, names: list[str]) -> str:
    """The id of a resource of a subscription. That of a resource group has no namespace."""
    scope = subscription_scope(subscription)
    if kind.lower() == GROUP_TYPE and len(names) == 1:
        return f"{scope}/resourceGroups/{names[0]}"
    return below(scope, kind, names)


def extension_resource_id(scope: object, kind: object, *names: object) -> str:
    """extensionResourceId(scope, type, name, …)."""
    base = text(scope).rstrip("/")
    if not base.startswith("/"):
        raise ExpressionError(f"'{scope}' is not the id of a resource")
    return below(base, text(kind), [text(name) for name in names])


def tenant_resource_id(kind: object, *names: object) -> str:
    """tenantResourceId(type, name, …)."""
    return below("", text(kind), [text(name) for name in names])
