"""One call that somebody wants to make, with all that a decision may depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from localcloud.access.conditions.attributes import Attribute, Value


@dataclass(frozen=True)
class Call:
    """An operation of a principal.

    principal: object id. operation: full name, such as `Microsoft.Storage/storageAccounts/read`.
    scope: id of the resource that the operation is on. is_data: whether Azure's list of operations calls it a
    data action. suboperation: Azure's name for the kind of a data action, such as `Blob.List`, or "".
    attributes: what conditions may ask for; one that is absent does not exist.
    client: what the caller is called in a refusal: application id or user name, by default the object id.
    """

    principal: str
    operation: str
    scope: str
    is_data: bool = False
    suboperation: str = ""
    attributes: Mapping[Attribute, Value] = field(default_factory=dict)
    client: str = ""
