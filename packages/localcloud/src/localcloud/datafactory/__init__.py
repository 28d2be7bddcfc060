"""Azure Data Factory: pipelines of Custom activities, published, run and polled through Resource Manager."""

from functools import partial

from localcloud import batch
from localcloud.datafactory.custom_activity import CustomActivities
from localcloud.datafactory.execution import Runner
from localcloud.datafactory.resources import KINDS, TYPE, Resources
from localcloud.datafactory.routes import Routes
from localcloud.datafactory.runs import RunHistory
from localcloud.service import Cloud, Service
from localcloud.store import Document


def service(cloud: Cloud) -> Service:
    resources, history = Resources(cloud.store, cloud.inventory), RunHistory(cloud.store)
    runner = Runner(history, CustomActivities(cloud, resources, batch.pool(cloud)))
    routes = Routes(cloud, resources, history, runner)

    async def forget(factory: Document) -> None:
        resources.delete_factory(factory["name"])

    cloud.on_deletion(TYPE, forget)
    for kind, (segment, _) in KINDS.items():
        cloud.finds(f"{TYPE}/{segment}", partial(resources.find, kind))

    async def recover() -> None:
        history.recover()

    return Service("datafactory", routes.all(), control=routes.control(), start=recover, stop=runner.stop)
