"""Write the trainer's files into a folder as they are published, and print the hash of this version.

    python scripts/publish_trainer.py FOLDER

FOLDER then holds the files for the container, each in a folder that is named after its SHA-256:
code/<hash>/trainer.zip, which a pipeline run copies to its task, and code/pool/<hash>/, from which a node
installs the trainer's environment when it starts. Whoever fetches a file knows its hash, and uses no other
content: the pipeline knows that of the archive, the pool those of its files (start-files.json). The script
needs only Python 3.9, because the person who deploys may have no environment of this project.
"""

import argparse
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRAINER = ROOT / "trainer"
PINS = ROOT / "requirements-dev.txt"
ARCHIVE = "trainer.zip"
"""The name that bicep/definitions/run_trainer.py reads."""
POOL = "code/pool"
PYTHON_BUILDS = ROOT / "bicep" / "definitions" / "python.json"
"""The builds of Python that a node may install, with their hashes, in the format of uv's own list
(github.com/astral-sh/uv, crates/uv-python/download-metadata.json), from which they are taken."""
START_FILES = ROOT / "bicep" / "definitions" / "start-files.json"
"""The SHA-256 of each file of the pool by its name, which the templates deploy."""


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


def archive_of(files: dict[str, bytes]) -> bytes:
    """A zip of the files. Equal files give equal bytes: without times, owners and compression."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            # Unix, whatever system this is; readable by all, writable by the owner.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    return written.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def trainer_hash(files: dict[str, bytes]) -> str:
    """The SHA-256 of the archive, in 64 hexadecimal digits; it names the version and its folder."""
    return sha256(archive_of(files))


def pin_of(package: str, lock: str) -> str:
    """The lines of a lock file that pin one package, with its hashes. Raises ValueError if there are none."""
    found = re.search(rf"^{re.escape(package)}==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    if found:
        return found[0]
    raise ValueError(f"requirements-dev.txt does not pin {package}: lock it again (make lock)")


def start_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of the nodes' start task by name. files: the trainer's."""
    return {
        "requirements.txt": files["requirements.txt"],
        "uv.txt": pin_of("uv", PINS.read_text(encoding="utf-8")).encode(),
        "python.json": PYTHON_BUILDS.read_bytes().replace(b"\r\n", b"\n"),
    }


def layout(files: dict[str, bytes]) -> dict[str, bytes]:
    """The contents of all files to publish, by path in the container. files: the trainer's."""
    archive = archive_of(files)
    published = {f"code/{sha256(archive)}/{ARCHIVE}": archive}
    for name, content in start_files(files).items():
        published[f"{POOL}/{sha256(content)}/{name}"] = content
    return published


def hashes_of_start_files(files: dict[str, bytes]) -> str:
    """What start-files.json has to hold. files: the trainer's."""
    hashes = {name: sha256(content) for name, content in start_files(files).items()}
    return json.dumps(hashes, indent=2) + "\n"


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder to write to; it is created if it does not exist")
    folder = parser.parse_args().folder
    files = trainer_files()
    if json.loads(START_FILES.read_text(encoding="utf-8")) != json.loads(hashes_of_start_files(files)):
        print(f"{START_FILES.name} holds hashes of other requirements: run make lock", file=sys.stderr)
        return 1
    for name, content in layout(files).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    print(trainer_hash(files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
