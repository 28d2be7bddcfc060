"""Commands that end before they start or call anything: their output and their exit codes."""

import json
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from localcloud.functions import keys
from localcloud.home import LOOPBACK, Home, Ports

from tests.checkout import CHECKOUT
from tests.unit.touchdown.commands import run
from touchdown.cli import output
from touchdown.cli.app import app
from touchdown.cli.checkout import FILES, find_checkout, require_app_packages
from touchdown.cli.options import home_folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose stack has never run."""
    return Home.open(tmp_path / "home", Ports.free())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files by which a checkout of Touchdown is recognised."""
    folder = tmp_path / "checkout"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


NEEDING_A_CLOUD = [
    ["status"],
    ["env"],
    ["runs"],
    ["show"],
    ["report"],
    *([command, "some-run"] for command in ("approve", "reject", "cancel")),
]


@pytest.mark.parametrize("command", NEEDING_A_CLOUD)
def test_a_command_without_a_cloud_says_how_to_start_one(command: list[str], tmp_path: Path) -> None:
    answer = run(*command, "--home", str(tmp_path / "nowhere"))
    assert answer.code == 3
    assert "there is no localcloud in" in answer.err
    assert "touchdown up" in answer.err
    assert not (tmp_path / "nowhere").exists()


def test_a_command_without_a_running_stack_says_how_to_start_it(home: Home) -> None:
    answer = run("runs", "--home", str(home.root))
    assert answer.code == 3
    assert "is not running" in answer.err


def test_an_error_is_json_for_a_program(home: Home) -> None:
    answer = run("runs", "--home", str(home.root), "--json")
    assert answer.code == 3
    assert answer.json["error"]["code"] == "not_running"
    assert answer.err == ""


def test_status_of_a_stopped_stack_is_json_with_an_exit_code_of_its_own(home: Home) -> None:
    answer = run("status", "--home", str(home.root), "--json")
    assert answer.code == 3
    assert answer.json["running"] is False
    assert answer.json["home"] == str(home.root)


def test_down_of_what_does_not_run_is_no_error(home: Home, tmp_path: Path) -> None:
    assert run("down", "--home", str(home.root)).code == 0
    assert run("down", "--home", str(tmp_path / "nowhere"), "--json").json["stopped"] is False


def test_an_unknown_command_is_wrong_usage() -> None:
    answer = run("uplaod")
    assert answer.code == 2
    assert "upload" in answer.err


def test_a_file_that_is_not_there_is_wrong_usage(home: Home, tmp_path: Path) -> None:
    answer = run("upload", str(tmp_path / "iris.csv"), "--home", str(home.root))
    assert answer.code == 2
    # The message is printed in a box, whose line breaks depend on the path.
    assert "does not exist" in " ".join(answer.err.replace("│", " ").split())


def test_up_without_node_says_what_to_install(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home.root))
    answer = run("up", "--home", str(home.root), "--json")
    assert answer.code == 4
    assert answer.json["error"]["message"] == "Node is missing: install Node 20 or newer."


def test_up_on_a_port_that_was_taken_since_names_it(home: Home) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, home.ports.arm))
        other.listen()
        answer = run("up", "--home", str(home.root))
    assert answer.code == 4
    assert f"port {home.ports.arm} (arm) is taken by" in answer.err
    assert "--free-ports" in answer.err


def test_env_gives_a_shell_what_the_sdks_read(home: Home) -> None:
    answer = run("env", "--home", str(home.root))
    lines = dict(line.removeprefix("export ").split("=", 1) for line in answer.out.splitlines())
    assert set(lines) >= {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "ARM_CLOUD_METADATA_URL", "SSL_CERT_FILE"}
    assert lines["IDENTITY_HEADER"] == home.identity_headers["person"]
    assert home.ca_bundle.exists()


def test_env_gives_a_shell_the_http_api_and_its_key_once_the_host_has_written_it(home: Home) -> None:
    before = run("env", "--home", str(home.root), "--json").json
    assert before["TOUCHDOWN_API"] == f"{home.functions_url}/api"
    assert "TOUCHDOWN_KEY" not in before
    written = keys.load(home.root / "keys.json")
    after = run("env", "--home", str(home.root), "--json").json
    assert after["TOUCHDOWN_KEY"] == written.functions["default"]


def test_reset_deletes_the_home_only_after_confirmation(home: Home) -> None:
    assert run("reset", "--home", str(home.root)).code != 0
    assert home.root.exists()
    assert run("reset", "--yes", "--home", str(home.root)).code == 0
    assert not home.root.exists()


def test_reset_leaves_a_folder_alone_that_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert run("reset", "--yes", "--home", str(tmp_path)).code == 3
    assert (tmp_path / "thesis.tex").exists()


def test_reset_with_json_requires_yes(home: Home) -> None:
    answer = run("reset", "--home", str(home.root), "--json")
    assert answer.code == 2
    assert answer.json["error"]["hint"] == "Add --yes."
    assert home.root.exists()


def test_help_names_every_command() -> None:
    printed = run("--help").out
    assert len(app.registered_commands) == 16
    for command in app.registered_commands:
        assert command.callback is not None
        assert f" {command.callback.__name__} " in printed


def test_the_version_is_that_of_the_distribution() -> None:
    assert run("--version").out == f"touchdown {version('touchdown')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TOUCHDOWN_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "touchdown up")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("COMP_WORDS", "touchdown up")
    monkeypatch.setenv("COMP_CWORD", "1")
    answer = run(program="touchdown")
    assert answer.code == 0
    assert "upload" in answer.out
    assert "score" not in answer.out


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["uplaod", "--json"], "No such command"),
        (["runs", "--json", "--tpo", "3"], "No such option: --tpo"),
        (["runs", "--top", "0", "--json"], "--top"),
        (["runs", "--top", "many", "--json"], "valid integer"),
        (["cancel", "--json"], "Missing argument 'RUN'"),
        (["upload", "absent.csv", "--json"], "'absent.csv' does not exist"),
        (["--json"], "No such option: --json"),
    ],
)
def test_wrong_usage_is_json_for_a_program(command: list[str], expected: str) -> None:
    answer = run(*command)
    assert answer.code == 2
    assert answer.json.keys() == {"error"}
    assert answer.json["error"]["code"] == "usage"
    assert expected in answer.json["error"]["message"]
    assert "--help" in answer.json["error"]["hint"]
    assert answer.err == ""


def test_json_after_two_dashes_is_an_argument() -> None:
    answer = run("cancel", "one", "two", "--", "--json")
    assert (answer.code, answer.out) == (2, "")


def test_an_interrupted_question_is_json_for_a_program(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise typer.Abort

    monkeypatch.setattr("touchdown.cli.stack_commands.existing_home", interrupted)
    answer = run("reset", "--json", "--home", str(home.root))
    assert answer.code == 130
    assert answer.json["error"]["code"] == "interrupted"


@pytest.fixture
def stop_of_a_busy_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C while the stack stops, in which a run is going on."""

    def stop(_: Home) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("localcloud.lifecycle.bring_down", stop)
    going_on = {"run_id": "iris-1", "dataset": "my iris.csv"}
    monkeypatch.setattr("touchdown.cli.stack_commands.running_runs", lambda _: [going_on])


@pytest.mark.usefixtures("stop_of_a_busy_stack")
def test_an_interrupted_stop_still_tells_which_run_it_interrupts(home: Home) -> None:
    answer = run("down", "--home", str(home.root))
    assert answer.code == 130
    assert "Stopping interrupts run iris-1" in answer.err
    assert "start 'my iris.csv'" in answer.err
    assert "status` tells whether the stack still runs." in answer.err


@pytest.mark.usefixtures("stop_of_a_busy_stack")
def test_an_interrupted_stop_tells_a_program_which_run_it_interrupts(home: Home) -> None:
    answer = run("down", "--home", str(home.root), "--json")
    assert answer.code == 130
    assert answer.json["error"]["code"] == "interrupted"
    assert answer.json["interrupted"] == ["iris-1"]


# --- A checkout and localcloud, for the commands that need them --------------------------------------


@pytest.mark.parametrize("command", [["up"], ["demo"]])
def test_a_command_that_runs_the_app_needs_a_checkout_and_says_so(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run(*command, "--json")
    assert answer.code == 2
    assert "there is no checkout of Touchdown in" in answer.json["error"]["message"]
    assert "--app FOLDER" in answer.json["error"]["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_checkout_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").touch()
    answer = run("up", "--app", str(tmp_path), "--json")
    assert answer.code == 2
    assert f"--app {tmp_path}" in answer.json["error"]["message"]
    assert "it lacks host.json" in answer.json["error"]["message"]


def test_settings_for_core_tools_need_a_checkout(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("env", "--func", "--home", str(home.root), "--json")
    assert answer.code == 2
    assert "there is no checkout" in answer.json["error"]["message"]


def test_settings_for_core_tools_are_not_replaced_and_are_those_of_a_running_cloud(
    home: Home, checkout: Path
) -> None:
    place = ("env", "--func", "--home", str(home.root), "--app", str(checkout), "--json")
    assert run(*place).code == 3
    (checkout / "local.settings.json").write_text("{}")
    refused = run(*place)
    assert (refused.code, "--force" in refused.json["error"]["hint"]) == (2, True)


@pytest.mark.parametrize(
    "command", [["up"], ["down"], ["runs"], ["status"], ["env"], ["reset", "--yes"], ["demo"]]
)
def test_a_command_that_needs_localcloud_says_how_to_install_it(
    command: list[str], home: Home, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    answer = run(*command, "--home", str(home.root), "--json")
    assert answer.code == 4
    assert "needs localcloud, which is not installed" in answer.json["error"]["message"]
    assert "pip install packages/localcloud" in answer.json["error"]["hint"]


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_command_that_runs_the_app_names_what_the_environment_lacks(
    command: str, home: Home, checkout: Path
) -> None:
    (checkout / "requirements.txt").write_text(
        "pytest==9.0.0 \\\n    --hash=sha256:00\nno-such-package==1.0 \\\n    --hash=sha256:00\n"
        "no-such-either[extra]==1.0 \\\n    # via x\nonly-there==1 ; sys_platform == 'win32' \\\n"
    )
    answer = run(command, "--home", str(home.root), "--app", str(checkout), "--json")
    assert answer.code == 4
    message = answer.json["error"]["message"]
    assert "packages that the Function App needs: no-such-package and 1 more." in message
    assert "make setup" in answer.json["error"]["hint"]


def test_this_environment_has_what_the_app_needs() -> None:
    require_app_packages(CHECKOUT)


def test_a_checkout_is_found_from_any_folder_in_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "trainer")
    assert find_checkout(None) == checkout


def test_the_home_is_the_named_one_else_the_nearest_above_else_the_checkouts(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)
    monkeypatch.chdir(checkout / "trainer")
    assert home_folder(None) == checkout / ".localcloud"
    Home.open(tmp_path / ".localcloud", Ports.free())
    assert home_folder(None) == tmp_path / ".localcloud"
    monkeypatch.setenv("LOCALCLOUD_HOME", "/named/by/variable")
    assert home_folder(None) == Path("/named/by/variable")
    assert home_folder(Path("given")) == Path("given")


def test_without_a_checkout_the_home_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home_folder(None) == tmp_path / ".localcloud"


def test_the_output_of_json_is_json_alone(home: Home) -> None:
    for command in (["env"], ["env", "--function-app"], ["down"], ["status"]):
        json.loads(run(*command, "--home", str(home.root), "--json").out)


@pytest.mark.usefixtures("stop_of_a_busy_stack")
def test_an_interrupted_reset_tells_where_the_rest_of_the_cloud_is(home: Home) -> None:
    answer = run("reset", "--yes", "--home", str(home.root), "--json")
    assert answer.code == 130
    assert f"If {home.root} is still there" in answer.json["error"]["hint"]
    assert "then delete the folder" in answer.json["error"]["hint"]


@pytest.mark.parametrize(
    ("options", "hint"), [((), "in the background, and touchdown down stops it"), (("--foreground",), "")]
)
def test_an_interrupted_start_tells_that_the_stack_goes_on_and_what_stops_it(
    options: tuple[str, ...], hint: str, home: Home, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("touchdown.local.spec", lambda _: None)
    for name in ("bring_up", "run_in_foreground"):
        monkeypatch.setattr(f"localcloud.lifecycle.{name}", interrupted)
    answer = run("up", "--json", *options, "--home", str(home.root), "--app", str(checkout))
    assert answer.code == 130
    assert hint in answer.json["error"].get("hint", "").replace("`", "").replace(output.PROGRAM, "touchdown")
    assert bool(hint) is ("hint" in answer.json["error"])
