"""Runs the published trainer if its archive is the one that this pipeline was published with.

    python -I -c PROGRAM SHA256

The pipeline's command holds this program and the hash, so both are as safe as the pipeline. The archive comes
from storage. Nothing else that Data Factory copied beside it is ever imported: with -I, the working directory
is no place of modules, and the trainer is unpacked into a folder of its own.
"""

import hashlib
import io
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

ARCHIVE = "trainer.zip"


def main(expected: str) -> None:
    try:
        content = Path(ARCHIVE).read_bytes()
    except FileNotFoundError:
        sys.exit(f"{ARCHIVE} is missing: publish the trainer again")
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sys.exit(
            f"{ARCHIVE} was not run: its SHA-256 is {found}, and this pipeline was published with {expected}."
            " Someone has changed it in storage: find out who, then publish the trainer again"
        )
    folder = Path(tempfile.mkdtemp(prefix="trainer-", dir=".")).absolute()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    sys.path.insert(0, str(folder))
    sys.argv = [str(folder / "main.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
