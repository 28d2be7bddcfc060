"""Requests to webhooks, and the meaning of their answers.

A function of the app is reached through the Functions host's webhook, with its system key in the query.
Source: "Event Grid message delivery and retry"; "Use a function as an event handler"; header names as
delivered.
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
"""Seconds within which a webhook must answer."""
SYSTEM_KEY = "eventgrid_extension"
DELIVERED = range(200, 205)
FINAL = (400, 401, 413)
"""Statuses after which a delivery is not retried."""
OUTCOMES = {408: "TimedOut", 413: "RequestEntityTooLarge", 429: "Busy", 503: "Busy"}
"""Event Grid's names of outcomes that are not the HTTP status's own name."""

Verdict = Literal["delivered", "failed", "refused", "unreachable"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt.

    verdict: "refused" is never retried; "unreachable" does not count as an attempt, since nothing listened.
    name: Event Grid's lastDeliveryOutcome.
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
        trust = ssl.create_default_context(cafile=home.ca_bundle)
        self._client = httpx.AsyncClient(
            trust_env=False,
            # What is no name of this cloud is reached directly, as loopback must be.
            mounts={f"https://*.{home.suffix}": httpx.AsyncHTTPTransport(verify=trust, proxy=home.proxy)},
            verify=trust,
            timeout=httpx.Timeout(ANSWER_LIMIT, connect=5.0),
            limits=httpx.Limits(max_connections=None),
        )

    async def send(self, subscription: Subscription, events: Sequence[Event], earlier: int) -> Outcome:
        """Post `events` as one request. earlier: the number of previous attempts."""
        destination = self._destination(subscription)
        if destination is None:
            return UNREACHABLE
        content, headers = body(subscription, events)
        headers |= {"aeg-event-type": "Notification", "aeg-delivery-count": str(earlier)}
        url, query = destination
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                answer = await self._client.post(url, params=query, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
            return UNREACHABLE
        except (TimeoutError, httpx.TimeoutException):
            return TIMED_OUT
        except httpx.TransportError:
            return Outcome("failed", "ConnectionFailure")
        return Outcome.of_status(answer.status_code)

    async def close(self) -> None:
        await self._client.aclose()

    def _destination(self, subscription: Subscription) -> tuple[str, dict[str, str] | None] | None:
        """Return the URL and query, or None until the Functions host has written its keys."""
        if subscription.endpoint_url is not None:
            return subscription.endpoint_url, None
        assert subscription.function_name is not None
        key = self._system_key()
        if key is None:
            return None
        url = f"{self._home.functions_url}/runtime/webhooks/EventGrid"
        return url, {"functionName": subscription.function_name, "code": key}

    def _system_key(self) -> str | None:
        """Read the system key, anew for each request; None if the host has not finished writing its keys."""
        try:
            keys = json.loads((self._home.root / "keys.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        key = keys.get("systemKeys", {}).get(SYSTEM_KEY)
        return str(key) if key else None


def body(subscription: Subscription, events: Sequence[Event]) -> tuple[bytes, dict[str, str]]:
    """Return the request's content and the headers that depend on the schema.

    Event Grid's own schema is always sent as a list; a CloudEvent as an object, unless batches are enabled.
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
