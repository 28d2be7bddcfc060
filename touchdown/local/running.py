"""A localcloud that serves Touchdown, started in this process: for tests, benchmarks and the demo."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from localcloud import stack
from localcloud.home import Home
from localcloud.stack import Stack

from touchdown.local.publishing import publish
from touchdown.local.resources import spec


def start(
    home: Home,
    checkout: Path,
    *,
    ready_environment: bool = True,
    app_settings: Mapping[str, str] | None = None,
    cloud_settings: Mapping[str, str] | None = None,
) -> Stack:
    """A running stack with Touchdown published; the caller stops it, or leaves it to `with`.

    ready_environment: as for `spec`. app_settings override the site's. Raises StackError (localcloud.parts).
    """
    return stack.start(
        home,
        spec(home, checkout, ready_environment=ready_environment),
        on_cloud_ready=partial(publish, home, checkout),
        app_settings=app_settings,
        cloud_settings=cloud_settings,
    )
