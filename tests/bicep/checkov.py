"""checkov on a folder of flat ARM templates, in its own environment and without a network.

checkov asks its vendor and a package index for news, unless the environment and the flags below are set
(env_vars_config.py and main.py in bridgecrewio/checkov). Besides, every connection and look-up of its process
is refused and written down.
"""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checkout import CHECKOUT

PYTHON = CHECKOUT / ".venv-checkov" / "bin" / "python"
QUIET = {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true", "BC_SKIP_MAPPING": "TRUE", "PYTHONUTF8": "1"}
FLAGS = (
    *("--framework", "arm", "--compact", "--output", "json"),
    *("--skip-download", "--download-external-modules", "false"),
)
GUARD = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["REQUESTS"], "a") as log:
            log.write(f"{event} {arguments!r}\\n")
        raise OSError(f"this process may not use the network: {event}")

sys.addaudithook(refuse)
"""
"""Python runs it as sitecustomize before anything else: https://docs.python.org/3/library/audit_events.html."""


@dataclass(frozen=True)
class Finding:
    """What a check says of a resource. template: the file's name without its ending."""

    template: str
    type: str
    name: str
    check: str
    title: str


@dataclass(frozen=True)
class Scan:
    """resources: how many resources checkov looked at, also those of types for which it has no check."""

    resources: int
    unreadable: int
    passed: list[Finding]
    failed: list[Finding]


def run_guarded(arguments: Iterable[str], work: Path) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run checkov's Python in folder `work`. Returns also the attempts to use the network, one a line."""
    requests = work / "requests.log"
    # Nothing else, because variables and a file in the home folder could change what is checked.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "PYTHONPATH": str(work),
        "REQUESTS": str(requests),
    }
    (work / "sitecustomize.py").write_text(GUARD)
    ended = subprocess.run(
        [str(PYTHON), *arguments],
        cwd=work,
        env={**environment, **QUIET},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended, requests.read_text().splitlines() if requests.exists() else []


def scan(templates: Path, work: Path) -> tuple[Scan, list[str]]:
    """The findings for all templates of a folder, and the attempts to use the network."""
    ended, requests = run_guarded(["-m", "checkov.main", "--directory", str(templates), *FLAGS], work)
    # 1 says that a check failed.
    assert ended.returncode in (0, 1), ended.stderr
    found = json.loads(ended.stdout)
    summary, results = found["summary"], found["results"]
    return (
        Scan(
            resources=summary["resource_count"],
            unreadable=summary["parsing_errors"],
            passed=[finding(each) for each in results["passed_checks"]],
            failed=[finding(each) for each in results["failed_checks"]],
        ),
        requests,
    )


def finding(record: dict[str, Any]) -> Finding:
    """resource: the type, which contains one dot, a dot, and the name."""
    provider, rest, name = record["resource"].split(".", 2)
    return Finding(
        template=Path(record["file_path"]).stem,
        type=f"{provider}.{rest}",
        name=name,
        check=record["check_id"],
        title=record["check_name"],
    )
