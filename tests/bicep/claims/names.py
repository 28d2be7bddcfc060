"""Claims about ids, regions and tags."""

from collections import Counter
from collections.abc import Iterator

from tests.bicep.deployed import Deployed

GLOBAL = {"microsoft.insights/actiongroups", "microsoft.insights/metricalerts"}
"""Types whose resources have no region."""


def no_two_resources_have_one_id(deployed: Deployed) -> Iterator[str]:
    # Resource Manager ignores case in ids.
    for found, count in Counter(each["id"].lower() for each in deployed.resources).items():
        if count > 1:
            yield f"{count} resources have the id {found}"


def all_resources_are_in_one_region(deployed: Deployed) -> Iterator[str]:
    for each in deployed.resources:
        wanted = "global" if each["type"].lower() in GLOBAL else deployed.given["location"]
        found = each.get("location", wanted)
        if found.lower().replace(" ", "") != wanted.lower().replace(" ", ""):
            yield f"{each['id']} is in {found}, not in {wanted}"


def azd_finds_the_environment_and_the_app_by_their_tags(deployed: Deployed) -> Iterator[str]:
    """https://learn.microsoft.com/azure/developer/azure-developer-cli/faq: azd-env-name, azd-service-name."""
    environment = deployed.given.get("environmentName", "touchdown")
    for each in deployed.resources:
        # A resource that takes tags has a region; child resources have neither here, but a cluster.
        if "location" in each and each.get("tags", {}).get("azd-env-name") != environment:
            yield f"{each['id']} is not tagged with its environment"
    apps = [
        each["type"] for each in deployed.resources if each.get("tags", {}).get("azd-service-name") == "app"
    ]
    if apps != ["Microsoft.Web/sites"] * deployed.is_main:
        yield f"tagged as the app: {apps}"


CLAIMS = [
    no_two_resources_have_one_id,
    all_resources_are_in_one_region,
    azd_finds_the_environment_and_the_app_by_their_tags,
]
