"""Who may call the HTTP API, and who may decide on runs, by the app's settings."""

import re
from collections.abc import Mapping
from typing import Literal

from runs.errors import RefusedError
from runs.text import quote

SIGN_IN = "TOUCHDOWN_SIGN_IN"
APPROVERS = "TOUCHDOWN_APPROVERS"

type SignIn = Literal["key", "entra"]

_APPROVER = re.compile(r"key:[0-9a-f]{64}|entra:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def asks_for_keys(environment: Mapping[str, str]) -> bool:
    """Whether the Functions host asks callers of the HTTP API for a function key.

    That is decided when functions are indexed, before any setting is checked. So only the exact value `entra`
    turns it off; with an invalid one, the host asks for keys, and the app answers each call with an error.
    """
    return environment.get(SIGN_IN, "").strip() != "entra"


def read_sign_in(value: str) -> SignIn:
    """The setting TOUCHDOWN_SIGN_IN. Raises RefusedError InvalidSetting."""
    match value:
        case "key" | "entra":
            return value
    raise RefusedError(
        "InvalidSetting", f"app setting {SIGN_IN}: {quote(value, 80)} was given, expected key or entra."
    )


def read_approvers(value: str) -> frozenset[str]:
    """The ids of callers in the setting TOUCHDOWN_APPROVERS, as runs.contracts.Caller has them.

    Raises RefusedError InvalidSetting.
    """
    found = frozenset(each.lower() for each in re.split(r"[,\s]+", value) if each)
    for each in sorted(found):
        if not _APPROVER.fullmatch(each):
            raise RefusedError(
                "InvalidSetting",
                f"app setting {APPROVERS}: {quote(each, 80)} was given, expected key: and the SHA-256 of a"
                " function key (64 hexadecimal digits), or entra: and the object id of a principal, separated"
                " by commas.",
            )
    return found
