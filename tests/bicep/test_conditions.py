"""localcloud's storage can decide by every condition that the templates deploy."""

from localcloud.storage import conditions

from tests.bicep.deployed import committed
from tests.bicep.granted import access, assigned


def test_storage_knows_what_every_condition_asks_for() -> None:
    found = [
        assignment.condition
        for deployed in committed()
        if deployed.is_main
        for held in access(deployed, [each for _, each in assigned(deployed)]).held.values()
        for assignment, _ in held
        if assignment.condition
    ]
    assert len(found) >= 2
    for each in found:
        conditions.check(each)
