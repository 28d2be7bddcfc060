"""JSON with comments, unquoted names, trailing commas and line breaks in texts.

Resource Manager reads a request to deploy so, because a template may be written so
(learn.microsoft.com/azure/azure-resource-manager/templates/syntax, "Comments and metadata"). az 2.91 counts
on it: it writes `"properties": {…, template:{…}}` around the file that it was given.
"""

import re
from typing import Any

from localcloud import json_texts

TEXT = r'"(?:[^"\\]|\\.)*"'
EXTRAS = re.compile(
    rf"(?P<text>{TEXT})|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<name>[A-Za-z_$][\w$]*)(?=\s*:)", re.DOTALL
)
COMMAS = re.compile(rf"(?P<text>{TEXT})|,(?=\s*[}}\]])", re.DOTALL)


def loads(text: str) -> Any:
    """The value of a text. Raises ValueError."""
    try:
        return json_texts.loads(text)
    except ValueError:
        strict = COMMAS.sub(lambda found: found["text"] or "", EXTRAS.sub(plain, text))
        return json_texts.loads(strict, strict=False)


def plain(found: re.Match[str]) -> str:
    if found["comment"]:
        return " "
    return found["text"] or f'"{found["name"]}"'
