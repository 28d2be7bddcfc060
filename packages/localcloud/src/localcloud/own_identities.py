"""The identities that resources have of their own (system-assigned), and how many of an id were deleted.

Such an identity goes with its resource, or when it is switched off. The next one of the same id is another
principal, so that no assignment of the former counts for it. Source: "Managed identity types" of Microsoft
Entra.
"""

from localcloud.identities import Principal, system_assigned
from localcloud.store import Document, Store


class OwnIdentities:
    """Kept in the store by the resource's id: {deleted, exists}."""

    KIND = "arm.ownIdentity"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Document] = dict(store.list(self.KIND))

    def of(self, resource: str) -> Principal:
        """The identity that a resource has, or would have now."""
        return system_assigned(resource, self._state(resource)["deleted"])

    def keep(self, resource: str) -> None:
        """A resource has an identity of its own."""
        state = self._state(resource)
        if not state["exists"]:
            self._write(resource, state | {"exists": True})

    def end(self, resource: str) -> None:
        """A resource has no identity of its own any more."""
        state = self._state(resource)
        if state["exists"]:
            self._write(resource, {"deleted": state["deleted"] + 1, "exists": False})

    def end_below(self, resource: str) -> None:
        """A resource was deleted, with everything below it."""
        root = resource.lower()
        for each in [each for each in self._known if each == root or each.startswith(f"{root}/")]:
            self.end(each)

    def _state(self, resource: str) -> Document:
        return self._known.get(resource.lower(), {"deleted": 0, "exists": False})

    def _write(self, resource: str, state: Document) -> None:
        self._known[resource.lower()] = state
        self._store.put(self.KIND, resource.lower(), state)
