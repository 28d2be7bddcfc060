"""What a training says on stdout while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from text import printable

SECONDS_BETWEEN_LINES = 1.0


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows, or one round of boosting, measured at its end.

    loss: as sklearn.metrics.log_loss, or the mean squared error in units of the label's variance. accuracy:
    in [0, 1]; NaN for a regression. milliseconds: the time of the measurement, since 1970, as MLflow counts.
    """

    number: int
    loss: float
    accuracy: float
    milliseconds: int

    @classmethod
    def measured_now(cls, number: int, loss: float, accuracy: float) -> Epoch:
        return cls(number, loss, accuracy, time.time_ns() // 1_000_000)


def say(line: str) -> None:
    """Print a line, which may quote texts from outside."""
    print(printable(line), flush=True)


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
