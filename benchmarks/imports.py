"""Measure the import of the app against that of a file that creates a DFApp and registers nothing.

A new process makes each import. The two files take turns, so that a busy machine slows down both. Bytecode is
cached, as it is from the second start of an app on, whatever PYTHONDONTWRITEBYTECODE says.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkout import CHECKOUT

ROUNDS = 9
BARE = """\
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
"""
TIMED = """\
import sys, time
sys.path.insert(0, sys.argv[1])
started = time.perf_counter()
import function_app
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Imports:
    """Import times in seconds: medians of `ROUNDS` imports."""

    app: float
    bare: float


def measured() -> Imports:
    with tempfile.TemporaryDirectory() as folder:
        bare, cache = Path(folder) / "bare", Path(folder) / "bytecode"
        bare.mkdir()
        (bare / "function_app.py").write_text(BARE, encoding="utf-8")
        for each in (CHECKOUT, bare):
            imported(each, cache)
        pairs = [(imported(CHECKOUT, cache), imported(bare, cache)) for _ in range(ROUNDS)]
    app, base = zip(*pairs, strict=True)
    return Imports(statistics.median(app), statistics.median(base))


def imported(folder: Path, cache: Path) -> float:
    """The time in seconds that `import function_app` takes in a new process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", TIMED, str(folder)],
        env=environment | {"PYTHONPYCACHEPREFIX": str(cache)},
        cwd=cache.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)
