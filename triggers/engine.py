"""What the durable engine knows of a run."""

import json

from azure.durable_functions.client import SyncDurableFunctionsClient
from durabletask.client import OrchestrationState

from runs.contracts import Json

Engine = SyncDurableFunctionsClient

ENDED = frozenset({"COMPLETED", "FAILED", "TERMINATED"})
"""The states of an orchestration that has ended."""


def has_ended(state: OrchestrationState) -> bool:
    return state.runtime_status.name in ENDED


def was_terminated(state: OrchestrationState) -> bool:
    """Whether the orchestration was ended through the engine, so that it wrote no record of its end."""
    return state.runtime_status.name == "TERMINATED"


def custom_status(state: OrchestrationState) -> Json:
    """What an orchestration says of its run, or {} if it has said nothing yet."""
    custom = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return custom if isinstance(custom, dict) else {}
