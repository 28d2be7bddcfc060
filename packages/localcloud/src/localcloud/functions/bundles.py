"""The bundle of extensions that host.json asks for.

localcloud downloads no bundle: it imitates the extensions of one version, and says so in the host's status.
Sources: "Azure Functions extension bundles" for the ids and the ranges, which are NuGet's;
ExtensionBundleManager.cs and HostController.cs of the Functions host for what the status says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = "4.37.1"
"""The version that localcloud imitates: its Durable extension is 3.14.0, which Durable Functions 2 needs."""
IDS = ("Microsoft.Azure.Functions.ExtensionBundle", "Microsoft.Azure.Functions.ExtensionBundle.Preview")
_RANGE = re.compile(
    r"(?P<open>[\[(])\s*(?P<least>[\d.*]*)\s*(?P<comma>,)?\s*(?P<most>[\d.]*)\s*(?P<close>[\])])"
)


@dataclass(frozen=True)
class Bundle:
    id: str
    version: str = VERSION


def bundle(content: Mapping[str, Any]) -> Bundle | None:
    """The bundle that a host.json asks for, or None. Raises ValueError if there is no such bundle."""
    asked = content.get("extensionBundle")
    if not asked:
        return None
    id_, range_ = str(asked.get("id", "")), str(asked.get("version", ""))
    if id_ not in IDS:
        raise ValueError(f'there is no extension bundle "{id_}"; it is one of {", ".join(IDS)}')
    if not holds(range_, VERSION):
        raise ValueError(
            f"Bundle version matching the {range_} was not found: localcloud imitates {VERSION} of {id_}"
        )
    return Bundle(id_)


def holds(range_: str, version: str) -> bool:
    """Whether a range such as `[4.*, 5.0.0)` or `[4.37.1]` holds a version. Raises ValueError."""
    found = _RANGE.fullmatch(range_.strip())
    if found is None:
        raise ValueError(f'"{range_}" is not a range of versions; write it as [4.*, 5.0.0)')
    this, least = _numbers(version), _numbers(found["least"] or "0")
    most = _numbers(found["most"]) if found["comma"] else least
    above = this >= least if found["open"] == "[" else this > least
    below = not most or (this <= most if found["close"] == "]" else this < most)
    return above and below


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, of which a `*` counts as 0."""
    found = [int(each.replace("*", "0")) for each in version.split(".") if each]
    return tuple(found + [0] * (3 - len(found))) if found else ()
