"""A client of the cloud's own Resource Manager: resources are written as their deployer, and waited for.

Source of the waiting: "Track asynchronous Azure operations"
(learn.microsoft.com/azure/azure-resource-manager/management/async-operations).
"""

import asyncio
import json
import time
from typing import Any, Self
from urllib.parse import quote

import httpx
from starlette.types import ASGIApp

from localcloud.deployments.tracing import Document

LIMIT = 3600
"""Seconds within which a resource must be made."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between two looks at a resource that is being made. Clients outside must wait longer."""
ENDED = ("succeeded", "failed", "canceled")
NOT_IN_BODY = ("id", "name", "type", "apiVersion")
IN_PATHS = "/-._~!$&'()*+,;=:@"


class RefusedError(Exception):
    """Resource Manager refused a request. status: of HTTP; error: Azure's error, {"code", "message", …}."""

    def __init__(self, status: int, error: Document) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.status = status
        self.error = error

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        body = body_of(answer)
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            text = answer.text[:500] or answer.reason_phrase
            error = {"code": f"Http{answer.status_code}", "message": text}
        return cls(answer.status_code, error)


def client(app: ASGIApp, base_url: str, authorization: str) -> httpx.AsyncClient:
    """A client of Resource Manager in this process, which sends what its caller sent as Authorization."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=base_url,
        headers={"Authorization": authorization},
        timeout=LIMIT,
    )


async def put(arm: httpx.AsyncClient, resource: Document) -> tuple[int, Document]:
    """Write a resource and wait until it is there. Return the first answer's status and the last body.

    resource: {"id", "type", "name", "apiVersion", …} without expressions. Raises RefusedError.
    """
    body = {name: value for name, value in resource.items() if name not in NOT_IN_BODY}
    path, version = path_of(resource["id"]), {"api-version": resource["apiVersion"]}
    answer = await arm.put(path, params=version, json=body)
    if not answer.is_success:
        raise RefusedError.of(answer)
    status = answer.status_code
    operation, place = answer.headers.get("azure-asyncoperation"), answer.headers.get("location")
    if operation:
        await operation_ended(arm, operation)
    elif status == httpx.codes.ACCEPTED and place:
        await result_there(arm, place)
    if operation or status == httpx.codes.ACCEPTED or state_of(body_of(answer)) not in ENDED:
        return status, await resource_ended(arm, path, version)
    return status, body_of(answer)


async def operation_ended(arm: httpx.AsyncClient, url: str) -> None:
    """Wait for an operation. Raises RefusedError, with its error, if it has failed."""
    async for answer in looks(arm, url):
        body = body_of(answer)
        state = str(body.get("status", "")).lower()
        if state in ENDED:
            if state != "succeeded":
                raise RefusedError(409, not_made(str(body["status"]), body.get("error")))
            return


async def result_there(arm: httpx.AsyncClient, url: str) -> None:
    async for answer in looks(arm, url):
        if answer.status_code != httpx.codes.ACCEPTED:
            return


async def resource_ended(arm: httpx.AsyncClient, path: str, version: dict[str, str]) -> Document:
    """Wait until a resource's provisioning has ended; one that tells no state is there."""
    async for answer in looks(arm, path, version):
        body = body_of(answer)
        state = state_of(body)
        if state == "succeeded":
            return dict(body)
        if state in ENDED:
            raise RefusedError(409, not_made(str(body["properties"]["provisioningState"]), None))
    raise AssertionError("looks() ends only by raising")


async def looks(arm: httpx.AsyncClient, url: str, version: dict[str, str] | None = None) -> Any:
    """Answers to GET, one after a longer pause than the other. Raises RefusedError, also after LIMIT."""
    pause, deadline = FIRST_PAUSE, time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        answer = await arm.get(url, params=version) if version else await arm.get(url)
        if not answer.is_success:
            raise RefusedError.of(answer)
        yield answer
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    message = f"The resource is still being made after {LIMIT} s."
    raise RefusedError(504, {"code": "ResourceDeploymentTimeout", "message": message})


def not_made(state: str, error: Any) -> Document:
    """Azure's error for a resource whose long operation did not succeed."""
    message = (
        "The resource write operation failed to complete successfully, because it reached terminal"
        f" provisioning state '{state}'."
    )
    details = {"details": [error]} if isinstance(error, dict) else {}
    return {"code": "ResourceDeploymentFailure", "message": message, **details}


def state_of(body: Any) -> str:
    """The provisioning state of a resource, in small letters; a resource without one is there."""
    properties = body.get("properties") if isinstance(body, dict) else None
    state = properties.get("provisioningState") if isinstance(properties, dict) else None
    return state.lower() if isinstance(state, str) else "succeeded"


def body_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except json.JSONDecodeError:
        return {}


def path_of(id_: str) -> str:
    """An id as the path of a URL: a name may hold what ends a path."""
    return quote(id_, safe=IN_PATHS)
