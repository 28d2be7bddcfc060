"""Assertions about what one case deploys.

A claim is a function that gets a case's Deployed and yields what is wrong with it, in words. The tests check
the committed snapshots with them, and `make slips` those of templates with a slip.
"""

from collections.abc import Callable, Iterator

from tests.bicep.claims import kinds, names, operations, roles, security, settings, values
from tests.bicep.deployed import Deployed

type Claim = Callable[[Deployed], Iterator[str]]

CLAIMS: list[Claim] = [
    *kinds.CLAIMS,
    *names.CLAIMS,
    *operations.CLAIMS,
    *roles.CLAIMS,
    *security.CLAIMS,
    *settings.CLAIMS,
    *values.CLAIMS,
]
