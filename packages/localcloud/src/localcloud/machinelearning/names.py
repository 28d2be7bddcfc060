"""The names and tags that Azure Machine Learning accepts.

Sources: azure-ai-ml `constants/_endpoint.py` (endpoints and deployments); the Bicep type of
`workspaces/computes` (AmlCompute); "Naming rules" of registered assets; Azure/azure-sdk-for-python#41586
(tags).
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.machinelearning.errors import invalid, refused

ASSET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
COMPUTE = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9-]{2,23}")
ENDPOINT = re.compile(r"(?=.{3,32}$)[a-z]([-a-z0-9]*[a-z0-9])?")
FILE = re.compile(r"[^/\\\0]{1,255}")


def asset_name(name: str) -> str:
    """Return `name`. Raises AzureError 400 if it is not valid for a model or version."""
    if not ASSET.fullmatch(name):
        raise invalid(
            f"The name '{name}' is invalid: 1 to 255 letters, digits, '-', '_' and '.',"
            " beginning with a letter or digit.",
            "name",
        )
    return name


def compute_name(name: str) -> str:
    """Return `name`. Raises AzureError 400 if it is not valid for a compute."""
    if not COMPUTE.fullmatch(name):
        raise invalid(
            f"The compute name '{name}' is invalid: 3 to 24 letters, digits and '-', beginning with"
            " a letter, not ending with '-' and digits.",
            "computeName",
        )
    return name


def endpoint_name(name: str) -> str:
    """Return `name` in lower case. Raises AzureError 400 if it is not valid for an endpoint or deployment."""
    lowered = name.lower()
    if not ENDPOINT.fullmatch(lowered):
        raise invalid(
            f"The name '{name}' is invalid: 3 to 32 letters, digits and '-', beginning with a letter,"
            " ending with a letter or digit.",
            "name",
        )
    return lowered


def file_name(name: str) -> str:
    """Return `name`. Raises AzureError 400 if it is not a file name without a folder."""
    if not FILE.fullmatch(name) or name in (".", ".."):
        raise invalid(f"The file name '{name}' is invalid: a name without a folder.", "outputFileName")
    return name


def checked_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the tags of a resource. Raises AzureError 400 for a value that is empty or not a string."""
    bad = [key for key, value in (tags or {}).items() if not isinstance(value, str) or not value]
    if bad:
        raise refused(
            "PredicateValidator",
            f"Tag values must not be null or empty: {', '.join(sorted(bad))}.",
            target="Tags",
        )
    return dict(tags or {})
