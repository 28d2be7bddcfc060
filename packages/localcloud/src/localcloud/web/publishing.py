"""How a site gets its code: localcloud is told a folder. Azure's upload of a package answers 501.

`PUT /localcloud/sites/{site}/package` with `{"folder": PATH}` returns the names of the functions when the
host runs them. The folder is read where it lies; nothing is copied and no requirement installed.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Host, Route, Router
from starlette.types import Receive, Scope, Send

from localcloud.service import Cloud
from localcloud.web.hosting import Hosting
from localcloud.web.names import FUNCTION
from localcloud.web.sites import find_site
from localcloud.wire import AzureError, json_body, not_imitated


def control_routes(cloud: Cloud, hosting: Hosting) -> list[BaseRoute]:
    async def publish(request: Request) -> Response:
        site = find_site(cloud.inventory, request.path_params["site"])["id"]
        folder = Path(str((await json_body(request)).get("folder", "")))
        if not folder.is_absolute():
            raise AzureError(400, "InvalidPackage", "folder must be the absolute path of a function app.")
        await hosting.publish(site, folder)
        names = [each["name"] for each in cloud.inventory.all(FUNCTION, f"{site}/")]
        return JSONResponse({"functions": names})

    return [Route("/sites/{site}/package", publish, methods=["PUT"])]


def publishing_host(cloud: Cloud) -> BaseRoute:
    """A route for all requests to a site's publishing host, `<site>.scm.azurewebsites.…`."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        error = not_imitated(
            f"the publishing host of a site, {scope['path']}: give the site the folder of its code by"
            " `localcloud publish SITE FOLDER`, or by Controls.publish of localcloud.controls"
        )
        await error.response()(scope, receive, send)

    return Host(cloud.home.site_host("{site}.scm"), Router(default=refuse))
