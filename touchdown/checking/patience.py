"""A client for a check that takes an hour: it tries again where Azure asks for that or does not answer."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from touchdown.client import Client, Json, Target
from touchdown.errors import ApiError, StackNotRunningError

TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses of answers after which a call is worth another try; azure-core's RetryPolicy has the same."""
WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each further try, unless the answer asks for more (Retry-After)."""
LONGEST_WAIT = 300.0
TIMEOUT = 100.0
"""Seconds that one call may take: an app that has scaled to zero starts first."""
REPEATABLE = ("GET", "DELETE")


class PatientClient(Client):
    """A client whose calls are tried again. `sleep` gets the seconds to wait."""

    def __init__(self, target: Target, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(target, TIMEOUT)
        self._sleep = sleep

    def _call(self, method: str, url: str, **request: Any) -> Json:
        for wait in WAITS:
            try:
                return super()._call(method, url, **request)
            except ApiError as error:
                if error.status not in TRANSIENT or not (method in REPEATABLE or error.status == 429):
                    raise
                wait = min(LONGEST_WAIT, max(wait, error.retry_after))
            except (httpx.TransportError, StackNotRunningError):
                if method not in REPEATABLE:
                    raise
            self._sleep(wait)
        return super()._call(method, url, **request)
