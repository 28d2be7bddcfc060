"""Waiting for something that no call tells of."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], limit: float = 60.0) -> None:
    """Wait until `condition` holds; fail after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true within {limit} s"
        time.sleep(0.1)
