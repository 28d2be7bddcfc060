"""Azure's built-in roles, which have the same id everywhere. BUILT_IN_ROLES.md names their source."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

from localcloud.access.definitions import RoleDefinition

DATA = Path(__file__).with_name("built_in_roles.jsonl")


@functools.lru_cache(maxsize=256)
def built_in(id_: str) -> RoleDefinition | None:
    """The built-in role of an id, or None."""
    start = f'{{"id": "{id_.lower()}", '
    return next((_role(line) for line in _lines() if line.startswith(start)), None)


@functools.lru_cache(maxsize=256)
def built_in_named(name: str) -> RoleDefinition | None:
    """The built-in role of a name, or None."""
    words = f', "roleName": {json.dumps(name, ensure_ascii=False)}, '
    return next((_role(line) for line in _lines() if words in line), None)


def built_in_roles() -> Iterator[RoleDefinition]:
    """All built-in roles, by id."""
    return (_role(line) for line in _lines())


def _lines() -> Iterator[str]:
    with DATA.open(encoding="utf-8") as lines:
        yield from lines


def _role(line: str) -> RoleDefinition:
    given = json.loads(line)
    return RoleDefinition.of(given["id"], given["roleName"], given["permissions"])
