"""Compare the functions that Azure lists with the app's, and name those that are missing.

    az functionapp function list ... --query '[].name' --output tsv | python scripts/missing_functions.py

Exits with 0 if all are listed, else with 1. Names may have the app's name in front, as Resource Manager
returns them: func-x/start_run. Functions that libraries add do not matter. The script needs only Python 3.9,
because the person who deploys may have no environment of this project.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "touchdown" / "checking" / "functions.json"
FUNCTIONS = tuple(json.loads(LIST.read_text(encoding="utf-8")))
"""The functions that function_app.py registers. `touchdown check` has the same list."""


def missing(lines: Iterable[str]) -> list[str]:
    """The app's functions that are not among the listed names, one a line, in alphabetical order."""
    listed = {line.strip().rpartition("/")[2] for line in lines}
    return [name for name in FUNCTIONS if name not in listed]


def main() -> int:
    absent = missing(sys.stdin)
    if len(absent) == len(FUNCTIONS):
        print("Azure lists no function: the app is still starting, or it cannot start", file=sys.stderr)
    elif absent:
        print(f"Azure does not list {', '.join(absent)}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
