"""How a step becomes an activity function, and how a refusal reaches the orchestrator.

A step is a plain function of one contract and the app's clients. As an activity it takes and returns JSON. A
refusal, which no retry can change, is returned as a value, `{"refused": {"code", "message"}}`. Every other
error is raised, with a message of one line, so that the orchestrator's retry policy applies to it.
"""

import logging
import typing
from collections.abc import Callable

import azure.durable_functions as df
from azure.core.exceptions import AzureError

from runs.contracts import Json, from_json, to_json
from runs.errors import RefusedError
from services.clients import Clients, process_clients
from services.errors import explain

log = logging.getLogger("touchdown.activities")

activities = df.Blueprint()


def activity[G, T](step: Callable[[G, Clients], T]) -> Callable[[G, Clients], T]:
    """Register `step` as an activity function of its own name; the function itself is returned unchanged."""
    hints = typing.get_type_hints(step)
    contract = hints[next(iter(hints))]

    # The indexer accepts `dict` as an annotation, but not `dict[str, Any]`.
    def invoke(given: dict) -> dict:  # type: ignore[type-arg]
        try:
            result = step(from_json(contract, given), process_clients())
        except RefusedError as refused:
            return refusal(step.__name__, refused)
        except AzureError as error:
            meaning = explain(error)
            if isinstance(meaning, RefusedError):
                return refusal(step.__name__, meaning)
            raise meaning from error
        return to_json(result)

    invoke.__name__ = step.__name__
    invoke.__doc__ = step.__doc__
    activities.function_name(step.__name__)(activities.activity_trigger(input_name="given")(invoke))
    return step


def refusal(step: str, refused: RefusedError) -> Json:
    log.warning("%s refused: %s: %s", step, refused.code, refused)
    return {"refused": {"code": refused.code, "message": str(refused)}}
