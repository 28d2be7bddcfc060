"""Azure Batch: one account with one pool, whose nodes are this machine.

A task is a process of its own, in a working directory of its own, with nothing of localcloud's environment
but what a node in Azure has: files, variables, a managed identity.
"""

import os
from pathlib import Path
from weakref import WeakValueDictionary

from localcloud.batch.pool import Pool, PoolSettings
from localcloud.batch.routes import arm_routes, control_routes
from localcloud.inventory import POOL
from localcloud.service import Cloud, Service

_pools: WeakValueDictionary[Path, Pool] = WeakValueDictionary()


def pool(cloud: Cloud) -> Pool:
    """The pool of this cloud, for the service that submits tasks to it; the same object for every caller."""
    found = _pools.get(cloud.home.root)
    if found is None or found.cloud is not cloud:
        found = _pools[cloud.home.root] = Pool(cloud, PoolSettings.read(os.environ))
    return found


def service(cloud: Cloud) -> Service:
    own = pool(cloud)
    defined = cloud.inventory.one(POOL)
    if defined is not None:
        own.define(defined["properties"])
    return Service(
        "batch", arm_routes(cloud, own), control=control_routes(own), start=own.start, stop=own.stop
    )
