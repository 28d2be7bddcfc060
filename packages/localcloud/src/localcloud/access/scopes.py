"""Scopes: management groups, subscriptions, resource groups, resources and what is below them.

Source: "Understand scope for Azure RBAC".
"""

from collections.abc import Mapping


def covers(scope: str, target: str, parents: Mapping[str, str] | None = None) -> bool:
    """Whether what is assigned on a scope holds on a target: the scope itself, or something below it.

    Ids are compared by whole segments and without regard to letter case. An id does not say which management
    group it is in: `parents` has the group's id by that of each subscription and management group in it.
    """
    above = {_plain(child): parent for child, parent in (parents or {}).items()}
    wanted, held = _plain(scope), _plain(target)
    seen: set[str] = set()
    while held not in seen:
        seen.add(held)
        if f"{held}/".startswith(f"{wanted}/"):
            return True
        top = "/".join(held.split("/")[: 3 if held.startswith("/subscriptions/") else 5])
        held = _plain(above.get(top, held))
    return False


def _plain(scope: str) -> str:
    return scope.rstrip("/").lower()
