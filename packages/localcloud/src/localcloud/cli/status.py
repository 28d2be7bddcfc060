"""The status of a stack, as a table: for localcloud's own command, and for those that wrap it."""

import time
from typing import Any

from localcloud.cli import output
from localcloud.cli.outcome import start_hint

Json = dict[str, Any]

ADDRESSES = {"azurite": "storage", "cloud": "resource_manager", "functions": "functions"}
"""For each process, the name of its address in a report's `urls`."""


def print_status(report: Json, program: str = "localcloud") -> None:
    """Print a report of localcloud.lifecycle, and what to do if a process has died.

    program: the command with whose `up` a person starts the stack.
    """
    if not report["running"]:
        output.out.print(output.properties([("home", report["home"]), ("state", "not running")]))
        output.print_message(start_hint(program))
        return
    rows = [
        (
            part["name"],
            output.coloured(part["state"]),
            str(part["pid"] or ""),
            output.megabytes(part["memory"]) if part["memory"] else "",
            output.duration(time.time() - part["since"]),
            report["urls"][ADDRESSES[part["name"]]],
        )
        for part in report["parts"]
    ]
    output.out.print(output.table(["part", "state", "pid>", "memory>", "since>", "address"], rows))
    output.out.print(output.properties(summary(report)))
    for part in report["parts"]:
        if part["state"] == "died":
            output.print_message(
                f"{part['name']} ended by itself with exit code {part['exit_code']}: see {part['log']};"
                f" `{program} up` starts it again."
            )


def summary(report: Json) -> list[tuple[str, str]]:
    return [
        ("home", report["home"]),
        ("memory", output.megabytes(report["memory"])),
        ("nodes", ", ".join(f"{node['id']} {node['state']}" for node in report["nodes"])),
        ("faults", f"{report['faults']} armed" if report["faults"] else ""),
        ("error", report["error"]),
    ]
