"""What makes two deployments one environment, and what makes them two."""

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bicep_compiler import BicepError, Compiler, Place
from tests.bicep.deployed import Deployed, of_case
from tests.checkout import CHECKOUT

type Deploy = Callable[..., Deployed]

UNIQUE_IN_ITS_GROUP = {
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/metricAlerts",
    "Microsoft.Insights/scheduledQueryRules",
}
"""Types whose names need not differ from those in other resource groups."""


@pytest.fixture(scope="module")
def deploy(compiler: Compiler, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """A function that evaluates main.bicep, or another file, with some parameters."""
    folder = tmp_path_factory.mktemp("environments")
    shutil.copytree(CHECKOUT / "bicep", folder / "bicep")

    @functools.cache
    def evaluate(subscription: str = "", file: str = "main", **given: str) -> Deployed:
        case: Path = folder / "case.bicepparam"
        lines = [f"param {name} = '{value}'\n" for name, value in given.items()]
        case.write_text("".join([f"using 'bicep/{file}.bicep'\n", *lines]))
        place = dataclasses.replace(Place(), **({"subscription": subscription} if subscription else {}))
        return of_case(case, compiler.snapshot(case, place))

    return evaluate


def ids(deployed: Deployed) -> list[str]:
    return sorted(each["id"].lower() for each in deployed.resources)


def test_a_region_has_one_set_of_names_however_it_is_written(deploy: Deploy) -> None:
    plain = deploy(location="westeurope")
    for spelling in ("West Europe", "WestEurope"):
        assert ids(deploy(location=spelling)) == ids(plain)
    events = [deploy(file="events", location=spelling) for spelling in ("westeurope", "West Europe")]
    assert ids(events[0]) == ids(events[1])
    assert events[0].token == plain.token


def test_the_case_of_a_name_makes_no_other_environment(deploy: Deploy) -> None:
    """Resource Manager ignores case in the names of resource groups, and so in the ids of what is in them."""
    plain = deploy(location="westeurope", environmentName="lab", resourceGroupName="rg-x")
    assert ids(deploy(location="westeurope", environmentName="Lab", resourceGroupName="RG-X")) == ids(plain)


@pytest.mark.parametrize(
    "other",
    [
        {"location": "westeurope", "environmentName": "lab"},
        {"location": "northeurope", "environmentName": "lab"},
        {"location": "westeurope", "subscription": "33333333-3333-3333-3333-333333333333"},
    ],
    ids=["another name", "another name and region", "another subscription"],
)
def test_two_environments_share_no_resource_and_no_name(deploy: Deploy, other: dict[str, str]) -> None:
    first, second = deploy(location="westeurope"), deploy(**other)
    assert {*ids(first)} & {*ids(second)} == set()
    names = [
        {
            (each["type"], each["name"])
            for each in deployed.resources
            if each["type"] not in UNIQUE_IN_ITS_GROUP | {"Microsoft.Resources/resourceGroups"}
        }
        for deployed in (first, second)
    ]
    assert names[0] & names[1] == set()


def test_deploying_twice_deploys_the_same_whatever_the_deployment_is_called(compiler: Compiler) -> None:
    case = CHECKOUT / "tests" / "bicep" / "everything.bicepparam"
    first, second = (compiler.snapshot(case, Place(deployment=name)) for name in ("first", "second"))
    assert first == second


def test_a_prefix_that_would_end_its_text_in_a_condition_is_refused(
    compiler: Compiler, tmp_path: Path
) -> None:
    shutil.copytree(CHECKOUT / "bicep", tmp_path / "bicep")
    case = tmp_path / "case.bicepparam"
    uploader = "{ principalId: 'aaaaaaaa-0000-0000-0000-000000000002', prefix: 'a\\' OR true' }"
    case.write_text(
        f"using 'bicep/main.bicep'\nparam location = 'westeurope'\nparam uploaders = [{uploader}]\n"
    )
    with pytest.raises(BicepError, match="The prefix of an uploader has a quotation mark: a' OR true"):
        compiler.snapshot(case)


@pytest.mark.parametrize("client_id", ["", "touchdown"])
def test_a_sign_in_without_the_id_of_its_application_is_refused(deploy: Deploy, client_id: str) -> None:
    with pytest.raises(BicepError, match="signIn is Entra, so signInClientId must be the client id"):
        deploy(location="westeurope", signIn="Entra", signInClientId=client_id)
