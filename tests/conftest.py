"""What every level of tests shares."""

import gc

from hypothesis import settings

# How long an example takes is up to the machine: the first to need a module also waits for its import.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_sessionstart() -> None:
    """Collecting makes a million objects that stay; looking for garbage among them is a tenth of its time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, and not among what is there from now on to the end."""
    gc.freeze()
    gc.enable()
