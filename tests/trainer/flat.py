"""The trainer's modules as a Batch node imports them: by their bare names, out of one flat folder."""

import importlib
import sys
from types import ModuleType

from tests.trainer.conftest import MAIN


def flat_module(name: str) -> ModuleType:
    """Import a module of the trainer that needs no more than this Python's packages."""
    sys.path.insert(0, str(MAIN.parent))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(MAIN.parent))
