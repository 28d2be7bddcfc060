"""Microsoft's Bicep compiler as one process that answers many questions.

    with Compiler(program) as compiler:
        compiler.build(Path("bicep/main.bicep")).diagnostics
        compiler.snapshot(Path("tests/bicep/defaults.bicepparam"))

It speaks JSON-RPC 2.0 on its standard streams (`bicep jsonrpc --stdio`). Each message follows a header
`Content-Length`. The methods and their fields are those of ICliJsonRpcProtocol.cs in Azure/bicep. Starting
takes about 5 s, and an answer takes 0.6 s.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

VERSION = "0.49.2"
"""The version that CI installs and that wrote the snapshots."""
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
"""A folder beside the checkout, where a machine without a network keeps tools."""
DOTNET = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_TieredPGO": "0"}
"""No culture but the invariant one, and no profile of the code that runs, which a short process does not use:
writing it takes a fifth of the time. Source: "Runtime configuration options for compilation" (.NET)."""
MISSING = "bicep was not found: run `az bicep install`, put it on the PATH, or set BICEP to its path"
"""What a person reads where the compiler is absent."""


class BicepError(Exception):
    """The compiler refused a request, or ended; the message holds its own words."""


def find_compiler(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The compiler's program, if there is one.

    It is looked for in $BICEP, else on the PATH, in az's own folder, and in the folder beside the checkout.
    An empty $BICEP stands for no compiler. Raises BicepError if $BICEP names no program.
    """
    given = environment.get("BICEP")
    if given is not None:
        found = shutil.which(given) if given else None
        if given and found is None:
            raise BicepError(
                f"BICEP is {given!r}, which is no program; set it to the path of bicep, or unset it"
            )
        return Path(found) if found else None
    folders = [
        *environment.get("PATH", "").split(os.pathsep),
        # https://learn.microsoft.com/cli/azure/azure-cli-configuration names the variable and the folder.
        str(Path(environment.get("AZURE_CONFIG_DIR") or Path.home() / ".azure") / "bin"),
        str(SHARED / "bicep"),
    ]
    found = shutil.which("bicep", path=os.pathsep.join(folders))
    return Path(found) if found else None


def find_types_checker() -> Path | None:
    """The program that compares templates with Azure's type definitions, if it is beside the checkout."""
    path = SHARED / "azure-types" / "check_azure_types.py"
    return path if path.is_file() else None


@dataclass(frozen=True)
class Diagnostic:
    """One finding of the compiler or its linter. level: Error, Warning or Info. line: from 1."""

    file: str
    line: int
    level: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level} {self.code}: {self.message}"


@dataclass(frozen=True)
class Built:
    """A compiled file. template: ARM JSON, or None if there was an error."""

    template: dict[str, Any] | None
    diagnostics: list[Diagnostic]


@dataclass(frozen=True)
class Place:
    """Where a case is evaluated; none of it exists. resource_group: for a template of that scope."""

    tenant: str = "11111111-1111-1111-1111-111111111111"
    subscription: str = "22222222-2222-2222-2222-222222222222"
    location: str = "westeurope"
    deployment: str = "touchdown"
    resource_group: str | None = None


class Compiler:
    """A running compiler. It reads files again for each question."""

    def __init__(self, program: Path) -> None:
        environment = {**os.environ, **DOTNET}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            [program, "jsonrpc", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        self._asked = 0

    def version(self) -> str:
        return str(self._ask("bicep/version", {})["version"])

    def build(self, file: Path) -> Built:
        """Compile a .bicep file with the rules of the bicepconfig.json above it."""
        answer = self._ask("bicep/compile", {"path": str(file)})
        contents = answer.get("contents")
        return Built(
            json.loads(contents) if contents else None, [diagnostic(each) for each in answer["diagnostics"]]
        )

    def format(self, file: Path) -> str:
        """The text of a .bicep or .bicepparam file as `bicep format` would write it."""
        return str(self._ask("bicep/format", {"path": str(file)})["contents"])

    def snapshot(self, file: Path, place: Place | None = None) -> dict[str, Any]:
        """What a .bicepparam file would deploy: resources and outputs, evaluated as far as is possible.

        Raises BicepError, with the compiler's findings, if the file or its template has an error.
        """
        place = place or Place()
        metadata = {
            "tenantId": place.tenant,
            "subscriptionId": place.subscription,
            "location": place.location,
            "deploymentName": place.deployment,
        }
        if place.resource_group:
            metadata["resourceGroup"] = place.resource_group
        asked = {"path": str(file), "metadata": metadata, "externalInputs": []}
        try:
            answer = self._ask("bicep/getSnapshot", asked)
        except BicepError as error:
            why = self._ask("bicep/compileParams", {"path": str(file), "parameterOverrides": {}})[
                "diagnostics"
            ]
            raise BicepError("\n".join([str(error), *(str(diagnostic(each)) for each in why)])) from error
        found: dict[str, Any] = json.loads(answer["snapshot"])
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        body = json.dumps(request).encode()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self._process.stdin.flush()
            answer = self._read()
        except (OSError, ValueError) as error:
            raise BicepError(f"{method}: the compiler ended: {self._said()}") from error
        if "error" in answer:
            raise BicepError(f"{method} {params.get('path', '')}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip() or "it said nothing"


def diagnostic(given: dict[str, Any]) -> Diagnostic:
    """A diagnostic of the protocol. Its lines count from 0."""
    return Diagnostic(
        given["source"], given["range"]["start"]["line"] + 1, given["level"], given["code"], given["message"]
    )
