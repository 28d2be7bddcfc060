"""What a training says on stdout while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training import Epoch

SECONDS_BETWEEN_LINES = 1.0


def say(line: str) -> None:
    print(line, flush=True)


def print_progress(epochs: int) -> Callable[[Epoch], None]:
    """A function that prints the first and the last epoch, and at most one line a second between them."""
    next_line = 0.0

    def show(epoch: Epoch) -> None:
        nonlocal next_line
        now = time.monotonic()
        if now >= next_line or epoch.number == epochs:
            next_line = now + SECONDS_BETWEEN_LINES
            accuracy = "" if math.isnan(epoch.accuracy) else f", accuracy {epoch.accuracy:.4f}"
            say(f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f}{accuracy}")

    return show
