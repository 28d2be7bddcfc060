"""Event Grid: events of storage and of custom topics, delivered to webhooks.

A change in storage passes through these modules in order: `writes.cjs` (in Azurite) and `journal`, `feed`
and `blob_events`, `subscriptions` and `filters`, `dispatch`, `deliverer` and `webhooks`; `deadletters` has
what could not be delivered. The custom topic, `topics`, joins at the subscriptions.

Not imitated: the validation handshake (a webhook is trusted, because whoever defines it owns the machine),
CustomInputSchema, domains, namespaces, delivery by managed identity. Event types of storage: BlobCreated and
BlobDeleted (not for blobs deleted through a batch request, nor while there was no journal).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.service import Cloud, Service


def service(cloud: "Cloud") -> "Service":
    """Raises ValueError when a setting cannot be used."""
    # Imported here because whoever starts storage needs the journal's location, but none of the rest.
    from localcloud.eventgrid import api

    return api.service(cloud)
