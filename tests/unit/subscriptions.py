"""The event subscriptions that are deployed to a localcloud, as its Event Grid reads them."""

from functools import cache

from localcloud.deployments.snapshots import Snapshot, turns
from localcloud.eventgrid.subscriptions import Subscription
from localcloud.home import SUBSCRIPTION

from tests.bicep.memory import Memory, guid
from touchdown.local.names import STORAGE_ID, WORKSPACE
from touchdown.local.snapshots import EVENTS, MAIN, read

CONTAINER = f"azureml-blobstore-{guid(WORKSPACE, 'workspace')}"
"""The container that these resources name."""


@cache
def subscriptions() -> list[Subscription]:
    memory, found = Memory(subscription=SUBSCRIPTION), []
    for name in (MAIN, EVENTS):
        for resource in turns(Snapshot.read(read(name)), memory):
            memory.put(resource)
            if resource["type"].endswith("/eventSubscriptions"):
                found.append(resource)
    return [
        Subscription.parse(each["name"].rpartition("/")[2], STORAGE_ID, each["properties"]) for each in found
    ]
