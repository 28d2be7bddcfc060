"""Each parameter of the template reaches it by azd and from GitHub, and is documented."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import document_parameters
from tests.unit.bicep.machine import Machine
from tests.unit.bicep.source import BICEP, FILES, ROOT, source

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PARAMETERS = [each.name for each in source(BICEP / "main.bicep").of("parameter")]
VALUES: dict[str, dict[str, str]] = json.loads((BICEP / "main.parameters.json").read_text())["parameters"]
SET_BY_MACHINES = {"HOME", "HOSTNAME", "LANG", "PATH", "PYTHON_VERSION", "SHELL", "TAGS", "USER"}


def deploying() -> dict[str, Any]:
    """The job of the workflow that deploys."""
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    job: dict[str, Any] = found["jobs"]["deploy"]
    return job


def test_values_workflow_and_table_are_up_to_date() -> None:
    script = ROOT / "scripts" / "document_parameters.py"
    checked = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_azd_passes_every_parameter_from_a_variable_of_its_own() -> None:
    assert list(VALUES) == PARAMETERS
    variables = [re.fullmatch(r"\$\{([A-Z_]+)\}", each["value"]) for each in VALUES.values()]
    names = [each[1] for each in variables if each]
    assert len(set(names)) == len(PARAMETERS)
    assert not set(names) & SET_BY_MACHINES


def test_the_azd_that_is_required_brings_a_bicep_that_knows_the_templates() -> None:
    """azd compiles with a Bicep of its own, 0.41.2 since 1.23.8 and 0.39.26 before (its CHANGELOG.md).

    Bicep knows #disable-diagnostics since 0.40 (Azure/bicep, pull request 18622).
    """
    named = re.search(r'azd: ">= ([\d.]+)"', (ROOT / "azure.yaml").read_text())
    assert named is not None
    required = tuple(int(part) for part in named[1].split("."))
    known = {
        "#disable-next-line": (1, 0, 0),
        "#disable-diagnostics": (1, 23, 8),
        "#restore-diagnostics": (1, 23, 8),
    }
    used = {word for file in FILES for word in re.findall(r"(?m)^ *(#[a-z-]+)", file.read_text())}
    assert "#disable-diagnostics" in used
    assert max(known[word] for word in used) <= required
    assert (ROOT / "docs" / "deploy.md").read_text().count(named[1]) == 2


def test_a_deployment_from_github_resets_no_parameter() -> None:
    given = deploying()["env"]
    for name, value in VALUES.items():
        variable = value["value"].strip("${}")
        if name == "trainerHash":
            # Without it, the pipeline stays as it is until the hook points it at the trainer.
            assert variable not in given
        elif name in ("location", "environmentName"):
            assert given[variable].startswith("${{ inputs.")
        else:
            assert given[variable] == f"${{{{ vars.{variable} }}}}"


def test_a_variable_that_github_does_not_have_does_not_reach_azd(machine: Machine) -> None:
    """It is an empty one in the job, and azd passes an empty value on in place of the template's default."""
    (step,) = [each["run"] for each in deploying()["steps"] if "azd up" in each.get("run", "")]
    machine.tool("azd", 'echo "azd $*" >>"$LOG"; env >"$LOG.env"')
    done = machine.run(
        *("bash", "-ec", f"cd '{ROOT}'; {step}"), BATCH_SPOT="", ALERT_EMAIL="a@example.com", TAGS=""
    )
    assert done.returncode == 0, done.stderr
    assert machine.lines() == ["azd up --no-prompt"]
    left = Path(f"{machine.log}.env").read_text().splitlines()
    assert "ALERT_EMAIL=a@example.com" in left
    assert "TAGS=" in left
    assert [line for line in left if line.startswith("BATCH_SPOT=")] == []


def test_a_parameter_is_read_with_its_default_on_one_line() -> None:
    listed = {each.name: each for each in document_parameters.parameters((BICEP / "main.bicep").read_text())}
    assert list(listed) == PARAMETERS
    assert listed["location"].default is None
    assert listed["batchSpot"].default == "false"
    assert listed["batchVmSize"].variable == "BATCH_VM_SIZE"
    image = listed["batchImage"].default or ""
    assert image.startswith("{ publisher: 'microsoft-dsvm', offer:")
    assert image.endswith(" }")


def test_a_parameter_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="bare: @description must come first"):
        document_parameters.parameters("@minValue(1)\nparam bare int = 1\n")


# --- The workflows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)", workflow.read_text())
    assert used
    pinned = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [action for action in used if not pinned.fullmatch(action)] == []


def test_one_action_has_one_commit() -> None:
    used = {action for file in WORKFLOWS for action in re.findall(r"uses: (.+)", file.read_text())}
    assert len({action.partition("@")[0] for action in used}) == len(used)


def test_tokens_are_fetched_while_the_id_token_of_github_is_valid() -> None:
    steps = deploying()["steps"]
    signed_in = next(n for n, each in enumerate(steps) if each.get("uses", "").startswith("azure/login@"))
    fetched = steps[signed_in + 1]["run"].splitlines()
    assert fetched == [
        "az account get-access-token --output none",
        "az account get-access-token --scope https://storage.azure.com/.default --output none",
    ]


def test_the_hooks_ask_for_no_other_kind_of_token_than_the_workflow_fetched() -> None:
    calls = "".join(file.read_text() for file in (ROOT / "scripts" / "hooks").glob("*.sh"))
    groups = set(re.findall(r"(?<![\w-])az ([\w-]+(?: [\w-]+)*?) --", calls))
    by_storage = {"storage blob upload-batch"}
    by_resource_manager = {
        "account show",
        "deployment group create",
        "deployment sub create",
        "functionapp function list",
        "group exists",
        "resource list",
        "rest",
    }
    assert groups == by_storage | by_resource_manager
