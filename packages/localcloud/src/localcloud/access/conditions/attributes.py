"""Attributes of a call that a condition may ask for.

Sources: "Actions and attributes for Azure role assignment conditions" for Azure Blob Storage and for queues;
the conditions of Azure's built-in roles for the others.
"""

import re
from dataclasses import dataclass
from typing import Self

from localcloud.access.conditions.errors import UnsupportedConditionError

type Value = str | bool | tuple[str, ...]
"""An attribute's value. A date is a text as Azure writes it, such as `2022-06-01T23:38:32.8883645Z`."""

_ACCOUNT = "Microsoft.Storage/storageAccounts"
_CONTAINER = f"{_ACCOUNT}/blobServices/containers"
_BLOB = f"{_CONTAINER}/blobs"
_TAGS = f"{_BLOB}/tags"
_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
_OF_ASSIGNMENT = [f"{_ASSIGNMENT}:{name}" for name in ("RoleDefinitionId", "PrincipalId", "PrincipalType")]
_KNOWN = {
    "Environment": [
        "isPrivateLink",
        "UtcNow",
        "Microsoft.Network/privateEndpoints",
        "Microsoft.Network/virtualNetworks/subnets",
    ],
    "Principal": [],
    "Request": [
        f"{_BLOB}:prefix",
        f"{_BLOB}:snapshot",
        f"{_BLOB}:versionId",
        f"{_TAGS}&$keys$&",
        *_OF_ASSIGNMENT,
    ],
    "Resource": [
        f"{_ACCOUNT}:name",
        f"{_ACCOUNT}:isHnsEnabled",
        f"{_ACCOUNT}/encryptionScopes:name",
        f"{_ACCOUNT}/queueServices/queues:name",
        f"{_CONTAINER}:name",
        f"{_BLOB}:path",
        f"{_BLOB}:isCurrentVersion",
        f"{_TAGS}&$keys$&",
        *_OF_ASSIGNMENT,
        "HasObotoken",
        "Microsoft.Insights/logs/tables:protectionLevel",
        "Microsoft.OperationalInsights/workspaces/tables:protectionLevel",
    ],
}
_NAMES = {
    (source.lower(), name.lower()): (source, name) for source, names in _KNOWN.items() for name in names
}
_TAG = re.compile(rf"{re.escape(_TAGS)}:(?P<key>.+)<\$key_case_sensitive\$>", re.IGNORECASE)
_CUSTOM = re.compile(r"Microsoft\.Directory/CustomSecurityAttributes/Id:(?P<key>.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Attribute:
    """An attribute by its source (Environment, Principal, Request or Resource) and name."""

    source: str
    name: str

    @classmethod
    def of(cls, source: str, name: str) -> Self:
        """The attribute that a condition calls `@source[name]`. Letter case counts in the key of a tag only.

        Raises UnsupportedConditionError for one that localcloud does not know.
        """
        known = _NAMES.get((source.lower(), name.lower()))
        if known is not None:
            return cls(*known)
        if source.lower() in ("request", "resource") and (tag := _TAG.fullmatch(name)):
            return cls(source.capitalize(), f"{_TAGS}:{tag['key']}<$key_case_sensitive$>")
        if source.lower() == "principal" and (custom := _CUSTOM.fullmatch(name)):
            return cls("Principal", f"Microsoft.Directory/CustomSecurityAttributes/Id:{custom['key']}")
        raise UnsupportedConditionError(f"the attribute @{source}[{name}]")


ACCOUNT_NAME = Attribute.of("Resource", f"{_ACCOUNT}:name")
CONTAINER_NAME = Attribute.of("Resource", f"{_CONTAINER}:name")
BLOB_PATH = Attribute.of("Resource", f"{_BLOB}:path")
"""A blob's name: neither container nor a slash before it, and no URL encoding."""
BLOB_PREFIX = Attribute.of("Request", f"{_BLOB}:prefix")
"""What a list of blobs is limited to; "" lists from the root of the container."""


def tag(source: str, key: str) -> Attribute:
    """The value of a blob's index tag: the blob's own (Resource) or the one to be written (Request)."""
    return Attribute.of(source, f"{_TAGS}:{key}<$key_case_sensitive$>")
