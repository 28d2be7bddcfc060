"""Lists of a whole subscription: whoever holds a role somewhere below it sees what that role lets it see.

Resource Manager filters such lists where it refuses other requests: with a role on one group, `az group list`
shows this group.
"""

from collections.abc import Iterable
from dataclasses import replace

from starlette.requests import Request

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.inventory import GROUP
from localcloud.rights import Right, right_of
from localcloud.service import Cloud
from localcloud.store import Document

READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"


def right_to_list(path: str) -> Right:
    """The right of a route whose handler answers with `visible` resources only."""
    return replace(right_of("GET", path), filtered=True)


def visible(cloud: Cloud, request: Request, resources: Iterable[Document]) -> list[Document]:
    """Those of some resources that the caller of a request may read."""
    caller = cloud.arm_caller(request)

    def may_read(resource: Document) -> bool:
        group = resource["type"].lower() == GROUP.lower()
        operation = READ_GROUP if group else f"{resource['type']}/read"
        call = Call(caller.object_id, operation, resource["id"], client=caller.client)
        return not isinstance(cloud.grants.decide(call), Refused)

    return [each for each in resources if may_read(each)]
