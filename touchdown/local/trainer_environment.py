"""Where the start task of the nodes, bicep/definitions/start-task.sh, looks for a complete environment."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from touchdown.local.trainer import publish_trainer_of

FILES = ("requirements.txt", "uv.txt", "python.json")
"""The files of the start task, in the order in which it hashes them."""
PYTHON = "3.11"
"""The version of Python that the start task takes if nothing else is said."""


def published_files(checkout: Path) -> Mapping[str, bytes]:
    """The files that the start task gets, by name, as publishing the trainer of `checkout` uploads them."""
    trainer = publish_trainer_of(checkout)
    published: dict[str, bytes] = trainer.start_files(trainer.trainer_files())
    return published


def environment_mark(files: Mapping[str, bytes]) -> str:
    """The file below $AZ_BATCH_NODE_SHARED_DIR by which the start task knows these files' environment."""
    contents = f"{PYTHON}\n".encode() + b"".join(files[name] for name in FILES)
    return f"trainer-{hashlib.sha256(contents).hexdigest()[:16]}/.complete"
