"""Generate from the parameters of bicep/main.bicep what azd, GitHub and a reader need to know of them.

    python scripts/document_parameters.py [--check]

azd fills in bicep/main.parameters.json from the variables of its environment, the workflow deploy.yml hands
the variables of a GitHub environment to azd, and docs/deploy.md has a table of all parameters. Only the text
between the markers of the workflow and of the document is replaced. --check writes nothing and exits with 1
if one of the files is out of date.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "bicep" / "main.bicep"
VALUES = ROOT / "bicep" / "main.parameters.json"
WORKFLOW = ROOT / ".github" / "workflows" / "deploy.yml"
DOCUMENT = ROOT / "docs" / "deploy.md"

VARIABLES = {
    # azd's own
    "location": "AZURE_LOCATION",
    "environmentName": "AZURE_ENV_NAME",
    "resourceGroupName": "AZURE_RESOURCE_GROUP",
    # set by the hook after a deployment
    "trainerHash": "TRAINER_HASH",
    # Machines set PYTHON_VERSION and the like for themselves, and azd reads their variables too.
    "tags": "RESOURCE_TAGS",
    "pythonVersion": "APP_PYTHON_VERSION",
    "maxInstances": "APP_MAX_INSTANCES",
}
"""The variables that are not simply the parameter's name in capitals: BATCH_VM_SIZE for batchVmSize."""
GIVEN_OTHERWISE = {"location", "environmentName", "trainerHash"}
"""Parameters that the workflow takes from its inputs, or that no person sets."""

PARAMETER = re.compile(
    r"^@description\('((?:[^'\\]|\\.)*)'\)\n(?:@.*\n)*param (\w+) ([^=\n]+?)(?: = (\{\n(?:  .*\n)*\}|.+))?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Parameter:
    name: str
    default: str | None
    """The default as Bicep writes it, on one line; None if the parameter is required."""
    meaning: str

    @property
    def variable(self) -> str:
        return VARIABLES.get(self.name) or re.sub(r"(?=[A-Z])", "_", self.name).upper()


def parameters(template: str) -> list[Parameter]:
    """The parameters of a Bicep file, in order. Raises ValueError if one has no description."""
    found = []
    for description, name, _, default in PARAMETER.findall(template):
        meaning = re.sub(r"^(?:Optional|Required)\. ", "", description.replace("\\'", "'"))
        one_line = re.sub(r",? \}", " }", re.sub(r"\n\s*", ", ", default)).replace("{, ", "{ ")
        found.append(Parameter(name, one_line or None, meaning))
    undescribed = set(re.findall(r"^param (\w+)", template, re.MULTILINE)) - {each.name for each in found}
    if undescribed:
        raise ValueError(f"{TEMPLATE}: {', '.join(sorted(undescribed))}: @description must come first")
    return found


def values(listed: list[Parameter]) -> str:
    lines = [f'    "{each.name}": {{ "value": "${{{each.variable}}}" }}' for each in listed]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    head = f'{{\n  "$schema": "{schema}",\n  "contentVersion": "1.0.0.0",\n  "parameters": {{\n'
    return head + ",\n".join(lines) + "\n  }\n}\n"


def variables(listed: list[Parameter]) -> str:
    names = [each.variable for each in listed if each.name not in GIVEN_OTHERWISE]
    return "".join(f"\n      {name}: ${{{{ vars.{name} }}}}" for name in names) + "\n      "


def table(listed: list[Parameter]) -> str:
    rows = ["| parameter | variable | default | meaning |", "| --- | --- | --- | --- |"]
    for each in listed:
        literal = (each.default or "").removeprefix("'").removesuffix("'")
        default = "**required**" if each.default is None else f"`{literal}`" if literal else ""
        meaning = each.meaning.replace("|", "\\|")
        rows.append(f"| `{each.name}` | `{each.variable}` | {default} | {meaning} |")
    return "\n" + "\n".join(rows) + "\n"


def filled(file: Path, begin: str, end: str, content: str) -> str:
    """The text of a file with new content between two markers. Raises ValueError if a marker is missing."""
    before, found, rest = file.read_text(encoding="utf-8").partition(begin)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise ValueError(f"{file}: the markers {begin} and {end} are expected")
    return f"{before}{begin}{content}{end}{after}"


def main() -> int:
    listed = parameters(TEMPLATE.read_text(encoding="utf-8"))
    wanted = {
        VALUES: values(listed),
        WORKFLOW: filled(WORKFLOW, "# parameters", "# end of parameters", variables(listed)),
        DOCUMENT: filled(DOCUMENT, "<!-- parameters -->", "<!-- end of parameters -->", table(listed)),
    }
    stale = [file for file, text in wanted.items() if file.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is out of date: run python scripts/document_parameters.py")
        return 1 if stale else 0
    for file in stale:
        file.write_text(wanted[file], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
