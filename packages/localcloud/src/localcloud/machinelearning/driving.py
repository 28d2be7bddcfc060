"""The process in which a job scores: the driver, started with a request, in an environment of its own."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from localcloud.store import Document

DRIVER = Path(__file__).with_name("driver.py")
FAILED = 42
"""The exit code of a driver that fails."""
QUOTED_BYTES = 2000
"""Bytes at the end of a process's output that an error quotes if the driver gave no reason."""


async def score(job: Document, python: Path, folder: Path, request: dict[str, Any]) -> str:
    """Score in a new process; returns the reason of a failure, or "" on success."""
    with (folder / "logs" / "user_logs" / "std_log_0.txt").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            python,
            "-I",
            DRIVER,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment(job, folder),
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code == 0:
        return ""
    return exited(python, code, await asyncio.to_thread(_failure_reason, folder / "logs"))


def exited(python: Path, code: int, reason: str) -> str:
    """The error of a job whose driver exited with this code."""
    return (
        f"Execution failed. User process '{python}' exited with status code {code}. Please check log"
        f" file 'user_logs/std_log_0.txt' for error details. Error: {reason}"
    )


def environment(job: Document, folder: Path) -> dict[str, str]:
    """Return the process's environment: no identity or secret of the service, one thread per library."""
    chosen: dict[str, str] = job["settings"]["environmentVariables"]
    return chosen | {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _failure_reason(logs: Path) -> str:
    """Return the driver's reason for its failure, or else the end of its output."""
    outcome = logs / "outcome.json"
    if outcome.exists():
        return str(json.loads(outcome.read_text())["error"])
    with (logs / "user_logs" / "std_log_0.txt").open("rb") as output:
        output.seek(max(0, output.seek(0, os.SEEK_END) - QUOTED_BYTES))
        return output.read().decode(errors="replace").strip() or "the process said nothing"
