"""The middleware that carries out faults of the point `http`, around an app that counts its calls."""

import asyncio
from typing import Any

import httpx
import pytest
from localcloud.faults import Fault, Faults
from localcloud.http_faults import HttpFaults
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Counter:
    """An app that returns the number of its calls and keeps their bodies."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.faults = Faults()
        self.app = HttpFaults(
            Starlette(routes=[Route("/things", self.answer, methods=["POST"])]), self.faults
        )

    async def answer(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        return JSONResponse({"call": len(self.bodies)})

    async def post(self, content: Any = b"body") -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
            return await client.post("/things", content=content)


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_without_a_fault_a_request_passes_through(counter: Counter) -> None:
    assert (await counter.post()).json() == {"call": 1}


async def test_repeat_calls_the_app_count_times_with_the_same_body_and_answers_the_last(
    counter: Counter,
) -> None:
    counter.faults.arm(Fault("http", "repeat", count=3))

    async def pieces() -> Any:
        for piece in (b"bo", b"", b"dy"):
            yield piece

    answer = await counter.post(pieces())
    assert (answer.status_code, answer.json()) == (200, {"call": 3})
    assert counter.bodies == [b"body"] * 3
    assert (await counter.post()).json() == {"call": 4}


async def test_a_lost_answer_has_done_its_work(counter: Counter) -> None:
    counter.faults.arm(Fault("http", "lost"))
    answer = await counter.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalServerError")
    assert counter.bodies == [b"body"]


async def test_a_lost_answer_is_held_until_its_fault_is_disarmed(counter: Counter) -> None:
    fault = counter.faults.arm(Fault("http", "lost", seconds=3600))
    asked = asyncio.create_task(counter.post())
    await asyncio.wait([asked], timeout=0.2)
    assert (asked.done(), counter.bodies) == (False, [b"body"])
    counter.faults.disarm(fault.id)
    assert (await asked).status_code == 500


async def test_an_error_does_no_work(counter: Counter) -> None:
    counter.faults.arm(Fault("http", "error", status=429, code="TooManyRequests"))
    answer = await counter.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
    assert counter.bodies == []


async def test_a_delayed_request_is_answered_afterwards(counter: Counter) -> None:
    counter.faults.arm(Fault("http", "delay", seconds=0.01))
    assert (await counter.post()).json() == {"call": 1}
