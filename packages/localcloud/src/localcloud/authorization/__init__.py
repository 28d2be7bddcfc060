"""Who may do what, as Resource Manager keeps it: user-assigned identities, role definitions and assignments.

definitions.py and assignments.py have the routes of these two and say which bodies are refused, checks.py
has what both check, filters.py their `$filter`, and identities.py the row of the identities. Decisions are
made by localcloud.grants, for which all of them are resources of the inventory.
"""

from localcloud.authorization import assignments, definitions
from localcloud.authorization.identities import KIND
from localcloud.grants import make_owner
from localcloud.providers import resources
from localcloud.service import Cloud, Service


def service(cloud: Cloud) -> Service:
    """The person who made the subscription is its owner, unless somebody has taken this role away."""
    if cloud.store.add("authorization", "subscription", {}):
        make_owner(cloud.inventory, cloud.principals.person("person"))
    routes = [*resources.routes(cloud, KIND), *assignments.routes(cloud), *definitions.routes(cloud)]
    return Service("authorization", routes)
