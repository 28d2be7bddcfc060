"""What an id tells of a resource."""

import pytest
from localcloud.resource_ids import split, top_level, type_and_name

from localcloud_tests.resources import FACTORY, FACTORY_ID, GROUP_ID, SITE_ID

PIPELINE = f"{FACTORY_ID}/pipelines/train"
ON_PIPELINE = f"{PIPELINE}/Providers/Microsoft.Authorization/roleAssignments/a"
OF_TENANT = "/providers/Microsoft.Authorization/roleAssignments/a"


@pytest.mark.parametrize(
    ("id_", "type_", "name"),
    [
        (GROUP_ID, "Microsoft.Resources/resourceGroups", "lab"),
        (FACTORY_ID, "Microsoft.DataFactory/factories", FACTORY),
        (PIPELINE, "Microsoft.DataFactory/factories/pipelines", f"{FACTORY}/train"),
        (f"{SITE_ID}{OF_TENANT}", "Microsoft.Authorization/roleAssignments", "a"),
        (ON_PIPELINE, "Microsoft.Authorization/roleAssignments", "a"),
        (OF_TENANT, "Microsoft.Authorization/roleAssignments", "a"),
    ],
)
def test_an_id_tells_type_and_name_as_a_template_writes_them(id_: str, type_: str, name: str) -> None:
    assert type_and_name(id_) == (type_, name)


def test_a_child_is_in_a_top_level_resource_and_an_extension_is_one_itself() -> None:
    assert [top_level(each) for each in (PIPELINE, FACTORY_ID)] == [FACTORY_ID, FACTORY_ID]
    assert top_level(ON_PIPELINE) == ON_PIPELINE.replace("/Providers/", "/providers/")


def test_the_scope_is_what_stands_before_the_last_provider() -> None:
    assert split(f"{FACTORY_ID}/pipelines") == (
        GROUP_ID,
        "Microsoft.DataFactory",
        ["factories", FACTORY, "pipelines"],
    )
    assert split(ON_PIPELINE)[0] == PIPELINE
    assert split(f"{GROUP_ID}/") == ("", "Microsoft.Resources", GROUP_ID.strip("/").split("/"))
