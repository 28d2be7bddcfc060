"""Write down what each *.bicepparam would deploy, as the Bicep compiler evaluates it.

Those in tests/bicep are cases of the tests; those in touchdown/local/deployment are for localcloud.

    make snapshots                                     # or: .venv/bin/python -m scripts.bicep_snapshots
    .venv/bin/python -m scripts.bicep_snapshots --check

Run it after each change of a template, read the difference with git, and commit it with the change. --check
writes nothing: it says what changed, and exits with 1 if anything did.
"""

import argparse
import difflib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.bicep_compiler import MISSING, ROOT, VERSION, Compiler, Place, find_compiler

FOLDER = ROOT / "tests" / "bicep"
LOCAL = ROOT / "touchdown" / "local" / "deployment"
HERE = Place(
    tenant="10ca1c10-0d00-4000-8000-0000000000aa",
    subscription="10ca1c10-0d00-4000-8000-000000000001",
    location="localcloud",
)
"""Where localcloud deploys: its only tenant and subscription."""
GROUP = "rg-touchdown"
"""The resource group of the environment in it."""
COMMAND = "make snapshots"


def cases() -> list[Path]:
    """The files of parameters, each of which is a case of the tests."""
    return sorted(FOLDER.glob("*.bicepparam"))


def local_deployment() -> list[Path]:
    """The files of parameters that are for localcloud."""
    return sorted(LOCAL.glob("*.bicepparam"))


def place_of(case: Path) -> Place:
    if case.parent != LOCAL:
        return Place()
    return replace(HERE, resource_group=GROUP) if case.stem == "pipeline" else HERE


def snapshot_of(case: Path) -> Path:
    return case.with_suffix(".snapshot.json")


def text(snapshot: dict[str, Any]) -> str:
    """A snapshot as it is committed: its resources in the order of their ids, one property a line."""
    resources = sorted(snapshot["predictedResources"], key=lambda each: json.dumps([each.get("id"), each]))
    ordered = {**snapshot, "predictedResources": resources}
    return json.dumps(ordered, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def changes(compiler: Compiler, case: Path) -> list[str]:
    """The lines by which a case's snapshot differs from what the compiler evaluates now."""
    kept = snapshot_of(case)
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    after = text(compiler.snapshot(case, place_of(case)))
    return list(
        difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{kept.name} (committed)",
            f"{kept.name} (now)",
            lineterm="",
        )
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make snapshots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a snapshot is out of date"
    )
    check = parser.parse_args(arguments).check
    program = find_compiler()
    if program is None:
        print(f"snapshots: {MISSING}", file=sys.stderr)
        return 2
    changed, everything = 0, [*cases(), *local_deployment()]
    with Compiler(program) as compiler:
        if (version := compiler.version()) != VERSION:
            print(
                f"snapshots: this compiler is {version}; the snapshots are written by {VERSION}",
                file=sys.stderr,
            )
        for case in everything:
            lines = changes(compiler, case)
            changed += bool(lines)
            if lines and check:
                print("\n".join(lines))
            elif lines:
                snapshot_of(case).write_text(
                    text(compiler.snapshot(case, place_of(case))), encoding="utf-8", newline="\n"
                )
                print(f"{snapshot_of(case).name}: {len(lines)} lines of difference")
    print(f"snapshots: {changed} of {len(everything)} {'are out of date' if check else 'changed'}")
    return 1 if changed and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
