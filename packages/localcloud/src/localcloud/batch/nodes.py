"""The nodes of a pool: which there are, which has a free slot, which are not needed any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from localcloud.batch.tasks import TaskFailedError

NODE = "tvm-localcloud"
FIRST = f"{NODE}_1"


@dataclass
class Node:
    """A compute node. state: "waitingForStartTask", "idle", "running" or "startTaskFailed"."""

    id: str
    state: str = "waitingForStartTask"
    failure: TaskFailedError | None = None
    running: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "runningTaskSlotsCount": len(self.running),
            "startTaskInfo": {"failureInfo": self.failure.as_dict() if self.failure else None},
        }


def add(nodes: list[Node], wanted: int, state: str) -> None:
    """Add nodes in `state` until there are as many as wanted."""
    names = (name for number in count(1) if (name := f"{NODE}_{number}") not in {each.id for each in nodes})
    while len(nodes) < wanted:
        nodes.append(Node(next(names), state))


def remove_idle(nodes: list[Node], wanted: int) -> None:
    """Remove nodes without a task, the newest first, until no more than wanted are left, or none is idle."""
    for node in [each for each in reversed(nodes) if not each.running][: max(0, len(nodes) - wanted)]:
        nodes.remove(node)


def free(nodes: Sequence[Node], slots: int, *, packed: bool) -> Node | None:
    """A node with a free slot: the least busy one, or the busiest one where tasks are to be packed."""
    found = [each for each in nodes if each.state in ("idle", "running") and len(each.running) < slots]
    return (max if packed else min)(found, key=lambda node: len(node.running), default=None)
