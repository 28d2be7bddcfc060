"""No group of tests vanishes from CI: the job that has the compiler runs those that need it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.az.command_line import compiler_of_az
from tests.checkout import CHECKOUT


def commands(job: str) -> list[str]:
    jobs: dict[str, Any] = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    return [step["run"] for step in jobs[job]["steps"] if "run" in step]


def test_the_job_with_the_compiler_installs_and_runs_what_the_other_job_skips() -> None:
    installed = [
        each.split("scripts/setup.sh ")[1].split() for each in commands("bicep") if "setup.sh" in each
    ]
    assert installed == [["checkov", "az"]]
    (tests,) = [each.split(" -m pytest ")[1].split() for each in commands("bicep") if "pytest" in each]
    asking = {
        str(path.parent.relative_to(CHECKOUT))
        for path in (CHECKOUT / "tests").rglob("*.py")
        if "find_compiler" in path.read_text() and path != Path(__file__)
    }
    assert asking <= {*tests}, "the tests of these folders ask for the compiler"
    assert "tests/az" in asking


def test_the_tests_of_az_are_skipped_only_where_there_is_no_compiler(tmp_path: Path) -> None:
    installed = tmp_path / ".stamp"
    with pytest.raises(pytest.skip.Exception, match="bicep was not found"):
        compiler_of_az(None, installed)
    with pytest.raises(pytest.fail.Exception, match=r"run scripts/setup\.sh az"):
        compiler_of_az(tmp_path, installed)
    installed.touch()
    assert compiler_of_az(tmp_path, installed) == tmp_path


WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_an_action_is_pinned_by_its_commit_and_says_which_version_that_is(workflow: Path) -> None:
    """A tag can be moved to other code."""
    used = re.findall(r"uses: (.*)", workflow.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_a_bot_raises_the_actions() -> None:
    bot = yaml.safe_load((CHECKOUT / ".github" / "dependabot.yml").read_text())
    assert {each["package-ecosystem"] for each in bot["updates"]} == {"github-actions"}


def test_azd_is_pinned_to_a_version_that_azure_yaml_accepts() -> None:
    steps = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]["deploy"]
    (given,) = [each["with"] for each in steps["steps"] if "setup-azd" in each.get("uses", "")]
    pinned = [int(part) for part in given["version"].split(".")]
    required = yaml.safe_load((CHECKOUT / "azure.yaml").read_text())["requiredVersions"]["azd"]
    assert required.startswith(">= ")
    assert pinned >= [int(part) for part in required.removeprefix(">= ").split(".")]


def test_the_guide_says_who_reviews_a_deployment() -> None:
    (job,) = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"].values()
    assert job["environment"] == "${{ inputs.environment }}"
    guide = (CHECKOUT / "docs" / "deploy.md").read_text().split("## From GitHub")[1].split("\n## ")[0]
    assert "required reviewers" in guide
