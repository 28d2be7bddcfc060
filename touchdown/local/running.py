"""A localcloud that serves Touchdown, started in this process: for tests, benchmarks and the demo."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from localcloud import stack
from localcloud.home import Home
from localcloud.stack import Stack

from touchdown.local.deploying import deploy
from touchdown.local.specification import spec


def start(
    home: Home,
    checkout: Path,
    *,
    ready_environment: bool = True,
    app_settings: Mapping[str, str] | None = None,
    cloud_settings: Mapping[str, str] | None = None,
) -> Stack:
    """A running stack with Touchdown deployed; the caller stops it, or leaves it to `with`.

    ready_environment: as for `spec`. app_settings override the site's. Raises StackError (localcloud.parts),
    and DeploymentFailedError (localcloud.deploying).
    """
    return stack.start(
        home,
        spec(checkout, ready_environment=ready_environment),
        on_cloud_ready=partial(deploy, home, checkout),
        app_settings=app_settings,
        cloud_settings=cloud_settings,
    )
