"""Faults on purpose: the cloud has them, so localcloud must be able to.

A fault is armed from outside through localcloud's own routes and taken at a named point. Points:
`http` (any request to the TLS listener; where: method, path as a regular expression), `eventgrid.deliver`
(where: subject, subscription), and the points that each service's module names in its docstring.
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from localcloud.wire import AzureError


@dataclass
class Fault:
    """One armed fault.

    action: "error" answers `status`/`code`/`message` and does nothing; "lost" does the work and then
    answers 500, as a lost answer looks to a client; "drop" leaves the work undone and says nothing;
    "delay" waits `seconds` first; "repeat" does the work `count` times. times: how often it is taken;
    None is until disarmed. where: regular expressions, each found in the value of that name.
    """

    point: str
    action: Literal["error", "lost", "drop", "delay", "repeat"]
    where: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    seconds: float = 0.0
    count: int = 1
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "A fault that was armed in localcloud."
    id: str = field(default_factory=lambda: uuid4().hex)
    taken: int = 0

    def error(self) -> AzureError:
        return AzureError(self.status, self.code, self.message)

    def fits(self, point: str, values: dict[str, Any]) -> bool:
        spent = self.times is not None and self.taken >= self.times
        return (
            not spent
            and self.point == point
            and all(re.search(pattern, str(values.get(name, ""))) for name, pattern in self.where.items())
        )


class Faults:
    """The faults that are armed now; none in an ordinary day."""

    def __init__(self) -> None:
        self.armed: dict[str, Fault] = {}

    def arm(self, fault: Fault) -> Fault:
        self.armed[fault.id] = fault
        return fault

    def disarm(self, id_: str | None = None) -> None:
        """Disarm one fault, or all of them."""
        if id_ is None:
            self.armed.clear()
        else:
            self.armed.pop(id_, None)

    async def at(self, point: str, **values: Any) -> Fault | None:
        """Take the first fault armed for this point: waits out a delay, raises an error.

        Returns a "lost", "drop" or "repeat" fault for the caller to carry out, else None.
        """
        fault = next((fault for fault in self.armed.values() if fault.fits(point, values)), None)
        if fault is None:
            return None
        fault.taken += 1
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.action == "error":
            raise fault.error()
        return fault
