"""Takes resource ids apart.

Source: "Resource ID" in "Azure Resource Manager template functions for resources": what a resource belongs to
or extends stands before the last /providers/, and after it types and names take turns.
"""

import re

GROUP = "Microsoft.Resources/resourceGroups"


def split(path: str) -> tuple[str, str, list[str]]:
    """A path as scope, provider, and the types and names that follow; of its last provider, if it has one."""
    *base, last = re.split("/providers/", path.rstrip("/"), flags=re.IGNORECASE)
    provider, *segments = last.split("/")
    if not base or not segments:
        return "", "Microsoft.Resources", path.strip("/").split("/")
    return "/providers/".join(base), provider, segments


def type_and_name(id_: str) -> tuple[str, str]:
    """The type and the name of a resource, as a template writes them.

    The name of a child resource begins with those of its parents. An id without a provider is a resource
    group's.
    """
    _, provider, segments = split(id_)
    if segments[0].lower() == "subscriptions":
        return GROUP, segments[-1]
    return "/".join([provider, *segments[::2]]), "/".join(segments[1::2])


def top_level(id_: str) -> str:
    """The id of the resource in which a child resource is; a top-level resource's own."""
    scope, provider, segments = split(id_)
    return "/".join([scope, "providers", provider, *segments[:2]])
