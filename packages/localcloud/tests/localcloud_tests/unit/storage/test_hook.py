"""The hook in Azurite's process: the version that it knows, and the operations that it knows."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from localcloud.storage import emulator, policy

CHECKOUT = Path(__file__).parents[6]
AZURITE = CHECKOUT / "node_modules" / "azurite" / "dist" / "src"
HOOK = policy.HOOK.parent
WITHOUT_TOKENS = {
    "queue": {"Queue_GetAccessPolicy", "Queue_GetAccessPolicyWithHead", "Queue_SetAccessPolicy"},
    "table": {"Table_GetAccessPolicy", "Table_SetAccessPolicy"},
}
"""By service, what is not available to tokens ("Authorize with Microsoft Entra ID")."""


def node(program: str) -> "subprocess.CompletedProcess[str]":
    found = shutil.which("node")
    assert found, "Node is missing: install Node 20 or newer."
    return subprocess.run([found, "-e", program], capture_output=True, text=True, check=False)


def test_it_knows_the_azurite_that_is_installed_and_named_in_messages() -> None:
    wanted = json.loads((CHECKOUT / "package.json").read_text())["dependencies"]["azurite"]
    assert wanted == emulator.VERSION
    assert re.findall(r'const VERSION = "(.+)"', (HOOK / "azurite.cjs").read_text()) == [wanted]


def test_it_refuses_to_load_into_another_version(tmp_path: Path) -> None:
    program = tmp_path / "dist" / "src" / "azurite.js"
    program.parent.mkdir(parents=True)
    program.write_text("console.log('started');")
    (tmp_path / "package.json").write_text('{"version": "3.99.0"}')
    found = shutil.which("node")
    assert found
    ended = subprocess.run(
        [found, "--require", str(policy.HOOK), str(program)],
        env={policy.VARIABLE: str(tmp_path / "policy.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "started" not in ended.stdout
    assert f"localcloud needs azurite {emulator.VERSION} and found 3.99.0" in ended.stderr
    assert f"npm install azurite@{emulator.VERSION}" in ended.stderr


@pytest.mark.parametrize("database", [{}, {"AZURITE_DB": "sqlite::memory:"}], ids=["", "database"])
def test_azurite_loads_no_database_unless_it_is_to_use_one(tmp_path: Path, database: dict[str, str]) -> None:
    tell = tmp_path / "tell.cjs"
    tell.write_text('process.on("exit", () => console.log(Object.keys(require.cache).join("\\n")));')
    found = shutil.which("node")
    assert found
    ended = subprocess.run(
        [found, *("--require", policy.HOOK), *("--require", tell), AZURITE / "azurite.js", "--help"],
        env={policy.VARIABLE: str(tmp_path / "policy.json"), **database},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(re.findall(r"/node_modules/((?:@[^/\n]+/)?[^/\n]+)/", ended.stdout))
    assert {"azurite", "express", "lokijs"} <= loaded
    assert ("validator" in loaded) == bool(database), "sequelize loads it"


def test_the_telemetry_of_an_azurite_that_brings_it_is_not_loaded(tmp_path: Path) -> None:
    """package.json puts an empty package in its place; people who install Azurite themselves have it."""
    telemetry = tmp_path / "node_modules" / "applicationinsights" / "index.js"
    telemetry.parent.mkdir(parents=True)
    telemetry.write_text("throw new Error('it was loaded');")
    (tmp_path / "node_modules" / "sequelize.js").write_text("")
    azurite = tmp_path / "azurite.js"
    azurite.write_text("console.log(JSON.stringify(require('applicationinsights')));")
    hook, program = json.dumps(str(HOOK / "stand_ins.cjs")), json.dumps(str(azurite))
    ended = node(f"require({hook}).standIn({program}); require({program});")
    assert (ended.stdout, ended.stderr) == ("{}\n", "")
    assert "it was loaded" in node(f"require({program});").stderr


@pytest.mark.parametrize("service", ["blob", "queue", "table"])
def test_every_operation_that_azurite_knows_has_its_rights(service: str) -> None:
    """Nothing is allowed by default: what has no rights here is refused to every token."""
    program = f"""
        const found = require({json.dumps(str(AZURITE / service / "generated/artifacts/operation.js"))});
        const {{ {service.upper()} }} = require({json.dumps(str(HOOK / "operations.cjs"))});
        const names = Object.keys(found.Operation || found.default).filter((each) => isNaN(each));
        console.log(JSON.stringify([names, Object.keys({service.upper()})]));
    """
    known, decided = json.loads(node(program).stdout)
    assert len(known) > 15
    assert set(known) - set(decided) == WITHOUT_TOKENS.get(service, set())
    assert set(decided) <= set(known)
