"""A resource type as one row: its name, versions, required properties, and what Azure adds to a resource.

Sources: "Naming rules and restrictions for Azure resources"; each type's page in "Azure resource reference".
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from localcloud.service import Cloud
from localcloud.store import Document

type Hook = Callable[[Cloud, Document], Awaitable[None]]
"""Called with the stored resource."""


@dataclass(frozen=True)
class Name:
    """What a name may be.

    pattern: of the whole name. rule: the same in words. code, message: of the refusal; the message may use
    {name} and {rule}.
    """

    pattern: str
    rule: str
    code: str = "InvalidResourceName"
    message: str = "Resource name {name} is invalid. The name {rule}."


@dataclass(frozen=True)
class Sent:
    """A resource as a client wants it to be.

    id: as the path spells it. body: without properties that only Azure writes. earlier: the resource before,
    or None for a new one.
    """

    id: str
    body: Document
    earlier: Document | None

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def properties(self) -> Document:
        return dict(self.body.get("properties") or {})


async def nothing(_: Cloud, __: Document) -> None:
    pass


def no_properties(_: Cloud, __: Document) -> Document:
    return {}


def succeeded(_: Cloud, __: Document) -> Document:
    return {"provisioningState": "Succeeded"}


def no_check(_: Cloud, __: Sent) -> None:
    pass


@dataclass(frozen=True)
class Kind:
    """One resource type. Properties are named by their paths in the body (paths.py).

    versions: the oldest and the newest api-version. located: it needs a location, as all top-level resources
    do. required: what must be there wherever its holder is. choices: the values of an enumeration, whose case
    does not matter. ranges: of whole numbers. refers: the type of the resource whose id a property holds, and
    which must exist. fixed: what later PUTs cannot change, with its default. read_only: what Azure ignores in
    a body. secret: what no answer holds. code: of a refused property. computed: the properties that Azure
    adds. check: everything else; raises AzureError. made: runs before a PUT is answered; going: before a
    deletion. created: the status of the answer to the first PUT. extends: it belongs to resources of any
    type.
    """

    type: str
    versions: tuple[str, str]
    name: Name
    located: bool = True
    required: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    code: str = "BadRequest"
    computed: Callable[[Cloud, Document], Document] = succeeded
    check: Callable[[Cloud, Sent], None] = no_check
    made: Hook = nothing
    going: Hook = nothing
    created: int = 201
    extends: bool = False

    @property
    def segments(self) -> list[str]:
        """The type after its namespace: ["storageAccounts", "blobServices"]."""
        return self.type.split("/")[1:]

    @property
    def namespace(self) -> str:
        return self.type.split("/")[0]

    @property
    def parent(self) -> str:
        """The type of the parent, or "" for a top-level type."""
        return self.type.rpartition("/")[0] if len(self.segments) > 1 else ""
