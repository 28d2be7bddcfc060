"""localcloud's controls and credentials, through their clients."""

import dataclasses

import pytest
from localcloud.controls import Controls, NotRunningError, RefusedControlError
from localcloud.credentials import Principal
from localcloud.home import Home, Ports


def test_a_fault_is_listed_until_it_is_disarmed(cloud_home: Home) -> None:
    with Controls(cloud_home) as controls:
        fault = controls.arm_fault("trainer", "error", {"run": "nobody's"}, times=1)
        assert fault["id"] in [each["id"] for each in controls.faults()]
        controls.disarm(fault["id"])
        assert fault["id"] not in [each["id"] for each in controls.faults()]


def test_a_refused_control_says_status_code_and_reason(cloud_home: Home) -> None:
    with Controls(cloud_home) as controls, pytest.raises(RefusedControlError, match="colour") as refused:
        controls.arm_fault("trainer", "error", colour="red")
    assert (refused.value.status, refused.value.code) == (400, "InvalidFault")


def test_controls_of_a_cloud_that_does_not_run_say_so(cloud_home: Home) -> None:
    nowhere = dataclasses.replace(cloud_home, ports=Ports.free())
    with Controls(nowhere) as controls, pytest.raises(NotRunningError, match="nothing listens"):
        controls.faults()


def test_a_principal_gets_tokens_that_the_cloud_accepts(cloud_home: Home) -> None:
    token = Principal(cloud_home, "person").get_token("https://management.azure.com/.default")
    assert token.token.count(".") == 2
    assert token.expires_on > 0
