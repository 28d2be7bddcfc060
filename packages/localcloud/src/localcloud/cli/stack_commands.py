"""up, down, status, env, reset: the stack itself."""

import shlex
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import psutil
import typer

from localcloud.cli import output
from localcloud.cli.options import DEFAULT_HOME, FreePortsOption, HomeOption, JsonOption, existing, opened
from localcloud.cli.outcome import START_HINT, CommandError, Exit, told
from localcloud.home import REPOSITORY, Home

if TYPE_CHECKING:
    from localcloud.stack import Record

SUPERVISOR_LIMIT = 300.0
"""Seconds that the supervisor may take to start or to stop everything; it has limits of its own."""
EXIT_TIMEOUT = 5.0
"""Seconds from the end of the last part to the end of the supervisor itself."""


def up(
    home: HomeOption = DEFAULT_HOME,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay; Ctrl-C stops the stack.")] = False,
    functions: Annotated[
        bool, typer.Option("--functions/--no-functions", help="Without it, serve the app by `func start`.")
    ] = True,
    free_ports: FreePortsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the stack in the background; returns when everything is healthy."""
    with told(as_json=as_json):
        place = opened(home, free=free_ports)
        if foreground:
            stay(place, functions=functions)
            return
        begun = time.monotonic()
        with output.err.status("Starting Azurite, the cloud and the Functions host …"):
            news = bring_up(place, functions=functions)
        found = report(place)
        if as_json:
            output.value(found)
            return
        show_status(found)
        output.say(f"{news} ({output.seconds(time.monotonic() - begun)}).")


def down(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Stop everything that `up` started. What was uploaded and deployed is kept."""
    with told(as_json=as_json):
        stopped = False
        if (home / "cloud.json").exists():
            place = existing(home)
            with output.err.status("Stopping …"):
                stopped = bring_down(place)
        if as_json:
            output.value({"stopped": stopped})
            return
        output.say("stopped." if stopped else "nothing was running.")


def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Say what runs, where, and how much memory it holds. Exit code 0 only if all of it runs."""
    with told(as_json=as_json):
        found = report(existing(home))
        if as_json:
            output.value(found)
        else:
            show_status(found)
        if not found["running"]:
            raise typer.Exit(Exit.NOT_RUNNING)
        if any(part["state"] != "running" for part in found["parts"]):
            raise typer.Exit(Exit.FAILED)


def env(
    home: HomeOption = DEFAULT_HOME,
    app: Annotated[bool, typer.Option("--app", help="The Function App's instead of a person's.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the variables by which Azure's SDKs find this cloud: eval "$(python -m localcloud env)"."""
    from localcloud import certificates, environment

    with told(as_json=as_json):
        place = existing(home)
        certificates.ensure(place)
        variables = environment.environment_of_app(place) if app else environment.of_person(place)
        if as_json:
            output.value(variables)
            return
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


def reset(
    home: HomeOption = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the stack and delete the cloud: storage, models, endpoints, runs, logs, settings."""
    with told(as_json=as_json):
        place = existing(home)
        if not yes and not typer.confirm(f"Delete {place.root} and everything in this cloud?", err=True):
            raise CommandError(Exit.USAGE, "nothing was deleted.")
        bring_down(place)
        shutil.rmtree(place.root)
        if as_json:
            output.value({"deleted": str(place.root)})
        else:
            output.say(f"deleted {place.root}.")


def stay(home: Home, *, functions: bool) -> None:
    """Run the stack in this process until Ctrl-C."""
    import logging

    from localcloud import supervisor

    output.say(f"Starting; logs are in {home.logs}. Ctrl-C stops everything.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    supervisor.supervise(home, functions=functions)


def bring_up(home: Home, *, functions: bool = True) -> str:
    """Start the stack of `home` in the background, or what of it has died; what was done.

    Raises CommandError when it cannot be started.
    """
    from localcloud.stack import Record, is_locked

    if is_locked(home):
        return bring_back(home)
    home.logs.mkdir(parents=True, exist_ok=True)
    log = home.logs / "supervisor.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "localcloud.supervisor", str(home.root)),
                *(() if functions else ("--no-functions",)),
            ],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        record = Record.read(home)
        if record and record.pid == process.pid and record.state == "running":
            return "started"
        time.sleep(0.05)
    if process.poll() is not None and is_locked(home):
        # Another `up` was quicker by a moment.
        return bring_back(home)
    record = Record.read(home)
    said = record.error if record and record.pid == process.pid else ""
    if process.poll() is None:
        process.terminate()
    raise CommandError(
        Exit.CANNOT_START, said or f"the stack could not be started; see {log}.", hint_for(said)
    )


def hint_for(said: str) -> str:
    if " is taken" in said:
        return (
            "Stop what listens there. This home keeps its ports; another one can have others:"
            f" {output.PROGRAM} up --home FOLDER --free-ports"
        )
    return ""


def bring_back(home: Home) -> str:
    """Have the running supervisor start what has died. Raises CommandError when it cannot."""
    record = settled(home)
    if all(part.state == "running" for part in record.parts):
        return "was running; nothing to do"
    if record.process:
        record.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while time.monotonic() < deadline:
        record = settled(home)
        if record.error:
            raise CommandError(Exit.CANNOT_START, record.error)
        if all(part.state == "running" for part in record.parts):
            return "started again what had died"
        time.sleep(0.05)
    raise CommandError(Exit.CANNOT_START, f"the supervisor does not answer; see {home.logs}/supervisor.log.")


def settled(home: Home) -> "Record":
    """The record of the stack that holds the lock, once it has started. Raises CommandError."""
    from localcloud.stack import Record, is_locked

    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while is_locked(home) and time.monotonic() < deadline:
        record = Record.read(home)
        if record and record.state == "running":
            return record
        time.sleep(0.05)
    raise CommandError(Exit.CANNOT_START, f"a stack of {home.root} was starting or stopping; try again.")


def bring_down(home: Home) -> bool:
    """Stop the stack of `home`, whoever started it, and what a killed one left; whether there was any."""
    from localcloud.parts import left_after
    from localcloud.stack import Record, clean_up, is_locked

    record, locked = Record.read(home), is_locked(home)
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    asked: dict[int, psutil.Process] = {}
    while is_locked(home):
        running = Record.read(home)
        process = running.process if running else None
        if process and process.pid not in asked:
            process.terminate()
            asked[process.pid] = process
        elif process and time.monotonic() > deadline:
            process.kill()
        time.sleep(0.05)
    left_after(EXIT_TIMEOUT, list(asked.values()))
    clean_up(home)
    return locked or (record is not None and record.state != "failed")


def report(home: Home) -> dict[str, Any]:
    """What runs of `home`, as `status --json` prints it."""
    from localcloud.controls import Controls, ControlsError
    from localcloud.stack import Record, is_locked

    running = is_locked(home)
    record = Record.read(home) if running else None
    parts = [part_report(vars(part)) for part in record.parts] if record else []
    own = memory(record.pid, family=False) if record else 0
    found: dict[str, Any] = {
        "running": running,
        "home": str(home.root),
        "supervisor": {"pid": record.pid, "memory": own} if record else None,
        "parts": parts,
        "memory": sum(part["memory"] for part in parts) + own,
        "error": record.error if record else "",
        "urls": {
            "functions": home.functions_url,
            "storage": home.blob_url,
            "resource_manager": home.resource_manager,
            "identity": home.identity_endpoint,
        },
        "logs": str(home.logs),
        "nodes": [],
        "faults": 0,
    }
    if running:
        with Controls(home, timeout=5) as controls:
            try:
                found["nodes"] = controls.call("GET", "batch/nodes")["value"]
                found["faults"] = len(controls.faults())
            except ControlsError:
                found["nodes"] = []
    return found


def part_report(part: dict[str, Any]) -> dict[str, Any]:
    pid = part["pid"] if part["state"] != "died" else None
    return {**part, "memory": memory(pid) if pid else 0}


def memory(pid: int, *, family: bool = True) -> int:
    """Bytes that a process holds (RSS), with what it has started if `family`."""
    from localcloud.parts import descendants
    from localcloud.stack import resident

    try:
        return sum(resident(each) for each in [psutil.Process(pid), *(descendants(pid) if family else [])])
    except psutil.Error:
        return 0


def show_status(found: dict[str, Any]) -> None:
    if not found["running"]:
        output.out.print(output.facts([("home", found["home"]), ("state", "not running")]))
        output.say(START_HINT)
        return
    where = {"azurite": "storage", "cloud": "resource_manager", "functions": "functions"}
    rows = [
        (
            part["name"],
            output.status(part["state"]),
            str(part["pid"] or ""),
            output.megabytes(part["memory"]) if part["memory"] else "",
            output.seconds(time.time() - part["since"]),
            found["urls"][where[part["name"]]],
        )
        for part in found["parts"]
    ]
    output.out.print(output.table(["part", "state", "pid>", "memory>", "since>", "address"], rows))
    nodes = ", ".join(f"{node['id']} {node['state']}" for node in found["nodes"])
    output.out.print(
        output.facts(
            [
                ("home", found["home"]),
                ("memory", output.megabytes(found["memory"])),
                ("nodes", nodes),
                ("faults", f"{found['faults']} armed" if found["faults"] else ""),
                ("error", found["error"]),
            ]
        )
    )
    for part in found["parts"]:
        if part["state"] == "died":
            output.say(
                f"{part['name']} ended by itself with exit code {part['exit_code']}: see {part['log']};"
                f" `{output.PROGRAM} up` starts it again."
            )
