"""What the durable engine knows of a run."""

import json
from typing import Protocol

from azure.durable_functions.client import SyncDurableFunctionsClient
from durabletask.client import OrchestrationState

from runs.contracts import Json

DurableClient = SyncDurableFunctionsClient
"""What the host passes to a function that is bound to a durable client."""

ENDED = frozenset({"COMPLETED", "FAILED", "TERMINATED"})
"""The states of an orchestration that has ended."""


class Engine(Protocol):
    """The calls of a durable client that this app makes."""

    def get_orchestration_state(
        self, instance_id: str, /, *, fetch_payloads: bool = True
    ) -> OrchestrationState | None: ...

    def schedule_new_orchestration(
        self,
        orchestrator: str,
        /,
        *,
        input: Json,  # noqa: A002
        instance_id: str,
    ) -> str: ...

    def raise_orchestration_event(self, instance_id: str, event_name: str, /, *, data: Json) -> None: ...


def has_ended(state: OrchestrationState) -> bool:
    return state.runtime_status.name in ENDED


def was_terminated(state: OrchestrationState) -> bool:
    """Whether the orchestration was ended through the engine, so that it wrote no record of its end."""
    return state.runtime_status.name == "TERMINATED"


def custom_status(state: OrchestrationState) -> Json:
    """What an orchestration says of its run, or {} if it has said nothing yet."""
    custom = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return custom if isinstance(custom, dict) else {}
