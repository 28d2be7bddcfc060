"""No file makes the trainer take more than a gigabyte, whatever it is refused for."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.conftest import MAIN
from tests.trainer.storage import without_azure

MOST = 1 << 30
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import main
codes = [main.main(["--csv", name]) for name in sys.argv[2:]]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"codes": codes, "peak": int(status["VmHWM"].split()[0]) << 10}))
"""
FILES: dict[str, Callable[[], bytes]] = {
    "an open quote": lambda: b'a,b\n1,"' + b"x\n" * (12 << 20),
    "quotes": lambda: b"a,b\n" + b'"",' * (8 << 20),
    "a long cell": lambda: b"a,b\n1," + b"x" * (48 << 20) + b"\n" + b"1,2\n" * 100,
    "empty rows": lambda: b"a,b\n" + b",\n" * (4 << 20),
    "no line end": lambda: b"a" * (32 << 20),
    "UTF-16": lambda: b"\xff\xfe" + "a,b\n\ud7ff,\ue000\n".encode("utf-16-le") * (1 << 20),
    "columns": lambda: b",".join(b"c%d" % number for number in range(3 << 20)) + b"\n",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_hostile_file_takes_at_most_a_gigabyte(trainer_python: str, tmp_path: Path) -> None:
    for number, make in enumerate(FILES.values()):
        (tmp_path / f"{number}.csv").write_bytes(make())
    done = subprocess.run(
        [trainer_python, "-c", PROGRAM, str(MAIN.parent), *(f"{n}.csv" for n in range(len(FILES)))],
        cwd=tmp_path,
        env=without_azure(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    refused = done.stderr.splitlines()
    assert found["codes"] == [2] * len(FILES), dict(zip(FILES, found["codes"], strict=True))
    assert len(refused) == len(FILES), "one line a file"
    assert found["peak"] <= MOST
