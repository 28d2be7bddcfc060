"""Operation names such as `Microsoft.Storage/storageAccounts/read`, and the patterns of roles."""

import functools
import re


def matches(pattern: str, operation: str) -> bool:
    """Whether a pattern of a role matches an operation.

    Letter case is ignored, and `*` is any text with or without slashes ("Understand Azure role definitions").
    `a/*/read` also matches `a/read`: AzureML Data Scientist shows it, which is documented to make no compute
    and denies this by `workspaces/computes/*/write` alone.
    """
    return _expression(pattern).fullmatch(operation) is not None


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(text, re.IGNORECASE | re.DOTALL)
