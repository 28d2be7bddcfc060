"""Runs as GET /api/runs/{id} returns them, and what the command line prints."""

import io
from typing import Any

from rich.console import Console

RUN: dict[str, Any] = {
    "run_id": "iris-1",
    "status": "Running",
    "dataset": "iris_csv.csv",
    "stages": [
        {"name": "inspect_dataset", "started": "2026-11-23T16:00:00Z", "ended": "2026-11-23T16:00:01.5Z"},
        {"name": "start_training", "started": "2026-11-23T16:00:01.5Z", "ended": ""},
    ],
}
WAITING: dict[str, Any] = RUN | {
    "deployment": "run-0123",
    "settings": {"approval": "required", "approval_timeout": 3600},
    "stages": [
        {"name": "smoke_test", "started": "2026-11-23T16:00:00Z", "ended": "2026-11-23T16:00:02Z"},
        {"name": "approve", "started": "2026-11-23T16:00:02Z", "ended": ""},
    ],
}


def text(printed: Any) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(printed)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()
