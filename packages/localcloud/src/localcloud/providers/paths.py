"""Properties of a JSON body by their paths, such as `properties.actions.actionGroupId`.

A path leads through arrays: it names the property in each of their items.
"""

from collections.abc import Iterator
from typing import Any

from localcloud.store import Document


def values(body: Any, path: str) -> Iterator[Any]:
    """The values at a path; none where a property is missing or null."""
    name, _, rest = path.partition(".")
    for each in body if isinstance(body, list) else [body]:
        if not isinstance(each, dict) or each.get(name) is None:
            continue
        if rest:
            yield from values(each[name], rest)
        else:
            yield from each[name] if isinstance(each[name], list) else [each[name]]


def holders(body: Any, path: str) -> Iterator[Document]:
    """The objects that may hold the last property of a path."""
    parent, _, _ = path.rpartition(".")
    found = values(body, parent) if parent else [body]
    return (each for each in found if isinstance(each, dict))


def without(body: Document, paths: tuple[str, ...]) -> Document:
    """A copy of a body without the properties at some paths."""
    kept: Document = {}
    for name, value in body.items():
        below = tuple(path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}."))
        if name not in paths:
            kept[name] = without(value, below) if below and isinstance(value, dict) else value
    return kept


def merged(body: Document, changes: Document) -> Document:
    """A body with changes as PATCH makes them: objects are merged, null removes a property (RFC 7396)."""
    found = dict(body)
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict) and isinstance(found.get(name), dict):
            found[name] = merged(found[name], value)
        else:
            found[name] = value
    return found
