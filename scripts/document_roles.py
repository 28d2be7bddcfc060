"""Generate docs/roles.md, and what `touchdown check` asks of roles, from what the templates deploy.

The assignments are those of the committed snapshots; bicep/roles.json adds reasons and calls.

    python -m scripts.document_roles [--check]

With --check nothing is written; the exit code is 1 if the document is out of date.
"""

import json
import re
import sys
from typing import Any

from scripts.assigned_roles import Assigned, places, rows
from scripts.bicep_compiler import ROOT

DOCUMENT = ROOT / "docs" / "roles.md"
OPERATIONS = ROOT / "touchdown" / "checking" / "operations.json"
MODULES = ROOT / "bicep" / "modules"

HEAD = """# Who may do what

`python -m scripts.document_roles` writes this page. The role assignments are those that the templates
deploy; [bicep/roles.json](../bicep/roles.json) adds reasons and calls, which tests compare with the code.
Each heading is one role assignment, followed by the calls that need it; another role of the same identity
grants a few of them too. The operations are Azure's own names; those marked *data* are checked by the service
itself. Where a call is on a blob, the condition of the assignment allows that name; names in capitals stand
for any text. `touchdown check` asks a deployment whether its identities may make these calls.

Each role is as narrow as its calls allow, even where one broader role could replace several assignments,
with two exceptions. The workspace's identity has the roles that Azure ML's documentation asks for, some of
which are broad. And by default (`roleSet=Proven`), the identity of the trainings and that of the scoring
cluster have the roles with which a Custom activity and a batch endpoint are reported or documented to work
without keys, but for the right to delete containers: no source says that they need it. With `roleSet=Narrow`
they have narrower ones instead, which should suffice; nobody has confirmed that yet. A deployment assigns one
of the two, but it deletes no role assignment: after you change `roleSet` or `imageBuildCompute`, delete the
assignments that this page lists under the other value. After an update, delete those of Storage Blob Data
Owner and Storage Blob Data Contributor on the data account and its containers that this page does not list;
`touchdown check` names those of the app, the trainings and the scoring cluster.

## Who may write where

A condition limits whoever changes blobs of the data account to places of its own, by the beginnings of names
([conditions.bicep](../bicep/conditions.bicep)). Reading is limited for uploaders only.

| who | changes in the container of datasets, code and runs | and in other containers |
| --- | --- | --- |
| the app | `app/`, `index/`, `locks/`, `runs/RUN/smoke/` | nothing |
| trainings | `runs/`, but not `runs/RUN/smoke/` | `adfjobs` |
| trainings, `roleSet=Proven` | all but `app/`, `index/`, `locks/`, `code/`, `datasets/`, `runs/RUN/smoke/` \
| all but names that begin so |
| the scoring cluster | `runs/RUN/smoke/`, `scoring/`, `azureml/` | `azureml` |
| the scoring cluster, `roleSet=Proven`; the workspace | all but `app/`, `index/`, `locks/`, `code/`, \
`datasets/`, and of `runs/` only `runs/RUN/smoke/` | all |
| who deploys | `code/`, `datasets/`, `scoring/`, and `runs/touchdown-check-`, to delete what \
`touchdown check` made | nothing |
| an uploader | names below `datasets/` that begin with its prefix; it reads and lists nothing else | \
nothing |

What no condition prevents:

- A condition binds operations on blobs alone; what a role may do with containers, it may do with all in its
  scope. [Below](#who-may-change-containers) is who may.
- It binds roles, not keys. The data account accepts no key by default; with `batchAuthentication=KeyVault` it
  does, and trainings can read the key, which allows everything, also to delete containers.
- The workspace is Contributor of the data account, because Azure ML requires that, and can change the account
  itself. So can an Owner or Contributor of the resource group.
- Whoever may write `runs/` may replace the model of another run. The app tags a model version with a hash
  of its files, and a champion whose files have another is not loaded.
- Reading: the app, the trainings, the scoring cluster, the workspace and who deploys read all blobs.

## Who may change containers

The roles that begin with Touchdown are of the templates' own
([role-definitions.bicep](../bicep/modules/role-definitions.bicep)), since the built-in ones for writing blobs
can delete containers too. With them, the app, the trainings, the scoring cluster, publishers and uploaders
delete no container of the data account, and change nobody's access to one. Who deploys as Owner or
Contributor can do both by that role.

| who | on which containers | may | why |
| --- | --- | --- | --- |
| trainings; the scoring cluster, `roleSet=Proven` | all of the data account | make one; set metadata, take \
a lease, restore a deleted one | Data Factory makes `adfjobs` where it is missing; Azure ML has containers \
of its own |
| the workspace | all of the data account | everything, also delete | Azure ML requires Contributor and \
Storage Blob Data Contributor (`machine-learning/how-to-identity-based-service-authentication`, \
"User-assigned managed identity") |
| the app, as the Functions host | all of the host account | everything, also delete | the host makes its \
containers, and requires Storage Blob Data Owner (`azure-functions/functions-reference`, "Connecting to host \
storage with an identity") |
| Event Grid | `deadletters` of the host account | set metadata, take a lease, delete | dead letters by an \
identity require Storage Blob Data Contributor (`event-grid/managed-service-identity`) |

The pages are below learn.microsoft.com/azure. A deleted container can be restored for 7 days.
"""
IDENTITIES = {
    "app": "The Function App",
    "training": "Data Factory, the Batch account and its nodes",
    "scoring": "The scoring cluster",
    "workspace": "The Azure ML workspace",
    "events": "Event Grid, for dead letters",
    "whoever deploys": "The person or pipeline that deploys",
    "uploaders": "Uploaders",
}


MANAGED = ("app", "training", "scoring", "workspace", "events")
"""The identities that are managed: those that `touchdown check` can find."""
ENTRY = re.compile(
    r"^### (?P<role>.+?) on (?P<scope>.+)\n\n(?:Only with `(?P<when>[^`]+)`: )?.* \(`(?P<name>\w+)`, ",
    re.MULTILINE,
)
"""An assignment in the document."""


def reason(assignment: dict[str, Any]) -> str:
    only = f"Only with `{assignment['when']}`: " if assignment["when"] else ""
    return f"{only}{assignment['why']}"


def file_of(name: str) -> str:
    """The module that has an assignment. Raises ValueError unless there is one."""
    start = f"resource {name} 'Microsoft.Authorization/roleAssignments@"
    (found,) = [file.name for file in MODULES.glob("*.bicep") if start in file.read_text(encoding="utf-8")]
    return f"modules/{found}"


def document(table: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for identity, title in IDENTITIES.items():
        lines.append(f"## {title}\n")
        for each in (each for each in table if each["identity"] == identity):
            file = file_of(each["name"])
            lines += [
                f"### {each['role']} on {each['scope']}\n",
                f"{reason(each)} (`{each['name']}`, [{file}](../bicep/{file}))\n",
                "| by | call | needs |",
                "| --- | --- | --- |",
            ]
            for call in each["calls"]:
                needs = [f"`{name}`" for name in call.get("actions", [])]
                needs += [f"`{name}` (data)" for name in call.get("dataActions", [])]
                code = call["by"].endswith((".py", ".sh"))
                by, what = (f"`{call[key]}`" if code else call[key] for key in ("by", "call"))
                if at := call.get("blob") or (call.get("prefix", "") and f"{call['prefix']}*"):
                    what += f", on `{at.replace('{container}/', '')}`"
                lines.append(f"| {by} | {what} | {'<br>'.join(needs)} |")
            lines.append("")
    return "\n".join(lines)


def documented() -> list[Assigned]:
    """The assignments of the committed document."""
    found = []
    for identity, title in IDENTITIES.items():
        _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {title}\n")
        found += [
            Assigned(each["name"], identity, each["role"], each["scope"], each["when"] or "")
            for each in ENTRY.finditer(rest.partition("\n## ")[0])
        ]
    return found


def operations(table: list[dict[str, Any]]) -> str:
    """What `touchdown check` asks for: the calls of each managed identity, and where it makes them."""
    found = [
        {
            "identity": each["identity"],
            "role": each["role"],
            "scope": each["scope"],
            "place": places()[each["name"]],
            "when": each["when"],
            "calls": each["calls"],
        }
        for each in table
        if each["identity"] in MANAGED
    ]
    return json.dumps(found, indent=1) + "\n"


def main() -> int:
    table = rows()
    wanted = {DOCUMENT: document(table), OPERATIONS: operations(table)}
    stale = [
        file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is out of date: run python -m scripts.document_roles")
        return 1 if stale else 0
    for file in stale:
        file.write_text(wanted[file], encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
