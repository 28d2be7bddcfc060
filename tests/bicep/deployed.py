"""What one case deploys, and where two values differ."""

from collections.abc import Iterator
from typing import Any

from scripts.bicep_deployed import Deployed, Resource, committed, of_case

__all__ = ["Deployed", "Resource", "committed", "differences", "of_case"]


def differences(title: str, found: Any, wanted: Any) -> Iterator[str]:
    """Where two values differ, by their paths."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted({*found} | {*wanted}):
            if name not in wanted:
                yield f"{title}.{name} is not expected"
            elif name not in found:
                yield f"{title}.{name} is missing"
            else:
                yield from differences(f"{title}.{name}", found[name], wanted[name])
    elif found != wanted:
        yield f"{title} is {found!r}, not {wanted!r}"
