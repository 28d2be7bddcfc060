"""Generate docs/roles.md from bicep/roles.json.

    python scripts/document_roles.py [--check]

With --check nothing is written; the exit code is 1 if the document is out of date.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "roles.md"
TABLE = ROOT / "bicep" / "roles.json"

HEAD = """# Who may do what

`python scripts/document_roles.py` writes this page from [bicep/roles.json](../bicep/roles.json). Tests check
that file against the templates and the calls in the code. Each heading is one role assignment, followed by
the calls that need it; another role of the same identity grants a few of them too. The operations are Azure's
own names; those marked *data* are checked by the service itself.

Each role is as narrow as its calls allow, even where one broader role could replace several assignments,
with two exceptions. The workspace's identity has the roles that Azure ML's documentation asks for, some of
which are broad. And by default (`roleSet=Proven`), the identity of the trainings and that of the scoring
cluster have the roles with which a Custom activity and a batch endpoint are reported or documented to work
without keys. With `roleSet=Narrow` they have narrower ones instead, which should suffice; nobody has
confirmed that yet. A deployment assigns one of the two, but it deletes no role assignment: after you change
`roleSet` or `imageBuildCompute`, delete the assignments that this page lists under the other value.
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


def reason(assignment: dict[str, Any]) -> str:
    only = f"Only with `{assignment['when']}`: " if "when" in assignment else ""
    return f"{only}{assignment['why']}"


def document(table: dict[str, Any]) -> str:
    lines = [HEAD]
    for identity, title in IDENTITIES.items():
        lines.append(f"## {title}\n")
        for each in (each for each in table["assignments"] if each["identity"] == identity):
            lines += [
                f"### {each['role']} on {each['scope']}\n",
                f"{reason(each)} (`{each['name']}`, [{each['file']}](../bicep/{each['file']}))\n",
                "| by | call | needs |",
                "| --- | --- | --- |",
            ]
            for call in each["calls"]:
                needs = [f"`{name}`" for name in call.get("actions", [])]
                needs += [f"`{name}` (data)" for name in call.get("dataActions", [])]
                code = call["by"].endswith((".py", ".sh"))
                by, what = (f"`{call[key]}`" if code else call[key] for key in ("by", "call"))
                lines.append(f"| {by} | {what} | {'<br>'.join(needs)} |")
            lines.append("")
    return "\n".join(lines)


def main() -> int:
    wanted = document(json.loads(TABLE.read_text()))
    if "--check" in sys.argv:
        if DOCUMENT.exists() and DOCUMENT.read_text() == wanted:
            return 0
        print("docs/roles.md is out of date: run python scripts/document_roles.py")
        return 1
    DOCUMENT.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
