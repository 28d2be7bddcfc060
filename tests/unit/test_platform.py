"""What the app needs of the Functions platform, and what docs/deploy.md says of a first deployment."""

import json
import re
from importlib import metadata

from scripts import missing_functions
from tests.checkout import CHECKOUT

PIN = re.compile(r"^([\w.-]+)(?:\[\w+\])?==(\S+?) (?:; .*)?\\$", re.MULTILINE)
DEPLOY = (CHECKOUT / "docs" / "deploy.md").read_text()


def test_the_app_brings_the_worker_that_the_tests_run() -> None:
    # From Python 3.13 on, the platform's worker imports azure_functions_runtime and finds the app's own first
    # (proxy_worker in Azure/azure-functions-python-worker; learn.microsoft.com, python-313-changes).
    pins = dict(PIN.findall((CHECKOUT / "requirements.txt").read_text()))
    for package in ("azure-functions-runtime", "azure-functions", "azure-functions-durable", "durabletask"):
        assert pins[package] == metadata.version(package)
    assert "`azure-functions-runtime`" in DEPLOY


def test_the_bundle_has_the_durable_extension_that_the_app_speaks_with() -> None:
    # azure-functions-durable 2 needs extension 3.10; bundle 4.37.1 has 3.14.0 (its extensions.json).
    bundle = json.loads((CHECKOUT / "host.json").read_text())["extensionBundle"]
    assert bundle == {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.37.1, 5.0.0)"}
    for document in (CHECKOUT / "docs").glob("*.md"):
        named = set(re.findall(r"\[4\.[^`)]*, 5\.0\.0\)", document.read_text()))
        assert named <= {bundle["version"], "[4.*, 5.0.0)"}, document
        assert not named or bundle["version"] in named, document
    assert bundle["version"] in DEPLOY
    assert f"`{bundle['id']}.Preview`" in DEPLOY


def test_the_checklist_says_how_many_functions_are_listed() -> None:
    assert f"--output tsv    # {len(missing_functions.FUNCTIONS)}\n" in DEPLOY


def test_every_failure_that_a_first_deployment_can_meet_is_explained() -> None:
    seen = [row.split(" | ")[0] for row in DEPLOY.splitlines() if row.startswith("| ")]
    for message in (
        "2505",
        "AADSTS700024",
        "Bundle version matching",
        "ClusterMinNodesExceedCoreQuota",
        "InvalidDeploymentLocation",
        "InvalidResourceGroupLocation",
        "MissingSubscriptionRegistration",
        "PropertyCannotBeUpdated",
        "TasksOperationsNotAllowed",
        "West Europe",
        "code 139",
        "durableRequiresGrpc",
        "exit code 42 and an empty user log",
        "no function is listed",
        "pipefail",
    ):
        assert any(message in cell for cell in seen), message


def test_the_checklist_says_of_every_time_how_it_is_known() -> None:
    section = DEPLOY.partition("## Checklist")[2].partition("## ")[0]
    rows = [row.strip("|").split("|") for row in section.splitlines() if row.startswith("| ")][2:]
    assert len(rows) > 10
    for _, step, takes, known in rows:
        assert re.search(r"minutes?\b", takes), step
        assert known.split()[0].strip(",") in ("documented", "estimated"), step
