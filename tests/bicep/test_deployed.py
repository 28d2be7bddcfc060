"""What the committed snapshots say is what may be deployed. No compiler is needed."""

import pytest

from tests.bicep.claims import CLAIMS, Claim
from tests.bicep.deployed import Deployed, committed


@pytest.mark.parametrize("deployed", committed(), ids=lambda each: each.case)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: each.__name__)
def test_in_each_case(claim: Claim, deployed: Deployed) -> None:
    assert list(claim(deployed)) == []
