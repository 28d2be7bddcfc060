"""Touchdown on a localcloud: its deployment, and the target of its client.

with start(home, checkout) as stack, Client(target(home)) as client:
    client.upload("iris_csv.csv")
"""

from touchdown.local.deploying import deploy
from touchdown.local.running import start
from touchdown.local.specification import spec
from touchdown.local.target import target

__all__ = ["deploy", "spec", "start", "target"]
