"""Applying a list of resources: the order, resources that are sent again, and errors."""

import json
from collections.abc import Callable

import httpx
import pytest
from localcloud.deployment import DeploymentError, apply_step, steps
from localcloud.spec import Resource

from localcloud_tests.resources import (
    FACTORY_ID,
    GROUP_ID,
    SITE_ID,
    SYSTEM_TOPIC_ID,
    resource,
    subscription,
)


def test_parents_come_before_children_and_subscriptions_last() -> None:
    mine = subscription("mine")
    pipeline = resource(f"{FACTORY_ID}/pipelines/train", "2018-06-01")
    topic, site = resource(SYSTEM_TOPIC_ID, "2025-02-15"), resource(SITE_ID, "2024-11-01")
    group, factory = Resource(GROUP_ID, {}, "2024-03-01"), resource(FACTORY_ID, "2018-06-01")
    assert steps([mine, pipeline, topic, group, site, factory]) == [
        [group],
        [topic, site, factory],
        [pipeline],
        [mine],
    ]


def client(answer: Callable[[str], int]) -> tuple[httpx.AsyncClient, list[str]]:
    """A client of a Resource Manager that answers a path with a status, and the paths it was sent."""
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        status = answer(request.url.path)
        return httpx.Response(status, text=json.dumps({"error": {"code": "Bad", "message": "no such thing"}}))

    return httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="https://arm"), sent


async def test_what_is_refused_is_sent_again_after_what_it_refers_to() -> None:
    done: set[str] = set()

    def answer(path: str) -> int:
        if path == "/second" and "/first" not in done:
            return 400
        done.add(path)
        return 200

    arm, sent = client(answer)
    async with arm:
        await apply_step(arm, [Resource("/second", {}, "1"), Resource("/first", {}, "1")])
    assert sorted(sent) == ["/first", "/second", "/second"]
    assert done == {"/first", "/second"}


async def test_a_resource_that_stays_refused_stops_it_with_azures_words() -> None:
    arm, sent = client(lambda path: 400 if path == "/bad" else 200)
    async with arm:
        with pytest.raises(DeploymentError, match="/bad was refused: Bad: no such thing"):
            await apply_step(arm, [Resource("/good", {}, "1"), Resource("/bad", {}, "1")])
    assert sent.count("/bad") == 2
