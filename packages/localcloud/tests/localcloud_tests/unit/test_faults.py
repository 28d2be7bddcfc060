"""Faults: which ones can be armed, and which one occurs."""

import asyncio
from typing import Any

import pytest
from localcloud.faults import Fault, Faults, InvalidFaultError
from localcloud.wire import AzureError


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"where": {"path": "("}}, r"where.path: '\(' is no regular expression"),
        ({"where": {"path": "a{99999999999}"}}, "is no regular expression"),
        ({"where": {"path": 1}}, "where.path is 1"),
        ({"where": ["path"]}, "where is"),
        ({"where": None}, "where is None"),
        ({"action": "explode"}, "action is 'explode': .*error, lost, drop, delay, repeat"),
        ({"action": None}, "action is None"),
        ({"point": ""}, "point is ''"),
        ({"point": 7}, "point is 7"),
        ({"times": "1"}, "times is '1'"),
        ({"times": 0}, "times is 0"),
        ({"times": True}, "times is True"),
        ({"seconds": "1"}, "seconds is '1'"),
        ({"seconds": -1}, "seconds is -1"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"seconds": float("inf")}, "seconds is inf"),
        ({"seconds": 10**400}, "seconds is 1000"),
        ({"count": 0}, "count is 0"),
        ({"count": 1.5}, "count is 1.5"),
        ({"count": 101}, "count is 101"),
        ({"status": 204}, "status is 204"),
        ({"status": "503"}, "status is '503'"),
        ({"status": 600}, "status is 600"),
        ({"code": 1}, "code is 1"),
        ({"message": None}, "message is None"),
    ],
)
def test_a_fault_that_would_break_whatever_meets_it_cannot_be_made(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidFaultError, match=says):
        Fault(**({"point": "http", "action": "error"} | fields))


async def test_a_fault_is_taken_as_often_as_it_says_and_only_where_it_fits() -> None:
    faults = Faults()
    faults.arm(Fault("http", "error", {"path": "^/a", "method": "^GET$"}, times=2))
    await faults.at("http", path="/b", method="GET")
    await faults.at("http", path="/a", method="POST")
    await faults.at("eventgrid.deliver", path="/a", method="GET")
    for _ in range(2):
        with pytest.raises(AzureError, match="ServiceUnavailable"):
            await faults.at("http", path="/a", method="GET")
    assert await faults.at("http", path="/a", method="GET") is None


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_what_a_delay_holds_goes_on_once_the_fault_is_disarmed(all_of_them: bool) -> None:
    faults = Faults()
    fault = faults.arm(Fault("http", "delay", seconds=3600, times=2))
    held = [asyncio.create_task(faults.at("http")) for _ in range(2)]
    await asyncio.wait(held, timeout=0.05)
    assert (fault.taken, [each.done() for each in held]) == (2, [False, False])
    faults.disarm(None if all_of_them else fault.id)
    assert await asyncio.gather(*held) == [None, None]


async def test_a_delay_ends_by_itself() -> None:
    faults = Faults()
    fault = faults.arm(Fault("http", "delay", seconds=0.01))
    assert await faults.at("http") is None
    assert fault.taken == 1


async def test_a_value_that_a_point_does_not_give_is_matched_as_empty() -> None:
    faults = Faults()
    faults.arm(Fault("http", "drop", {"colour": "red"}))
    assert await faults.at("http", path="/a") is None
    faults.arm(Fault("http", "drop", {"colour": "^$"}))
    assert await faults.at("http", path="/a") is not None
