"""Operation names such as `Microsoft.Storage/storageAccounts/read`, and the patterns of roles."""

import functools
import re

ANY, ANY_SEGMENTS = "*", "/*/"


def matches(pattern: str, operation: str) -> bool:
    """Whether a pattern of a role matches an operation.

    Letter case is ignored, and `*` is any text with or without slashes ("Understand Azure role definitions").
    `a/*/read` also matches `a/read`: AzureML Data Scientist shows it, which is documented to make no compute
    and denies this by `workspaces/computes/*/write` alone.
    """
    text = operation.lower()
    ends = {0}
    for part in _parts(pattern):
        ends = _ends(part, text, ends)
        if not ends:
            return False
    return len(text) in ends


def _ends(part: str, text: str, starts: set[int]) -> set[int]:
    """Where a part of a pattern may end that begins at one of `starts`.

    All places at once: a regular expression would try one after the other, each with all that follow, which
    takes minutes for a dozen wildcards.
    """
    if part == ANY:
        return set(range(min(starts), len(text) + 1))
    if part == ANY_SEGMENTS:
        first = min((start for start in starts if text[start : start + 1] == "/"), default=len(text))
        return {place + 1 for place in range(first, len(text)) if text[place] == "/"}
    return {start + len(part) for start in starts if text.startswith(part, start)}


@functools.lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[str, ...]:
    """The wildcards of a pattern, and the texts between them."""
    return tuple(filter(None, re.split(r"(/\*/|\*)", pattern.lower())))
