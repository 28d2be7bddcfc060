"""Decides about a resource that a client sends, by the row of its type.

Codes and sentences are Resource Manager's where they are the same for all types: "Resolve common Azure
deployment errors" and the pages of the single codes; the others come from the row.
"""

import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from localcloud.inventory import Inventory, not_found, properties_of
from localcloud.providers import identities, paths
from localcloud.providers.kinds import Kind, Sent
from localcloud.regions import region_of
from localcloud.resource_ids import type_and_name
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError, api_version

VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
RESOURCE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/[^/]+(/[^/]+/[^/]+)+",
    re.IGNORECASE,
)


def check_version(request: Request, kind: Kind) -> None:
    """Raise AzureError 400 unless the api-version is one of the type.

    Azure has a list for each type; here every date between the oldest and the newest is one.
    """
    version = api_version(request)
    oldest, newest = kind.versions
    if not VERSION.fullmatch(version) or not oldest <= version[:10] <= newest:
        message = (
            f"No registered resource provider found for API version '{version}' for type"
            f" '{'/'.join(kind.segments)}'. The supported api-versions are '{oldest} to {newest}'."
        )
        raise AzureError(400, "NoRegisteredProviderFound", message)


def accepted(cloud: Cloud, kind: Kind, id_: str, body: Document) -> Sent:
    """What is to be stored of a body. Raises AzureError for what Azure refuses."""
    inventory = cloud.inventory
    check_name(kind, id_.rpartition("/")[2])
    check_parent(inventory, kind, id_)
    properties_of(body)
    sent = Sent(id_, paths.without(body, kind.read_only), inventory.get(id_))
    check_envelope(inventory, kind, sent)
    for path in kind.required:
        check_required(kind, sent.body, path)
    check_values(kind, sent.body)
    check_fixed(kind, sent)
    sent = replace(sent, body=with_fixed(kind, sent))
    for path, type_ in kind.refers.items():
        for value in paths.values(sent.body, path):
            check_reference(inventory, path, type_, value)
    kind.check(cloud, sent)
    return sent


def check_name(kind: Kind, name: str) -> None:
    rule = kind.name
    if not re.fullmatch(rule.pattern, name):
        raise AzureError(400, rule.code, rule.message.format(name=name, rule=rule.rule))


def check_parent(inventory: Inventory, kind: Kind, id_: str) -> None:
    """Raise AzureError 404 unless the parent exists, or the resource that an extension belongs to."""
    if kind.extends:
        scope = id_.rpartition("/providers/")[0]
        if "/providers/" in scope and inventory.get(scope) is None:
            raise missing(inventory, scope)
        return
    parent = parent_of(id_)
    if kind.parent and inventory.get(parent) is None:
        message = (
            f"Failed to perform 'write' on resource(s) of type '{'/'.join(kind.segments)}', because the"
            f" parent resource '{parent}' could not be found."
        )
        raise AzureError(404, "ParentResourceNotFound", message)


def parent_of(id_: str) -> str:
    """The id of the resource that must be there before. An account's services come with the account."""
    parent, _, _ = id_.rpartition("/")[0].rpartition("/")
    return parent_of(parent) if parent.lower().endswith("services/default") else parent


def check_envelope(inventory: Inventory, kind: Kind, sent: Sent) -> None:
    """Raise AzureError for a location, tags or an identity that Resource Manager refuses."""
    if kind.located:
        check_location(sent)
    check_tags(sent.body)
    if sent.body.get("identity") is not None:
        identities.check(inventory, sent.id, sent.body["identity"])


def check_tags(body: Document) -> None:
    """Raise AzureError 400 for tags that no resource can have."""
    tags = body.get("tags") or {}
    if not isinstance(tags, dict) or len(tags) > 50 or any(len(str(value)) > 256 for value in tags.values()):
        message = "Tags are an object of at most 50 texts of at most 256 characters."
        raise AzureError(400, "InvalidTagValueLength", message)


def check_location(sent: Sent) -> None:
    location = sent.body.get("location")
    if not isinstance(location, str) or not location.strip():
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    earlier = (sent.earlier or {}).get("location")
    wanted = region_of(location)
    if earlier is not None and region_of(earlier) != wanted:
        group = sent.id.split("/")[4]
        message = (
            f"The resource '{sent.name}' already exists in location '{region_of(earlier)}' in resource group"
            f" '{group}'. A resource with the same name cannot be created in location '{wanted}'."
            " Please select a new resource name."
        )
        raise AzureError(409, "InvalidResourceLocation", message)


def check_required(kind: Kind, body: Document, path: str) -> None:
    name = path.rpartition(".")[2]
    for holder in paths.holders(body, path):
        if holder.get(name) in (None, "", []):
            message = (
                f"The required property '{path}' of the resource type '{kind.type}' is missing or empty."
            )
            raise AzureError(400, kind.code, message, target=path)


def check_values(kind: Kind, body: Document) -> None:
    """Raise AzureError 400 for a value outside its enumeration or range."""
    for path, choices in kind.choices.items():
        for value in paths.values(body, path):
            if str(value).lower() not in {each.lower() for each in choices}:
                raise refused(kind, path, value, f"one of {', '.join(choices)}")
    for path, (least, most) in kind.ranges.items():
        for value in paths.values(body, path):
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise refused(kind, path, value, f"a whole number from {least} to {most}")


def refused(kind: Kind, path: str, value: Any, expected: str) -> AzureError:
    message = f"The value {value!r} of the property '{path}' is invalid: {expected} is expected."
    return AzureError(400, kind.code, message, target=path)


def check_fixed(kind: Kind, sent: Sent) -> None:
    """Raise AzureError 409 if a property changes that cannot; one that is left out keeps its value."""
    if sent.earlier is None:
        return
    for path, default in kind.fixed.items():
        old = next(paths.values(sent.earlier, path), default)
        new = next(paths.values(sent.body, path), old)
        if str(old).lower() != str(new).lower():
            message = f"Changing property '{path}' is not allowed: it is {old!r}."
            raise AzureError(409, "PropertyChangeNotAllowed", message, target=path)


def with_fixed(kind: Kind, sent: Sent) -> Document:
    """The body with what it leaves out and a PUT cannot change."""
    body = sent.body
    for path in kind.fixed:
        for old in paths.values(sent.earlier, path):
            if not [*paths.values(body, path)]:
                holder, _, name = path.rpartition(".")
                body = paths.merged(body, {holder: {name: old}} if holder else {name: old})
    return body


def check_reference(inventory: Inventory, path: str, type_: str, value: Any) -> Document:
    """The resource whose id a property holds. Raises AzureError 400 for another type, 404 for none."""
    if type_of(str(value)).lower() != type_.lower():
        message = (
            f"Property id '{value}' at path '{path}' is invalid. Expect the fully qualified resource id of a"
            f" resource of the type {type_}, which starts with '/subscriptions/{{subscriptionId}}'."
        )
        raise AzureError(400, "LinkedInvalidPropertyId", message, target=path)
    found = inventory.get(str(value))
    if found is None:
        raise missing(inventory, str(value))
    return found


def type_of(id_: str) -> str:
    """The type in the id of a resource of a group; "" for another text."""
    return type_and_name(id_)[0] if RESOURCE_ID.fullmatch(id_) else ""


def missing(inventory: Inventory, id_: str) -> AzureError:
    """Resource Manager's answer for a resource that does not exist, given by its id."""
    found = RESOURCE_ID.fullmatch(id_)
    return not_found(*type_and_name(id_), found["group"] if found else inventory.group)
