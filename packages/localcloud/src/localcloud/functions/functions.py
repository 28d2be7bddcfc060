"""The functions of an app, with their triggers and bindings."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# The triggers that this host fires, and the bindings whose values it can read or write.
SERVED_TRIGGERS = {
    "httpTrigger",
    "eventGridTrigger",
    "activityTrigger",
    "orchestrationTrigger",
    "entityTrigger",
}
SERVED_BINDINGS = {"durableClient", "http"}
DURABLE_NAMES = {
    "activityTrigger": "activity",
    "orchestrationTrigger": "orchestration",
    "entityTrigger": "entityName",
}


@dataclass(frozen=True)
class Function:
    name: str
    id: str
    bindings: tuple[dict[str, Any], ...]

    @property
    def trigger(self) -> dict[str, Any]:
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))

    @property
    def kind(self) -> str:
        """The type of the trigger, such as `httpTrigger`."""
        return str(self.trigger["type"])

    @property
    def durable_name(self) -> str:
        """The name by which orchestrations call it."""
        return str(self.trigger.get(DURABLE_NAMES.get(self.kind, ""), None) or self.name)

    @property
    def clients(self) -> list[str]:
        """The names of the parameters that take a durable client."""
        return [str(binding["name"]) for binding in self.bindings if binding["type"] == "durableClient"]

    @property
    def not_served(self) -> list[str]:
        """The bindings that this host does not implement; a function that has any cannot run here."""
        others = [binding["type"] for binding in self.bindings if binding is not self.trigger]
        return [kind for kind in others if kind not in SERVED_BINDINGS]


class App:
    """The functions of an app. Their names are not case-sensitive, as in Azure's host."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._durable = {
            (function.kind, function.durable_name.lower()): function
            for function in self
            if function.kind in DURABLE_NAMES
        }

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def __len__(self) -> int:
        return len(self._functions)

    def get(self, name: str) -> Function | None:
        return self._functions.get(name.lower())

    def durable(self, kind: str, name: str) -> Function | None:
        return self._durable.get((kind, name.lower()))

    def of_kind(self, kind: str) -> list[Function]:
        return [function for function in self if function.kind == kind]


def from_metadata(metadata: Any) -> Function:
    """Make a function from the worker's RpcFunctionMetadata."""
    bindings = tuple(json.loads(binding) for binding in metadata.raw_bindings)
    return Function(metadata.name, metadata.function_id, bindings)
