"""Evaluates a compiled template with Microsoft's Bicep compiler: `bicep snapshot`.

The compiler runs as its own process on a folder of its own, which holds the template and a file of
parameters and is deleted at the end. It is found by LOCALCLOUD_BICEP, on the PATH, or where `az bicep
install` puts it. A compiler is a program of the person who starts the cloud; no request names it.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.deployments.parameter_files import parameter_file
from localcloud.deployments.tracing import Document

VARIABLE = "LOCALCLOUD_BICEP"
"""Names the compiler's program. Where it is empty, there is none."""
LIMIT = 120
"""Seconds within which the compiler must have evaluated a template. One of 70 resources takes 3."""
MISSING = (
    "localcloud evaluates templates with the Bicep compiler, and finds none: run `az bicep install`, put"
    f" bicep on the PATH, or set {VARIABLE} to its path, then start the cloud again. A snapshot needs no"
    " compiler: `localcloud deploy FILE`."
)
DOTNET = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_TieredPGO": "0"}
"""No culture but the invariant one, and no profile of the code that runs, which a short process does not use:
writing it takes a fifth of the time. Source: "Runtime configuration options for compilation" (.NET)."""
TEMPLATE = "main.json"
PARAMETERS = "main.bicepparam"
SNAPSHOT = "main.snapshot.json"
REASON = re.compile(r"Template snapshotting could not be completed for the following reason: '(?P<why>.*)'\.")
FINDING = re.compile(r"^.*\(\d+,\d+\) : Error (?P<code>[\w-]+): (?P<what>.*?)( \[https://\S+\])?$")


class NoCompilerError(Exception):
    """There is no compiler, or it does not answer; the text says what to do."""


class TemplateError(Exception):
    """The compiler refuses a template or its parameters; the text is its own."""


@dataclass(frozen=True)
class Place:
    """Where a template is deployed: what its functions subscription(), deployment(), … tell.

    resource_group: None where the subscription itself is deployed to.
    """

    tenant: str
    subscription: str
    resource_group: str | None
    location: str
    deployment: str

    def options(self) -> list[str]:
        options = ["--tenant-id", self.tenant, "--subscription-id", self.subscription]
        options += ["--location", self.location, "--deployment-name", self.deployment]
        return options + (["--resource-group", self.resource_group] if self.resource_group else [])


@dataclass(frozen=True)
class Question:
    """What the compiler's answer hangs on. utcNow() and newGuid() stay expressions in it.

    changed: when the program was written.
    """

    program: Path
    changed: int
    template: str
    parameters: str
    place: Place


_answers: dict[Question, str] = {}
REMEMBERED = 4
"""Answers that are kept: az asks twice for each deployment, to validate it and to deploy it."""


def find_compiler(environment: Mapping[str, str] = os.environ) -> Path:
    """The compiler's program. Raises NoCompilerError."""
    given = environment.get(VARIABLE)
    if given is not None:
        found = shutil.which(given) if given else None
    else:
        # learn.microsoft.com/cli/azure/azure-cli-configuration names the variable and the folder.
        azure = Path(environment.get("AZURE_CONFIG_DIR") or Path.home() / ".azure") / "bin"
        found = shutil.which("bicep", path=os.pathsep.join([environment.get("PATH", ""), str(azure)]))
    if found is None:
        raise NoCompilerError(
            f"{VARIABLE} is {given!r}, which is no program. {MISSING}" if given else MISSING
        )
    return Path(found)


async def snapshot(template: Document, values: Mapping[str, Any], place: Place) -> Any:
    """What a template would deploy, as the compiler's JSON.

    values: the parameters. Raises NoCompilerError, TemplateError, ParameterNameError.
    """
    program = find_compiler()
    parameters = parameter_file(TEMPLATE, values)
    key = Question(program, program.stat().st_mtime_ns, json.dumps(template), parameters, place)
    if key not in _answers:
        answer = await evaluated(key, template)
        if len(_answers) >= REMEMBERED:
            del _answers[next(iter(_answers))]
        _answers[key] = answer
    return json.loads(_answers[key])


async def evaluated(question: Question, template: Document) -> str:
    with tempfile.TemporaryDirectory(prefix="localcloud-template-") as folder:
        write(folder, template, question.parameters)
        arguments = ["snapshot", PARAMETERS, "--mode", "overwrite", *question.place.options()]
        said = await run(question.program, arguments, folder)
        return read(folder, said)


def write(folder: str, template: Document, parameters: str) -> None:
    files = {
        TEMPLATE: json.dumps(template),
        PARAMETERS: parameters,
        # Without one, the compiler would take that of a folder above.
        "bicepconfig.json": "{}",
    }
    for name, content in files.items():
        Path(folder, name).write_text(content, encoding="utf-8")


def read(folder: str, said: str) -> str:
    """The snapshot in a folder. Raises TemplateError, with what the compiler said, if there is none."""
    file = Path(folder, SNAPSHOT)
    if not file.exists():
        raise TemplateError(reason(said, folder))
    return file.read_text(encoding="utf-8")


async def run(program: Path, arguments: list[str], folder: str) -> str:
    """Run the compiler in a folder; return what it wrote to its standard error."""
    environment = {**os.environ, **DOTNET}
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise NoCompilerError(f"{program} does not start: {error.strerror}. {MISSING}") from None
    try:
        async with asyncio.timeout(LIMIT):
            _, errors = await process.communicate()
    except TimeoutError:
        raise NoCompilerError(f"{program} did not answer within {LIMIT} s.") from None
    finally:
        # Also where the request or the cloud ends first.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return errors.decode(errors="replace")


def reason(said: str, folder: str) -> str:
    """Why the compiler wrote no snapshot, in its own words, without paths of this machine."""
    lines = [line.strip() for line in said.replace(f"{folder}{os.sep}", "").splitlines() if line.strip()]
    for line in lines:
        if found := REASON.fullmatch(line):
            return found["why"]
    findings = [f"{found['code']}: {found['what']}" for line in lines if (found := FINDING.match(line))]
    return " ".join(findings or lines) or "the Bicep compiler ended without a word"
