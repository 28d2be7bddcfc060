"""Azure Batch: one account with one pool, whose nodes are this machine.

A task is a process with its own working directory. It gets only what a node in Azure would give it (files,
variables, a managed identity) and nothing else of localcloud's environment.
"""

import os
from pathlib import Path
from weakref import WeakValueDictionary

from localcloud.batch.pool import Pool
from localcloud.batch.routes import arm_routes, control_routes
from localcloud.batch.scaling import PoolSettings
from localcloud.inventory import POOL
from localcloud.service import Cloud, Service

_pools: WeakValueDictionary[Path, Pool] = WeakValueDictionary()


def pool(cloud: Cloud) -> Pool:
    """Return the pool of this cloud, to which Data Factory submits tasks; the same object for all callers."""
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
