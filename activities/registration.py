"""How a step becomes an activity function, and how its refusals reach the orchestrator.

A step is a plain function of one contract. As an activity it takes and gives JSON. A refusal, which no
retry can mend, is a value, `{"refused": {"code", "message"}}`; everything else is raised, in one
sentence, so that the orchestrator's retry policy sees it.
"""

import logging
import typing
from collections.abc import Callable

import azure.durable_functions as df
from azure.core.exceptions import AzureError, HttpResponseError

from runs.contracts import Json, from_json, to_json
from runs.errors import RefusedError, TransientError

log = logging.getLogger("touchdown.activities")

RETRYABLE_STATUS_CODES = frozenset({408, 409, 412, 423, 425, 429})
"""HTTP statuses below 500 that may be answered otherwise next time: throttling, a lock, a race."""

LONGEST = 1000
"""Characters of a service's words that a run keeps."""

activities = df.Blueprint()


def activity[G, T](step: Callable[[G], T]) -> Callable[[G], T]:
    """Register `step` as an activity function of its own name; the function itself stays as it is."""
    hints = typing.get_type_hints(step)
    del hints["return"]
    (takes,) = hints.values()

    # The indexer wants annotations without parameters: `dict`, not `dict[str, Any]`.
    def invoke(given: dict) -> dict:  # type: ignore[type-arg]
        try:
            result = step(from_json(takes, given))
        except RefusedError as refused:
            return refusal(step.__name__, refused)
        except AzureError as error:
            meant = explain(error)
            if isinstance(meant, RefusedError):
                return refusal(step.__name__, meant)
            raise meant from error
        return to_json(result)

    invoke.__name__ = step.__name__
    invoke.__doc__ = step.__doc__
    activities.function_name(step.__name__)(activities.activity_trigger(input_name="given")(invoke))
    return step


def refusal(step: str, refused: RefusedError) -> Json:
    log.warning("%s refused: %s: %s", step, refused.code, refused)
    return {"refused": {"code": refused.code, "message": str(refused)}}


def explain(error: AzureError) -> RefusedError | TransientError:
    """What an SDK's error means for a run, in the service's own words."""
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        kind, said = type(error).__name__, sentence(str(error))
        # azure.ai.ml's own: it found the request wrong before it sent it.
        if getattr(error, "error_category", "") == "UserError":
            return RefusedError(kind, f"{kind}: {said}")
        return TransientError(f"{kind}: {said}")
    code = azure_code(error)
    words = getattr(error.error, "message", None) or error.message or str(error)
    details = [str(each.message) for each in getattr(error.error, "details", None) or [] if each.message]
    message = f"{code} ({error.status_code}): {sentence(chr(10).join(dict.fromkeys([words, *details])))}"
    request = getattr(error.response, "request", None)
    if request is not None:
        message += f" [{request.method} {request.url.split('?')[0]}]"
    if error.status_code >= 500 or error.status_code in RETRYABLE_STATUS_CODES:
        return TransientError(message)
    return RefusedError(code, message)


def azure_code(error: HttpResponseError) -> str:
    """The service's error code, wherever its SDK puts it."""
    own = getattr(error, "error_code", None) or getattr(error.error, "code", None)
    return str(getattr(own, "value", own) or type(error).__name__)


def sentence(text: str) -> str:
    """The first lines of an SDK's message, which are the service's sentence, as one line."""
    lines = [line.strip() for line in text.splitlines()]
    noise = ("RequestId:", "Time:", "ErrorCode:", "Content:", "<")
    kept = [line for line in lines if line and not line.startswith(noise)]
    return " ".join(kept)[:LONGEST]
