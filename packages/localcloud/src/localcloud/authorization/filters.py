"""`$filter` of the lists of role assignments and role definitions: the forms that Azure documents.

Sources: "List Azure role assignments using the REST API" and "List Azure role definitions".
"""

import re

from starlette.requests import Request

from localcloud.authorization.checks import bad

_TERM = re.compile(
    r"\s*(?:(?P<word>atScope|atScopeAndBelow|assignedTo)\(\s*(?:'(?P<given>[^']*)')?\s*\)"
    r"|(?P<name>principalId|roleName|type)\s+eq\s+'(?P<value>(?:[^']|'')*)')\s*",
    re.IGNORECASE,
)


def terms(request: Request, *known: str) -> dict[str, str]:
    """The terms of a request's filter by name in small letters; of a list without a filter, none.

    `known` names the terms of this list. Raises AzureError 400 for another filter.
    """
    text = request.query_params.get("$filter", "")
    found: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if text.strip() else []:
        match = _TERM.fullmatch(part)
        name = (match["word"] or match["name"]).lower() if match else ""
        if match is None or name not in known or (name == "assignedto") != bool(match["given"]):
            raise bad("InvalidFilter", f"The filter '{text}' is none of {', '.join(sorted(known))}.")
        found[name] = (match["given"] or match["value"] or "").replace("''", "'")
    return found
