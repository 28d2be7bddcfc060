"""Storage's own clock, with which the app measures a blob's age.

Storage sets a blob's Last-Modified, so its age must be measured by storage too: a host whose clock is a few
seconds behind would take a claim that was left by a crash for one that was made just now.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


class StorageClock:
    """The time of storage's last response. Pass it to a call of a blob client as `raw_response_hook`."""

    def __init__(self) -> None:
        self._now: datetime | None = None

    def __call__(self, response: Any) -> None:
        # Storage sends the header with every response ("Common REST API response headers").
        self._now = parsedate_to_datetime(response.http_response.headers["Date"])

    def seconds_since(self, moment: datetime) -> float:
        """Seconds from `moment`, to the second, until storage's last response."""
        if self._now is None:
            raise ValueError("storage has not been called with this clock")
        return (self._now - moment).total_seconds()
