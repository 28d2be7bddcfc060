"""checkov on every snapshot: no check fails, except where accepted_findings.yaml accepts it for a reason."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bicep import checkov
from tests.bicep.checkov import Finding, Scan
from tests.bicep.flat import flat_template

FOLDER = Path(__file__).parent
SNAPSHOTS = sorted(FOLDER.glob("*.snapshot.json"))
PLANTED = "planted"
CHECKED_TYPES = {
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.Batch/batchAccounts",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.DataFactory/factories",
    "Microsoft.EventGrid/topics",
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.MachineLearningServices/workspaces",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
    "Microsoft.Web/sites/config",
}
"""The types of ours for which checkov has a check. It looks at the others, and says nothing of them."""


@dataclass(frozen=True)
class Accepted:
    """A check that may fail for resources of a type."""

    check: str
    type: str
    reason: str


def accepted_findings() -> list[Accepted]:
    groups = yaml.safe_load((FOLDER / "accepted_findings.yaml").read_text())
    return [
        Accepted(check, type_, group["reason"])
        for group in groups
        for type_, checks in group["checks"].items()
        for check in checks
    ]


def unaccepted(failed: Iterable[Finding]) -> set[Finding]:
    known = {(each.check, each.type) for each in accepted_findings()}
    return {each for each in failed if (each.check, each.type) not in known}


def public_account() -> dict[str, Any]:
    """A template with an account that accepts HTTP and old TLS, and a container that anyone can read."""
    version, accounts = "2025-08-01", "Microsoft.Storage/storageAccounts"
    account = {
        "type": accounts,
        "name": "stpublic",
        "apiVersion": version,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"supportsHttpsTrafficOnly": False, "minimumTlsVersion": "TLS1_0"},
    }
    container = {
        "type": f"{accounts}/blobServices/containers",
        "name": "stpublic/default/open",
        "apiVersion": version,
        "properties": {"publicAccess": "Container"},
    }
    return flat_template({"predictedResources": [account, container]})


@pytest.fixture(scope="module")
def templates() -> dict[str, dict[str, Any]]:
    """The flat templates by name: one for each snapshot, and the planted one."""
    found = {
        file.name.removesuffix(".snapshot.json"): flat_template(json.loads(file.read_text()))
        for file in SNAPSHOTS
    }
    assert found
    return {**found, PLANTED: public_account()}


@pytest.fixture(scope="module")
def installed() -> None:
    if not checkov.PYTHON.exists():
        pytest.fail("checkov is not installed: run scripts/setup.sh checkov")


@pytest.fixture(scope="module")
def scanned(
    installed: None, templates: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scan, list[str]]:
    """What checkov says of all templates, by one process, and its attempts to use the network."""
    folder, work = tmp_path_factory.mktemp("templates"), tmp_path_factory.mktemp("checkov")
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(template, indent=1))
    return checkov.scan(folder, work)


@pytest.fixture
def ours(scanned: tuple[Scan, list[str]]) -> list[Finding]:
    """The failed checks of what is deployed."""
    return [each for each in scanned[0].failed if each.template != PLANTED]


def test_every_resource_is_looked_at(
    templates: dict[str, dict[str, Any]], scanned: tuple[Scan, list[str]]
) -> None:
    assert scanned[0].unreadable == 0
    assert scanned[0].resources == sum(len(template["resources"]) for template in templates.values())


def test_every_resource_of_a_type_with_checks_is_checked(
    templates: dict[str, dict[str, Any]], scanned: tuple[Scan, list[str]]
) -> None:
    there = Counter(
        (name, resource["type"])
        for name, template in templates.items()
        for resource in template["resources"]
        if resource["type"] in CHECKED_TYPES
    )
    assert {type_ for _, type_ in there} == CHECKED_TYPES
    checked = {(each.template, each.type, each.name) for each in (*scanned[0].passed, *scanned[0].failed)}
    assert Counter((template, type_) for template, type_, _ in checked) == there


def test_a_planted_public_account_fails(scanned: tuple[Scan, list[str]], ours: list[Finding]) -> None:
    planted = [each for each in scanned[0].failed if each.template == PLANTED]
    found = {each.check for each in unaccepted(planted)}
    assert found == {"CKV_AZURE_3", "CKV_AZURE_34", "CKV_AZURE_44"}
    assert not found & {each.check for each in ours}


def test_each_failed_check_is_accepted_with_a_reason(ours: list[Finding]) -> None:
    assert unaccepted(ours) == set()


def test_each_accepted_check_fails_somewhere(ours: list[Finding]) -> None:
    failed = {(each.check, each.type) for each in ours}
    assert [each for each in accepted_findings() if (each.check, each.type) not in failed] == []


def test_a_check_is_accepted_once_for_a_type_and_with_a_reason() -> None:
    accepted = accepted_findings()
    assert max(Counter((each.check, each.type) for each in accepted).values()) == 1
    assert all(len(each.reason.split()) > 10 for each in accepted)


def test_no_request_is_made(scanned: tuple[Scan, list[str]]) -> None:
    assert scanned[1] == []


def test_a_request_would_be_refused_and_seen(installed: None, tmp_path: Path) -> None:
    attempt = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')"
    ended, requests = checkov.run_guarded(["-c", attempt], tmp_path)
    assert ended.returncode == 1
    assert "this process may not use the network" in ended.stderr
    assert [line.split()[0] for line in requests] == ["socket.getaddrinfo"]
