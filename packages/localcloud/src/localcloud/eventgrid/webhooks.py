"""How an event leaves: the request to a webhook, and what its answer means.

A function of the app is a webhook too: the Functions host's own, with its system key in the query. Source:
"Event Grid message delivery and retry"; "Use a function as an event handler"; header names as delivered.
"""

import asyncio
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import httpx

from localcloud.eventgrid.events import Event
from localcloud.eventgrid.subscriptions import Subscription
from localcloud.home import Home

ANSWER_LIMIT = 30.0
"""Seconds until an answer must be there."""
SYSTEM_KEY = "eventgrid_extension"
DELIVERED = range(200, 205)
FINAL = (400, 401, 413)
"""Answers after which a webhook is not tried again."""
OUTCOMES = {408: "TimedOut", 413: "RequestEntityTooLarge", 429: "Busy", 503: "Busy"}
"""Event Grid's words where they are not the status's own name."""

Verdict = Literal["delivered", "failed", "refused", "unreachable"]


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    verdict: "refused" is never tried again; "unreachable" never reached anyone, so it is no attempt. name:
    Event Grid's lastDeliveryOutcome.
    """

    verdict: Verdict
    name: str

    @classmethod
    def of_status(cls, status: int) -> "Outcome":
        if status in DELIVERED:
            return cls("delivered", "Success")
        known = {each.value for each in HTTPStatus}
        words = HTTPStatus(status).phrase.title() if status in known else f"Http{status}"
        name = OUTCOMES.get(status, "".join(filter(str.isalnum, words)))
        return cls("refused" if status in FINAL else "failed", name)


TIMED_OUT = Outcome("failed", "TimedOut")
UNREACHABLE = Outcome("unreachable", "Unreachable")


class Webhooks:
    """Sends events to the destinations of subscriptions."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._client = httpx.AsyncClient(
            trust_env=False,
            verify=ssl.create_default_context(cafile=home.ca_bundle),
            timeout=httpx.Timeout(ANSWER_LIMIT, connect=5.0),
            limits=httpx.Limits(max_connections=None),
        )

    async def send(self, subscription: Subscription, events: Sequence[Event], earlier: int) -> Outcome:
        """Post `events` as one request; `earlier` attempts have been made before."""
        destination = self._destination(subscription)
        if destination is None:
            return UNREACHABLE
        content, headers = body(subscription, events)
        headers |= {"aeg-event-type": "Notification", "aeg-delivery-count": str(earlier)}
        url, query = destination
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                answer = await self._client.post(url, params=query, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return UNREACHABLE
        except (TimeoutError, httpx.TimeoutException):
            return TIMED_OUT
        except httpx.TransportError:
            return Outcome("failed", "ConnectionFailure")
        return Outcome.of_status(answer.status_code)

    async def close(self) -> None:
        await self._client.aclose()

    def _destination(self, subscription: Subscription) -> tuple[str, dict[str, str] | None] | None:
        """URL and query; None while the Functions host has not written its keys yet."""
        if subscription.endpoint_url is not None:
            return subscription.endpoint_url, None
        assert subscription.function_name is not None
        key = self._system_key()
        if key is None:
            return None
        url = f"{self._home.functions_url}/runtime/webhooks/EventGrid"
        return url, {"functionName": subscription.function_name, "code": key}

    def _system_key(self) -> str | None:
        """Read for each request: the host makes and changes its keys by itself, so it may be half written."""
        try:
            keys = json.loads((self._home.root / "keys.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        key = keys.get("systemKeys", {}).get(SYSTEM_KEY)
        return str(key) if key else None


def body(subscription: Subscription, events: Sequence[Event]) -> tuple[bytes, dict[str, str]]:
    """The request's content, and the headers that depend on the schema.

    Event Grid's own schema is always a list; a CloudEvent is an object until batches are asked for.
    """
    messages: Any = [event.to_json(subscription.schema) for event in events]
    headers = {"aeg-subscription-name": subscription.name.upper()}
    if subscription.schema == "EventGridSchema":
        headers |= {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-data-version": quote(events[0].data_version, safe=" .:;,=/+"),
            "aeg-metadata-version": "1",
        }
    elif subscription.max_batch > 1:
        headers["Content-Type"] = "application/cloudevents-batch+json; charset=utf-8"
    else:
        headers["Content-Type"] = "application/cloudevents+json; charset=utf-8"
        messages = messages[0]
    return json.dumps(messages).encode(), headers
