"""App Service: the site that the Functions host serves, its plan, settings, functions and keys."""

from localcloud.inventory import SITE
from localcloud.service import Cloud, Service
from localcloud.web import plans
from localcloud.web.authentication import application
from localcloud.web.functions import Functions
from localcloud.web.hosting import Hosting
from localcloud.web.publishing import control_routes, publishing_host
from localcloud.web.sites import Sites

__all__ = ["application", "service"]


def service(cloud: Cloud) -> Service:
    hosting = Hosting(cloud)
    cloud.on_deletion(SITE, hosting.going)
    sites, functions = Sites(cloud, hosting), Functions(cloud, hosting)
    return Service(
        "web",
        [publishing_host(cloud), *plans.routes(cloud), *sites.routes(), *functions.routes()],
        control_routes(cloud, hosting),
        hosting.start,
    )
