"""The code reads the same settings that Bicep and the sample for one machine set."""

import json
import re

from runs.run_settings import RUN_SETTINGS
from runs.settings import APP_SETTINGS
from tests.unit.bicep.source import BICEP, ROOT, properties, source, text

MODULE = source(BICEP / "modules" / "function-app.bicep")
TYPES = source(BICEP / "modules" / "settings.bicep")
PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "ARM_CLOUD_METADATA_URL",
    "AZURE_CLIENT_ID",
    "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "PYTHON_THREADPOOL_THREAD_COUNT",
}
"""Settings that the platform reads, not the code."""


def variable(name: str) -> dict[str, str]:
    (found,) = [each for each in MODULE.of("variable") if each.name == name]
    return {key: text(value) for key, value in properties(found.node.named_children[-1]).items()}


def declared(name: str) -> set[str]:
    """The properties of a type in settings.bicep."""
    (found,) = [each for each in TYPES.of("type") if each.name == name]
    return set(properties(found.body()))


def sample() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def ours(names: object) -> set[str]:
    assert isinstance(names, dict | set | list)
    return {name for name in names if name.startswith("TOUCHDOWN_")}


def test_code_bicep_and_sample_set_the_same_settings() -> None:
    code = {each.variable for each in APP_SETTINGS} | {each.variable for each in RUN_SETTINGS.values()}
    assert ours({**variable("appSettings"), **variable("runSettings")}) == code
    assert ours(sample()) == code


def test_bicep_sets_nothing_that_neither_the_code_nor_the_platform_reads() -> None:
    assert set(variable("platformSettings")) == PLATFORM
    assert ours(set(variable("platformSettings"))) == set()
    assert set(variable("appSettings")) == {each.variable for each in APP_SETTINGS}
    assert set(variable("runSettings")) == {each.variable for each in RUN_SETTINGS.values()}


def test_the_types_of_the_settings_name_what_the_code_and_the_platform_read() -> None:
    assert declared("CodeSettings") == {each.variable for each in APP_SETTINGS}
    assert declared("RunSettings") == {each.variable for each in RUN_SETTINGS.values()}
    assert declared("PlatformSettings") == PLATFORM


def test_the_function_app_gets_the_settings_of_all_three_variables() -> None:
    assert "items(union(appSettings, runSettings, platformSettings))" in MODULE.content


def test_a_default_of_the_code_is_a_default_of_bicep() -> None:
    given = variable("appSettings")
    for each in APP_SETTINGS:
        literal = re.fullmatch(r"'([^'$]*)'", given[each.variable])
        if literal:
            assert literal[1] == each.default, each.variable


def test_every_run_setting_can_be_given_to_bicep() -> None:
    assert declared("RunDefaults") == set(RUN_SETTINGS)
    otherwise = {"compute_name": "computeName", "vm_size": "computeVmSize"}
    for name, setting in RUN_SETTINGS.items():
        default = otherwise.get(name, "''")
        assert variable("runSettings")[setting.variable] == f"runDefaults.?{name} ?? {default}"


def test_flex_consumption_forbids_none_of_the_settings() -> None:
    forbidden = {
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_EXTENSION_VERSION",
        "WEBSITE_RUN_FROM_PACKAGE",
        "AzureWebJobsStorage",
    }
    assert not forbidden & set(variable("platformSettings"))
    assert (
        variable("platformSettings")["PYTHON_THREADPOOL_THREAD_COUNT"]
        == f"'{sample()['PYTHON_THREADPOOL_THREAD_COUNT']}'"
    )


def test_flex_consumption_refuses_no_property_of_the_site() -> None:
    """Some regions ignore these, others refuse the app with error 51021.

    Sources: Azure/terraform-azurerm-avm-res-web-site, pull request 345; microsoft/azure-pipelines-tasks,
    issue 21032, in West Europe.
    """
    refused = {
        "alwaysOn",
        "ftpsState",
        "functionAppScaleLimit",
        "functionsRuntimeScaleMonitoringEnabled",
        "javaVersion",
        "linuxFxVersion",
        "netFrameworkVersion",
        "nodeVersion",
        "phpVersion",
        "powerShellVersion",
        "preWarmedInstanceCount",
        "pythonVersion",
        "use32BitWorkerProcess",
        "windowsFxVersion",
    }
    (app,) = [each for each in MODULE.of("resource") if each.name == "functionApp"]
    site = properties(app.properties()["properties"])
    assert "functionAppConfig" in site
    assert not refused & set(site)
    assert not refused & set(properties(site["siteConfig"]))


def test_every_setting_of_the_platform_is_documented() -> None:
    document = (ROOT / "docs" / "deploy.md").read_text()
    assert [name for name in sorted(PLATFORM) if f"`{name}`" not in document] == []
