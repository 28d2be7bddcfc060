"""Touchdown on a localcloud: its resources, its pipeline and code, and the target of its client.

with start(home, checkout) as stack, Client(target(home)) as client:
    client.upload("iris_csv.csv")
"""

from touchdown.local.publishing import publish
from touchdown.local.resources import spec
from touchdown.local.running import start
from touchdown.local.target import target

__all__ = ["publish", "spec", "start", "target"]
