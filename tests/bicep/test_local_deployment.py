"""What `touchdown up` deploys to localcloud is what a person deploys to Azure, but for a few parameters."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from localcloud.home import REGION, SUBSCRIPTION, TENANT
from localcloud.persons import person

from scripts.assigned_roles import ASSIGNMENT, role_of
from scripts.bicep_compiler import Compiler
from scripts.bicep_snapshots import HERE, LOCAL, local_deployment, place_of, snapshot_of, text
from tests.bicep.deployed import Deployed, committed, differences, of_case
from tests.checkout import CHECKOUT
from touchdown.local.snapshots import EVENTS, MAIN, PIPELINE, TRAINER_HASH, TUNABLE, filled, read, tuned

NAME_IN_BRACES = re.compile(r"\{[A-Z][A-Z_]+\}")
GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
VALUES = {
    "DATA_FACTORY": "adf-1",
    TRAINER_HASH: "0123456789abcdef" * 4,
    "STORAGE_URL": "https://stdata1.blob.core.test",
    "CONTAINER": "azureml-blobstore-1",
    "TRAINING_CLIENT_ID": "aaaaaaaa-0000-0000-0000-000000000009",
}
"""A value for each name in the snapshot of the pipeline."""


def local(name: str) -> Deployed:
    return of_case(LOCAL / f"{name}.bicepparam", read(name))


def in_azure(case: str) -> Deployed:
    (found,) = [each for each in committed() if each.case == case]
    return found


def plain(deployed: Deployed) -> dict[str, Any]:
    """Resources by type and name, without what differs between environments: region, ids, and hashes of them.

    Role assignments and definitions are named by such hashes alone, and are left out.
    """
    found = {}
    for each in deployed.resources:
        body = GUID.sub(
            "guid", json.dumps(deployed.plain(each)).replace(deployed.given["location"], "region")
        )
        if not each["type"].startswith("Microsoft.Authorization/"):
            found[f"{each['type']} {json.loads(body)['name']}"] = json.loads(body)
    return found


def test_localcloud_gets_what_azure_gets_but_for_a_node_and_the_pace_of_polling() -> None:
    found, wanted = plain(local(MAIN)), plain(in_azure("defaults"))
    assert len(found) > 35
    different = [each.partition(" is ")[0] for each in differences("main", found, wanted)]
    expected = (
        "main.Microsoft.Batch/batchAccounts/pools ba/trainers.properties.scaleSettings.autoScale.formula",
        "main.Microsoft.Web/sites func-.properties.siteConfig.appSettings",
    )
    assert different == [*expected]


def test_localcloud_gets_the_settings_that_azure_gets_but_for_the_pace_of_polling() -> None:
    def settings(deployed: Deployed) -> dict[str, str]:
        given = deployed.plain(
            deployed.only("Microsoft.Web/sites")["properties"]["siteConfig"]["appSettings"]
        )
        return {each["name"]: each["value"] for each in given}

    found, wanted = settings(local(MAIN)), settings(in_azure("defaults"))
    different = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
    assert different == {
        "TOUCHDOWN_SUBSCRIPTION_ID",
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS",
        "TOUCHDOWN_RUN_POLLING_CAP_SECONDS",
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS",
        "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS",
    }
    assert found["TOUCHDOWN_SUBSCRIPTION_ID"] == SUBSCRIPTION


def test_localcloud_gets_the_roles_and_subscriptions_that_azure_gets() -> None:
    here, there = local(MAIN), in_azure("defaults")
    found, wanted = here.of(ASSIGNMENT), there.of(ASSIGNMENT)
    assert person("person").object_id in {each["properties"]["principalId"] for each in found}
    uploaders = [each for each in found if each["properties"]["principalId"] == person("uploader").object_id]
    assert len(uploaders) == 1
    found.remove(*uploaders)
    assert sorted(role_of(here, each) for each in found) == sorted(role_of(there, each) for each in wanted)
    assert [*differences("events", plain(local(EVENTS)), plain(in_azure("events")))] == []


def test_the_snapshots_are_for_localclouds_only_subscription() -> None:
    assert (HERE.subscription, HERE.tenant, HERE.location) == (SUBSCRIPTION, TENANT, REGION)
    outputs = read(MAIN)["outputs"]
    assert outputs["AZURE_RESOURCE_GROUP"] == place_of(LOCAL / f"{PIPELINE}.bicepparam").resource_group


def test_only_the_pipeline_has_names_to_fill_in_and_main_has_their_values() -> None:
    left = {
        case.stem: {*NAME_IN_BRACES.findall(snapshot_of(case).read_text())} for case in local_deployment()
    }
    names = {f"{{{name}}}" for name in VALUES}
    assert left == {MAIN: set(), EVENTS: set(), PIPELINE: names}
    assert {*VALUES} - {TRAINER_HASH} <= {*read(MAIN)["outputs"]}


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="TRAINER_HASH"):
        filled(read(PIPELINE), {name: value for name, value in VALUES.items() if name != TRAINER_HASH})


def test_filling_a_value_in_is_what_the_compiler_would_have_done_with_it(
    compiler: Compiler, tmp_path: Path
) -> None:
    shutil.copytree(CHECKOUT / "bicep", tmp_path / "bicep")
    case = tmp_path / "case.bicepparam"
    given = filled((LOCAL / f"{PIPELINE}.bicepparam").read_text(), VALUES)
    case.write_text(given.replace("../../../bicep/", "bicep/"))
    place = place_of(LOCAL / f"{PIPELINE}.bicepparam")
    assert text(filled(read(PIPELINE), VALUES)) == text(compiler.snapshot(case, place))


def test_the_shell_sets_settings_of_runs_and_the_pace_of_polling_alone() -> None:
    shell = {"TOUCHDOWN_EPOCHS": "5", "TOUCHDOWN_WORKSPACE": "another", "PATH": "/bin"}
    before, after = read(MAIN), tuned(read(MAIN), shell)
    different = [*differences("", after, before)]
    (site,) = [each for each in after["predictedResources"] if each["type"] == "Microsoft.Web/sites"]
    settings = {each["name"]: each["value"] for each in site["properties"]["siteConfig"]["appSettings"]}
    assert settings["TOUCHDOWN_EPOCHS"] == "5"
    assert settings["TOUCHDOWN_WORKSPACE"] != "another"
    assert {*TUNABLE} <= {*settings}
    assert len(different) == 1
