"""A durable engine for tests: it returns the states that a test sets, and records the calls it gets."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc

from runs.contracts import Json


@dataclass
class Engine:
    """The calls of a durable client that the triggers make. states: by instance id."""

    states: dict[str, Any] = field(default_factory=dict)
    scheduled: list[tuple[str, Json]] = field(default_factory=list)
    raised: list[tuple[str, str]] = field(default_factory=list)
    data: list[Json] = field(default_factory=list)
    out_of_reach: bool = False

    def get_orchestration_state(self, instance_id: str, *, fetch_payloads: bool = True) -> Any:
        if self.out_of_reach:
            raise grpc.RpcError("failed to connect to all addresses")
        return self.states.get(instance_id)

    def schedule_new_orchestration(self, name: str, *, input: Any, instance_id: str) -> str:  # noqa: A002
        if name != "training_run":
            raise LookupError(f"the app has no orchestration {name}")
        self.scheduled.append((instance_id, input))
        self.states[instance_id] = state("PENDING")
        return instance_id

    def raise_orchestration_event(self, instance_id: str, event: str, *, data: Any) -> None:
        self.raised.append((instance_id, event))
        self.data.append(data)


def state(status: str, custom: Any = None, failure: str = "") -> Any:
    """The state of an orchestration, as the engine returns it."""
    return SimpleNamespace(
        runtime_status=SimpleNamespace(name=status),
        serialized_custom_status=json.dumps(custom) if custom else None,
        failure_details=SimpleNamespace(message=failure) if failure else None,
    )
