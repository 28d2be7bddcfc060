"""Lay out the trainer as it is published, and print the folder that names this version of it.

    python scripts/publish_trainer.py FOLDER

FOLDER then holds what belongs into the container: code/<hash of the contents>/, which a pipeline run copies
to its task, and code/pool/, from which a node makes the trainer's environment when it starts. Needs nothing
but Python 3.9: whoever deploys has no environment of this project.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRAINER = ROOT / "trainer"
PINS = ROOT / "requirements-dev.txt"
POOL = "code/pool"


def trainer_files(folder: Path = TRAINER) -> dict[str, bytes]:
    """What a task needs of the trainer's folder, by name: code, templates and pins, no tests or documents."""
    return {
        file.name: file.read_bytes()
        for file in sorted(folder.glob("*"))
        if file.is_file()
        and file.suffix in (".py", ".j2", ".json", ".txt")
        and not file.name.startswith((".", "README", "test_", "conftest"))
    }


def code_path(files: dict[str, bytes]) -> str:
    """`code/<16 hexadecimal digits of the contents>`, a folder of the container."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"code/{digest.hexdigest()[:16]}"


def pin_of(package: str, lock: str) -> str:
    """The lines of a lock file that pin one package with its hashes. Raises ValueError when it has none."""
    found = re.search(rf"^{re.escape(package)}==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    if found:
        return found[0]
    raise ValueError(f"{package} is not pinned: lock requirements-dev.txt again (make lock)")


def layout() -> dict[str, bytes]:
    """Everything that is published, by its path in the container."""
    files = trainer_files()
    published = {f"{code_path(files)}/{name}": content for name, content in files.items()}
    published[f"{POOL}/requirements.txt"] = files["requirements.txt"]
    published[f"{POOL}/uv.txt"] = pin_of("uv", PINS.read_text(encoding="utf-8")).encode()
    return published


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to lay it out; made if it is missing")
    folder = parser.parse_args().folder
    for name, content in layout().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    print(code_path(trainer_files()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
