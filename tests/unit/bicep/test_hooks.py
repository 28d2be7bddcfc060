"""The hooks: what the POSIX ones do, with tools that only record, and that the Windows ones do the same."""

import json
import re
from pathlib import Path

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Node, Parser

from scripts import missing_functions, publish_trainer
from tests.unit.bicep.machine import Machine
from tests.unit.bicep.source import BICEP, ROOT, source, text, walk

HOOKS = ROOT / "scripts" / "hooks"
BEFORE = HOOKS / "preprovision.sh"
AFTER = HOOKS / "postdeploy.sh"
ACCOUNT = "/subscriptions/subscription-1/x/Microsoft.Batch/batchAccounts"
"""The id of the Batch account that the recording az lists."""
ENVIRONMENT = {"AZURE_SUBSCRIPTION_ID": "subscription-1", "AZURE_ENV_NAME": "lab"}


def windows(hook: Path) -> Path:
    return hook.with_suffix(".ps1")


def changed(machine: Machine) -> list[str]:
    return [line for line in machine.lines() if "--method patch" in line]


# --- Before provisioning ------------------------------------------------------------------------------------


def test_keys_are_turned_on_before_they_are_deployed(machine: Machine) -> None:
    done = machine.run(
        ROOT / "scripts" / "deploy.sh", "--location", "westeurope", "--", "batchAuthentication=KeyVault"
    )
    assert done.returncode == 0, done.stderr
    (patch,) = changed(machine)
    assert f"--url {ACCOUNT}?api-version=" in patch
    assert "--body @scripts/hooks/batch-KeyVault.json" in patch
    lines = machine.lines()
    assert lines.index(patch) < next(n for n, line in enumerate(lines) if "main.bicep" in line)


def test_keys_are_turned_off_again(machine: Machine) -> None:
    done = machine.run(BEFORE, MODES="AAD SharedKey", **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    (patch,) = changed(machine)
    assert "--body @scripts/hooks/batch-ManagedIdentity.json" in patch


@pytest.mark.parametrize(("wanted", "modes"), [("KeyVault", "AAD SharedKey"), ("ManagedIdentity", "AAD")])
def test_an_account_that_is_right_is_not_changed(machine: Machine, wanted: str, modes: str) -> None:
    done = machine.run(BEFORE, BATCH_AUTHENTICATION=wanted, MODES=modes, **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert changed(machine) == []


def test_a_change_that_is_refused_ends_the_hook(machine: Machine) -> None:
    done = machine.run(BEFORE, BATCH_AUTHENTICATION="KeyVault", fail="--method patch", **ENVIRONMENT)
    assert done.returncode == 1
    assert "the Batch account was not changed" in done.stderr.splitlines()[-1]


def test_before_the_first_deployment_there_is_nothing_to_change(machine: Machine) -> None:
    done = machine.run(BEFORE, EXISTS="false", **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert machine.asked() == ["az account show", "az group exists"]


def test_a_new_environment_of_azd_needs_no_call(machine: Machine) -> None:
    done = machine.run(BEFORE, AZURE_ENV_NAME="lab")
    assert done.returncode == 0, done.stderr
    assert machine.lines() == []


def test_the_group_that_azd_knows_is_the_one_looked_at(machine: Machine) -> None:
    machine.run(BEFORE, AZURE_RESOURCE_GROUP="rg-mine", **ENVIRONMENT)
    assert "--name rg-mine" in machine.lines()[1]
    assert "--resource-group rg-mine" in machine.lines()[2]


def test_an_unknown_authentication_is_refused_before_any_call(machine: Machine) -> None:
    done = machine.run(BEFORE, BATCH_AUTHENTICATION="Keys", **ENVIRONMENT)
    assert done.returncode == 1
    assert "BATCH_AUTHENTICATION is Keys: set it to ManagedIdentity or KeyVault" in done.stderr
    assert machine.lines() == []


CLIENT_ID = "0b8c5a1e-0000-4000-8000-00000000c11e"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SIGN_IN": "Entra"}, "is Entra: set SIGN_IN_CLIENT_ID (signInClientId) as docs"),
        ({"SIGN_IN": "Entra", "SIGN_IN_CLIENT_ID": "touchdown"}, "set SIGN_IN_CLIENT_ID"),
        ({"SIGN_IN": "entra", "SIGN_IN_CLIENT_ID": CLIENT_ID}, "is entra: set it to Key or Entra"),
    ],
)
def test_a_sign_in_that_lacks_its_application_is_refused_before_any_call(
    machine: Machine, given: dict[str, str], said: str
) -> None:
    done = machine.run(BEFORE, **given, **ENVIRONMENT)
    assert done.returncode == 1
    assert said in done.stderr
    assert machine.lines() == []


def test_the_script_checks_the_sign_in_that_it_is_given_and_no_other(machine: Machine) -> None:
    script = (ROOT / "scripts" / "deploy.sh", "--location", "westeurope", "--")
    refused = machine.run(*script, "signIn=Entra", SIGN_IN_CLIENT_ID=CLIENT_ID)
    assert refused.returncode == 1
    assert "set SIGN_IN_CLIENT_ID (signInClientId)" in refused.stderr
    assert not [line for line in machine.lines() if "main.bicep" in line]
    done = machine.run(*script, "signIn=Entra", f"signInClientId={CLIENT_ID}", SIGN_IN="none")
    assert done.returncode == 0, done.stderr


def test_the_hook_sets_the_modes_that_bicep_deploys_and_compares_with_them() -> None:
    batch = (BICEP / "modules" / "batch.bicep").read_text()
    modes = re.search(r"allowedAuthenticationModes: sharedKey \? \[(.*?)\] : \[(.*?)\]", batch)
    assert modes is not None
    for authentication, literal in zip(("KeyVault", "ManagedIdentity"), modes.groups(), strict=True):
        deployed = re.findall(r"'(\w+)'", literal)
        body = json.loads((HOOKS / f"batch-{authentication}.json").read_text())
        assert body == {"properties": {"allowedAuthenticationModes": deployed}}
        for hook in (BEFORE, windows(BEFORE)):
            compared = re.search(rf"{authentication}\W+modes ?= ?'([\w ]+)'", hook.read_text())
            assert compared is not None
            assert compared[1] == " ".join(sorted(deployed))


def test_the_hook_and_bicep_speak_the_same_api_version_of_batch() -> None:
    versions = set(re.findall(r"\?api-version=([\d-]+)", BEFORE.read_text()))
    assert versions == set(
        re.findall(r"Microsoft.Batch/batchAccounts@([\d-]+)", (BICEP / "modules" / "batch.bicep").read_text())
    )


# --- After deploying ----------------------------------------------------------------------------------------


def test_the_hook_names_a_missing_variable(machine: Machine) -> None:
    done = machine.run(AFTER)
    assert done.returncode == 1
    assert "AZURE_SUBSCRIPTION_ID is not set" in done.stderr


def test_azd_stores_the_hash_of_the_trainer_for_the_next_provision(machine: Machine) -> None:
    given = dict.fromkeys(required(AFTER), "x")
    done = machine.run(AFTER, AZD_HOOK="1", **given)
    assert done.returncode == 0, done.stderr
    published = publish_trainer.trainer_hash(publish_trainer.trainer_files())
    assert machine.lines()[-1] == f"azd env set TRAINER_HASH {published}"


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("", "Azure lists no function"),
        ("func-x/on_blob_created\n", "Azure does not list approve_run, "),
        ("\n".join(f"func-x/{name}" for name in missing_functions.FUNCTIONS[1:]), "not list approve_run\n"),
    ],
)
def test_without_all_functions_nothing_is_subscribed(machine: Machine, listed: str, message: str) -> None:
    # Each look at the clock is 5 minutes after the one before.
    machine.tool("date", 'echo x >>"$LOG.clock"; echo $(($(wc -l <"$LOG.clock") * 300))')
    done = machine.run(AFTER, FUNCTIONS=listed, **dict.fromkeys(required(AFTER), "x"))
    assert done.returncode == 1
    assert message in done.stderr
    assert "docs/deploy.md" in done.stderr.splitlines()[-1]
    assert machine.asked().count("az functionapp function list") > 1
    assert machine.asked()[-2:] == ["az rest", "az functionapp function list"]


def test_the_functions_are_synchronized_before_each_look_at_them(machine: Machine) -> None:
    machine.tool("date", 'echo x >>"$LOG.clock"; echo $(($(wc -l <"$LOG.clock") * 300))')
    machine.run(AFTER, FUNCTIONS="", **dict.fromkeys(required(AFTER), "x"))
    looks = [n for n, line in enumerate(machine.lines()) if "function list" in line]
    assert len(looks) > 1
    version = re.search(
        r"Microsoft.Web/sites@([\d-]+)", (BICEP / "modules" / "function-app.bicep").read_text()
    )
    assert version is not None
    site = "/subscriptions/x/resourceGroups/x/providers/Microsoft.Web/sites/x"
    asked = f"az rest --method post --url {site}/host/default/sync?api-version={version[1]} --output none"
    assert [machine.lines()[look - 1] for look in looks] == [asked] * len(looks)


def test_functions_that_are_listed_need_no_synchronization(machine: Machine) -> None:
    done = machine.run(AFTER, fail="/host/default/sync", **dict.fromkeys(required(AFTER), "x"))
    assert done.returncode == 0, done.stderr


# --- The hooks for Windows ----------------------------------------------------------------------------------


def required(hook: Path) -> list[str]:
    """The variables that a hook requires, in order."""
    listed = re.search(r"(?:for name in|\$names =)(.*?)(?:; do|\nforeach)", hook.read_text(), re.DOTALL)
    assert listed is not None
    return re.findall(r"[A-Z_]{8,}", listed[1])


def plain(text: str) -> str:
    """A text with its variables as both shells could name them: $azureenvname."""
    return re.sub(r"\$\{?(?:env:)?(\w+)\}?", lambda found: f"${found[1].replace('_', '').lower()}", text)


def steps(hook: Path) -> list[str]:
    titles = re.findall(r"^\s*step (?:'|\")(.+?)(?:'|\")$", hook.read_text(), re.MULTILINE | re.IGNORECASE)
    return [plain(title) for title in titles]


QUOTED = r"""("(?:[^"\\`]|\\.|`.)*"|'[^']*')"""


def words(quoted: str) -> str:
    """A quoted text without what differs between the shells: quotes, escapes, names of variables."""
    return re.sub(r"[\\`\"']", "", plain(quoted))


def messages(hook: Path) -> list[str]:
    """The messages with which a hook fails, in order."""
    return [words(text) for text in re.findall(rf"\bfail {QUOTED}", hook.read_text(), re.IGNORECASE)]


def waits(hook: Path) -> list[tuple[str, str]]:
    """The seconds for which a hook repeats each call, and the message with which it then fails."""
    found = re.findall(rf"^\s*again (\d+) {QUOTED}", hook.read_text(), re.MULTILINE | re.IGNORECASE)
    return [(seconds, words(text)) for seconds, text in found]


CALL = re.compile(
    r"(?<![\w-])(azd? (?:account|group|resource|rest|storage|deployment|functionapp|env) [^\n|]+)"
)


def calls(hook: Path) -> list[list[str]]:
    """Every call of az and azd in a hook, as words, without the shell's syntax of quotes and variables."""
    content = plain(re.sub(r"[\\`]\n\s*", "", hook.read_text()))
    found = [line for line in CALL.findall(content) if "(azd" not in line]
    return [re.sub(r"[\"']", "", line).rstrip().removesuffix(")").split() for line in found]


def test_both_hooks_require_the_same_variables_which_bicep_outputs() -> None:
    assert required(AFTER) == required(windows(AFTER))
    outputs = {each.name for each in source(BICEP / "main.bicep").of("output")}
    by_azd = {"AZURE_SUBSCRIPTION_ID", "AZURE_LOCATION", "AZURE_ENV_NAME"}
    assert set(required(AFTER)) - by_azd <= outputs


@pytest.mark.parametrize(("hook", "number"), [(BEFORE, 4), (AFTER, 9)], ids=["before", "after"])
def test_both_hooks_take_the_same_steps(hook: Path, number: int) -> None:
    assert len(steps(hook)) == number
    assert steps(hook) == steps(windows(hook))


@pytest.mark.parametrize(("hook", "number"), [(BEFORE, 5), (AFTER, 7)], ids=["before", "after"])
def test_both_hooks_make_the_same_calls(hook: Path, number: int) -> None:
    assert len(calls(hook)) == number
    assert calls(hook) == calls(windows(hook))


def test_both_hooks_before_provisioning_end_with_the_same_messages() -> None:
    assert len(messages(BEFORE)) == 9
    assert messages(BEFORE) == messages(windows(BEFORE))


def test_both_hooks_after_deploying_wait_as_long_and_end_with_the_same_messages() -> None:
    assert len(waits(AFTER)) == 3
    assert waits(AFTER) == waits(windows(AFTER))


FOR_WINDOWS = pytest.mark.parametrize("hook", sorted(HOOKS.glob("*.ps1")), ids=lambda hook: hook.name)


def parsed(hook: Path) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(hook.read_bytes()).root_node


def repeated(command: Node) -> bool:
    """Whether a command is in the block that Again runs, and Again reads its exit code."""
    parent = command.parent
    while parent and parent.type != "script_block_expression":
        parent = parent.parent
    return parent is not None


def after(command: Node) -> str:
    """The statement that follows the one with this command."""
    statement = command
    while statement.parent and statement.parent.type not in ("program", "statement_block"):
        list_of_block = statement.parent.type == "statement_list" and statement.parent.parent
        if list_of_block and list_of_block.type in ("program", "statement_block"):
            break
        statement = statement.parent
    following = statement.next_named_sibling
    return text(following) if following else ""


@FOR_WINDOWS
def test_a_hook_for_windows_is_valid_powershell(hook: Path) -> None:
    assert [text(each) for each in walk(parsed(hook)) if each.type == "ERROR" or each.is_missing] == []


@FOR_WINDOWS
def test_the_exit_code_of_each_call_is_read(hook: Path) -> None:
    commands = [each for each in walk(parsed(hook)) if each.type == "command"]
    programs = [each for each in commands if re.match(r"(?:azd?|& \$python) ", text(each))]
    assert len(programs) >= len(calls(hook))
    unread = [
        text(each)
        for each in programs
        if not repeated(each) and not after(each).startswith("if ($LASTEXITCODE -ne 0) {")
    ]
    assert unread == []


@FOR_WINDOWS
def test_a_failed_command_ends_no_hook_before_its_exit_code_is_read(hook: Path) -> None:
    code = [line for line in hook.read_text().splitlines() if not line.startswith("#")]
    assert code[:2] == [
        "$ErrorActionPreference = 'Stop'",
        "$PSNativeCommandUseErrorActionPreference = $false",
    ]


def test_azd_runs_both_hooks_on_both_systems() -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]
    assert set(hooks) == {"preprovision", "postdeploy"}
    for name, systems in hooks.items():
        assert f"scripts/hooks/{name}.sh" in systems["posix"]["run"]
        assert f"scripts/hooks/{name}.ps1" in systems["windows"]["run"]
        assert {each["continueOnError"] for each in systems.values()} == {False}
        assert (HOOKS / f"{name}.sh").stat().st_mode & 0o111
