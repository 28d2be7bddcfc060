"""Write the trainer's files into a folder as they are published, and print the path of this version.

    python scripts/publish_trainer.py FOLDER

FOLDER then holds the files for the container: code/<hash of the contents>/, which a pipeline run copies to
its task, and code/pool/, from which a node installs the trainer's environment when it starts. The script
needs only Python 3.9, because the person who deploys may have no environment of this project.
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
    """The trainer's files that a task needs, by name: code, templates, pins and the models' environment.

    All of them are text. Windows line ends become LF, so that a version has the same hash wherever it is
    published from.
    """
    return {
        file.name: file.read_bytes().replace(b"\r\n", b"\n")
        for file in sorted(folder.glob("*"))
        if file.is_file()
        and file.suffix in (".py", ".j2", ".json", ".txt", ".yaml")
        and not file.name.startswith((".", "README", "test_", "conftest"))
    }


def code_path(files: dict[str, bytes]) -> str:
    """`code/<first 16 hexadecimal digits of the contents' SHA-256>`, a folder of the container."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"code/{digest.hexdigest()[:16]}"


def pin_of(package: str, lock: str) -> str:
    """The lines of a lock file that pin one package, with its hashes. Raises ValueError if there are none."""
    found = re.search(rf"^{re.escape(package)}==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    if found:
        return found[0]
    raise ValueError(f"requirements-dev.txt does not pin {package}: lock it again (make lock)")


def layout(files: dict[str, bytes]) -> dict[str, bytes]:
    """The contents of all files to publish, by path in the container. files: the trainer's."""
    published = {f"{code_path(files)}/{name}": content for name, content in files.items()}
    published[f"{POOL}/requirements.txt"] = files["requirements.txt"]
    published[f"{POOL}/uv.txt"] = pin_of("uv", PINS.read_text(encoding="utf-8")).encode()
    return published


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder to write to; it is created if it does not exist")
    folder = parser.parse_args().folder
    files = trainer_files()
    for name, content in layout(files).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    print(code_path(files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
