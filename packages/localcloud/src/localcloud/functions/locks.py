"""Entity locks that behave as those of the Durable extension.

durabletask's in-memory backend lets only one orchestration lock an entity, but carries out operations of
every orchestration on a locked entity, and its clean-up treats every lock as orphaned. In Azure, an operation
of an orchestration that does not hold the lock waits until the lock is released.
"""

from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend


class LockingBackend(InMemoryOrchestrationBackend):
    def __init__(self, max_history_size: int) -> None:
        super().__init__(max_history_size=max_history_size)
        self._lock_holders: dict[str, str] = {}
        self._held_back: dict[str, list[pb.HistoryEvent]] = {}

    def SignalEntity(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            response = super().SignalEntity(request, context)
            waiting = self._entities[request.instanceId].pending_operations
            if waiting and waiting[-1].entityOperationSignaled.requestId == request.requestId:
                self._queue_entity_operation(request.instanceId, waiting.pop())
            return response

    def CleanEntityStorage(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            orphaned = self._release_orphans() if request.releaseOrphanedLocks else 0
            kept = pb.CleanEntityStorageRequest(removeEmptyEntities=request.removeEmptyEntities)
            response = super().CleanEntityStorage(kept, context)
            response.orphanedLocksReleased = orphaned
            return response

    def _release_orphans(self) -> int:
        released = 0
        for entity in self._entities.values():
            if entity.locked_by is None:
                continue
            holder = self._instances.get(self._lock_holders.get(entity.locked_by, ""))
            if holder is None or self._is_terminal_status(holder.status):
                entity.locked_by = None
                released += 1
        if released:
            self._pass_locks_on()
        return released

    def _grant_lock(self, pending: Any) -> None:
        self._lock_holders[pending.critical_section_id] = pending.parent_instance_id
        super()._grant_lock(pending)

    def _try_grant_pending_locks(self) -> None:
        self._pass_locks_on()

    def _pass_locks_on(self) -> None:
        """After a release, queue the operations that waited for it, then grant pending requests for locks."""
        for entity_id in list(self._held_back):
            if self._entities[entity_id].locked_by is None:
                for event in self._held_back.pop(entity_id):
                    super()._queue_entity_operation(entity_id, event)
        super()._try_grant_pending_locks()  # type: ignore[no-untyped-call]
        held = {entity.locked_by for entity in self._entities.values()}
        self._lock_holders = {section: by for section, by in self._lock_holders.items() if section in held}

    def _queue_entity_operation(self, entity_id: str, event: pb.HistoryEvent) -> None:
        entity = self._entities.get(entity_id)
        section = entity.locked_by if entity else None
        holder = self._lock_holders.get(section) if section else None
        if section and event.entityOperationCalled.parentInstanceId.value != holder:
            self._held_back.setdefault(entity_id, []).append(event)
            return
        super()._queue_entity_operation(entity_id, event)
