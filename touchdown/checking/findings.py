"""What a check found."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """The result of one check. row: what docs/deploy.md says of it, by the first cell of its row, or ""."""

    check: str
    outcome: Outcome
    message: str
    row: str = ""


type Tell = Callable[[Finding], None]
"""Gets each finding as soon as there is one, so that an interrupt loses none."""

NOT_TRIED = Finding(
    "first run", Outcome.NOT_CHECKED, "not tried, because a check has failed: correct that, and check again."
)
