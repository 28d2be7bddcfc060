"""Responses of the HTTP API: JSON, and for each kind of error a status code and a sentence."""

import json
import logging
from collections.abc import Callable
from typing import Any

import azure.functions as func
import grpc
from azure.core.exceptions import AzureError

from runs.contracts import Json
from runs.errors import RefusedError
from runs.text import printable, shorten
from services.clients import Clients
from services.errors import MESSAGE_LENGTH, explain
from triggers.engine import Engine

log = logging.getLogger("touchdown.triggers")

STATUSES = {"MissingAppSetting": 500, "BlobTooLarge": 500, "SettingNotAllowed": 403}
"""The status codes of refusals; any other one is 400."""

Handler = Callable[[func.HttpRequest, Engine, Clients], func.HttpResponse]


class ApiError(Exception):
    """A request that is refused: status code, error code, and a sentence that says what to do."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message, **more)


def error_body(code: str, message: str, **more: Any) -> Json:
    """An error for a person or a program. Its message is one printable line, whatever it quotes."""
    return {"error": {"code": code, "message": printable(message), **more}}


def reply(status: int, body: Json, headers: dict[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body, indent=2), status_code=status, mimetype="application/json", headers=headers
    )


def respond(
    handler: Handler, req: func.HttpRequest, engine: Engine, resolve: Callable[[], Clients]
) -> func.HttpResponse:
    """The response of `handler`, or its error as JSON: 4xx if the caller can correct it, 503 if it may pass.

    resolve: returns the clients for this request.
    """
    try:
        return handler(req, engine, resolve())
    except ApiError as error:
        return reply(error.status, error.body)
    except RefusedError as refused:
        return reply(STATUSES.get(refused.code, 400), error_body(refused.code, str(refused)))
    except AzureError as error:
        log.exception("%s failed", handler.__name__)
        return unavailable(f"storage could not be reached: {explain(error)}")
    except grpc.RpcError as error:
        log.exception("%s failed", handler.__name__)
        return unavailable(f"the durable engine could not be reached: {error}")


def unavailable(message: str) -> func.HttpResponse:
    return reply(503, error_body("ServiceUnavailable", shorten(message, MESSAGE_LENGTH)))
