"""Azure's command line, in an environment of its own, with a configuration folder of its own.

It may connect to this machine only: every other connection and look-up of its process is refused.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.bicep_compiler import DOTNET, MISSING
from tests.checkout import CHECKOUT

PYTHON = CHECKOUT / ".venv-az" / "bin" / "python"
INSTALLED = CHECKOUT / ".venv-az" / ".stamp"
"""scripts/setup.sh writes it last."""
QUIET = {
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
    "AZURE_CORE_NO_COLOR": "true",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    "AZURE_BICEP_USE_BINARY_FROM_PATH": "true",
    "AZURE_BICEP_CHECK_VERSION": "false",
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "ignore",
}
"""az reads a setting of its configuration from AZURE_<section>_<name> (azure-cli-configuration)."""
NEWS = "azcliprod.blob.core.windows.net"
GUARD = """
import ipaddress, os, sys

def local(host):
    try:
        return host is None or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

def refuse(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not local(host.decode() if isinstance(host, bytes) else host):
        with open(os.environ["REQUESTS"], "a") as log:
            log.write(f"{sys.argv[1:3]}: {event} {arguments!r}\\n")
        raise OSError(f"this process may connect to this machine only: {event} {host}")

sys.addaudithook(refuse)
"""
"""Python runs it as sitecustomize before anything else: https://docs.python.org/3/library/audit_events.html."""
FUNC = """
if [ "$1 $2 $3" != "azure functionapp publish" ]; then
  echo "func: $*: this stand-in for Core Tools only publishes" >&2
  exit 2
fi
exec {localcloud} publish "$4" . --home {home}
"""
"""Core Tools upload the folder in which they run; localcloud is told where it is."""


def program(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\nset -eu\n{text}\n")
    file.chmod(0o755)


class AzError(Exception):
    """A command failed. The text is what it wrote to its standard error."""


def compiler_of_az(compiler: Path | None, installed: Path = INSTALLED) -> Path:
    """The compiler, if az can use it. Skips the test without one; with one, it fails without az."""
    if compiler is None:
        pytest.skip(MISSING)
    if not installed.exists():
        pytest.fail("az is not installed: run scripts/setup.sh az (or set BICEP= to go without these tests)")
    return compiler


@dataclass(frozen=True)
class Az:
    """az with a folder for its configuration, in an environment of variables."""

    folder: Path
    variables: Mapping[str, str]

    @classmethod
    def prepare(cls, folder: Path, variables: Mapping[str, str], compiler: Path, home: Path) -> "Az":
        """az that uses a compiler, and neither a person's configuration nor a person's variables.

        home: of the localcloud to which the stand-in for Core Tools, a program `func`, publishes.
        """
        guard = folder / "guard"
        guard.mkdir()
        (guard / "sitecustomize.py").write_text(GUARD)
        binaries = folder / "bin"
        binaries.mkdir()
        (binaries / "bicep").symlink_to(compiler)
        localcloud = shlex.quote(str(Path(sys.executable).with_name("localcloud")))
        program(binaries / "az", f'exec {shlex.quote(str(PYTHON))} -m azure.cli "$@"')
        program(binaries / "func", FUNC.format(localcloud=localcloud, home=shlex.quote(str(home))))
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return cls(
            folder,
            {
                **kept,
                **QUIET,
                **variables,
                "PATH": f"{binaries}:{os.environ['PATH']}",
                "PYTHONPATH": str(guard),
                "AZURE_CONFIG_DIR": str(folder / "config"),
                **DOTNET,
                "REQUESTS": str(folder / "requests"),
            },
        )

    def __call__(self, *arguments: str) -> Any:
        """The JSON that a command prints, or None. Raises AzError."""
        done = subprocess.run(
            [PYTHON, "-m", "azure.cli", *arguments, "--output", "json"],
            env=dict(self.variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode:
            raise AzError(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def script(self, *command: str, given: str = "") -> str:
        """Run a script of the checkout that calls az, and return what it writes to its standard error.

        given: its standard input. Raises AzError.
        """
        done = subprocess.run(
            command,
            env=dict(self.variables),
            cwd=CHECKOUT,
            input=given,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        if done.returncode:
            raise AzError(f"{done.stdout}\n{done.stderr}".strip())
        return done.stderr

    def refused(self) -> list[str]:
        """The connections that az tried to other machines, but for those where it asks for news of itself."""
        log = self.folder / "requests"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if NEWS not in line]
