"""Fault injection: Azure has faults, so localcloud can have them on request.

A fault is armed through localcloud's own routes and taken at a named point. Points: `http` (a request to the
TLS listener; where: method, path), `eventgrid.deliver` (where: subscription, subject, event_id), and the
points that each service's module names in its docstring.
"""

import asyncio
import math
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import uuid4

from localcloud.wire import AzureError

Action = Literal["error", "lost", "drop", "delay", "repeat"]
ACTIONS: tuple[str, ...] = get_args(Action)

MOST_COUNT = 100
"""Most times that one "repeat" may do the work."""


class InvalidFaultError(ValueError):
    """A fault that could not be carried out; the text names the field, its value and what is allowed."""


@dataclass
class Fault:
    """One armed fault. Making one raises InvalidFaultError for a value that no point could carry out.

    action: "error" answers `status`/`code`/`message` and does nothing; "lost" does the work and then
    answers 500, which is the effect of a lost answer on a client; "drop" does nothing and answers nothing;
    "delay" waits `seconds` first, or until the fault is disarmed; "repeat" does the work `count` times.
    times: how often the fault is taken; None means until it is disarmed. where: regular expressions by name;
    each must be found in the value that the point gives for that name, or in "" if it gives none.
    """

    point: str
    action: Action
    where: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    seconds: float = 0.0
    count: int = 1
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "A fault that was armed in localcloud."
    id: str = field(default_factory=lambda: uuid4().hex, init=False)
    taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        # A fault that breaks when it is taken would break every request that meets it.
        _require("point", self.point, isinstance(self.point, str) and self.point != "", "a point's name")
        _require("action", self.action, self.action in ACTIONS, f"one of {', '.join(ACTIONS)}")
        _require("where", self.where, isinstance(self.where, dict), "an object of regular expressions")
        for name, pattern in self.where.items():
            _require_pattern(f"where.{name}", pattern)
        once = self.times is None or (_is_integer(self.times) and self.times >= 1)
        _require("times", self.times, once, "a whole number from 1, or null for no limit")
        _require("seconds", self.seconds, _is_duration(self.seconds), "a number of seconds from 0")
        many = _is_integer(self.count) and 1 <= self.count <= MOST_COUNT
        _require("count", self.count, many, f"a whole number from 1 to {MOST_COUNT}")
        failure = _is_integer(self.status) and 400 <= self.status <= 599
        _require("status", self.status, failure, "an HTTP status from 400 to 599")
        _require("code", self.code, isinstance(self.code, str), "a text")
        _require("message", self.message, isinstance(self.message, str), "a text")

    def error(self) -> AzureError:
        return AzureError(self.status, self.code, self.message)

    def fits(self, point: str, values: dict[str, Any]) -> bool:
        """Whether the fault is to be taken at `point`, which gives `values` by name."""
        spent = self.times is not None and self.taken >= self.times
        return (
            not spent
            and self.point == point
            and all(re.search(pattern, str(values.get(name, ""))) for name, pattern in self.where.items())
        )


class Faults:
    """The faults that are armed now; normally none."""

    def __init__(self) -> None:
        self.armed: dict[str, Fault] = {}
        self._disarmed: dict[str, asyncio.Event] = {}

    def arm(self, fault: Fault) -> Fault:
        self.armed[fault.id] = fault
        self._disarmed[fault.id] = asyncio.Event()
        return fault

    def disarm(self, id_: str | None = None) -> None:
        """Disarm one fault, or all of them. What a "delay" holds goes on at once."""
        for each in list(self.armed) if id_ is None else [id_]:
            if self.armed.pop(each, None) is not None:
                self._disarmed.pop(each).set()

    async def at(self, point: str, **values: Any) -> Fault | None:
        """Take the first fault armed for this point: waits for a delay, raises AzureError for an error.

        Returns a "lost", "drop" or "repeat" fault, which the caller carries out, else None.
        """
        fault = next((fault for fault in self.armed.values() if fault.fits(point, values)), None)
        if fault is None:
            return None
        fault.taken += 1
        if fault.action == "delay":
            await self.hold(fault)
            return None
        if fault.action == "error":
            raise fault.error()
        return fault

    async def hold(self, fault: Fault) -> None:
        """Wait for the fault's `seconds`, or until it is disarmed."""
        if fault.id in self._disarmed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._disarmed[fault.id].wait(), fault.seconds)


def _require(name: str, value: object, is_valid: bool, allowed: str) -> None:
    if not is_valid:
        raise InvalidFaultError(f"{name} is {_quoted(value)}: it must be {allowed}")


def _require_pattern(name: str, pattern: object) -> None:
    _require(name, pattern, isinstance(pattern, str), "a regular expression, as text")
    try:
        re.compile(str(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidFaultError(f"{name}: {_quoted(pattern)} is no regular expression: {error}") from None


def _quoted(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to print an integer of more than 4,300 digits.
        return "a number with thousands of digits"
    return text if len(text) <= 100 else f"{text[:99]}…"


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False
