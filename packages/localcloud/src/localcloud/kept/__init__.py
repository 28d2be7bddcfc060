"""Resource types that localcloud keeps as Azure would, and behind which nothing happens.

Each is one row: logs.py has Log Analytics, Application Insights and diagnostic settings, alerts.py what
raises an alert and whom it tells, registries.py container registries and workbooks.py the workbooks.
"""

from localcloud.kept import alerts, logs, registries, workbooks
from localcloud.providers import resources
from localcloud.service import Cloud, Service

KINDS = (*logs.KINDS, *alerts.KINDS, *registries.KINDS, *workbooks.KINDS)


def service(cloud: Cloud) -> Service:
    return Service("kept", [route for kind in KINDS for route in resources.routes(cloud, kind)])
