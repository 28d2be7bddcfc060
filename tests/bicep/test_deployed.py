"""What the committed snapshots say is what may be deployed. No compiler is needed."""

import re

import pytest

from scripts.bicep_snapshots import cases
from tests.bicep.claims import CLAIMS, Claim
from tests.bicep.deployed import Deployed, committed
from tests.checkout import CHECKOUT


@pytest.mark.parametrize("deployed", committed(), ids=lambda each: each.case)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: each.__name__)
def test_in_each_case(claim: Claim, deployed: Deployed) -> None:
    assert list(claim(deployed)) == []


def test_every_parameter_is_given_in_the_case_of_everything() -> None:
    (case,) = [each for each in cases() if each.stem == "everything"]
    declared = re.findall(r"^param (\w+) ", (CHECKOUT / "bicep" / "main.bicep").read_text(), re.MULTILINE)
    assert re.findall(r"^param (\w+) ", case.read_text(), re.MULTILINE) == declared
