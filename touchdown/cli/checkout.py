"""The checkout of Touchdown from which the commands for a cloud on this machine run the Function App."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from touchdown.cli.outcome import CommandError, Exit

FILES = ("function_app.py", "host.json", "requirements.txt", "trainer/main.py", "bicep/main.bicep")
"""Files that a folder must hold to be a checkout of Touchdown."""


def find_checkout(app: Path | None) -> Path:
    """The checkout in `app`, or else in the current folder or the nearest one above it.

    Raises CommandError when there is none.
    """
    if app is not None:
        if missing := missing_files(app):
            raise CommandError(
                Exit.USAGE, f"--app {app}: this folder is no checkout of Touchdown: it lacks {missing[0]}."
            )
        return app.resolve()
    found = checkout_above(Path.cwd())
    if found is None:
        raise CommandError(
            Exit.USAGE,
            f"there is no checkout of Touchdown in {Path.cwd()} or above it, and this command needs one.",
            "Change to a checkout, or name one with --app FOLDER.",
        )
    return found


def checkout_above(folder: Path) -> Path | None:
    """The checkout that `folder` lies in, if any."""
    return next((each for each in (folder, *folder.parents) if not missing_files(each)), None)


def missing_files(folder: Path) -> list[str]:
    """The files that `folder` would need to be a checkout."""
    return [name for name in FILES if not (folder / name).is_file()]


def require_app_packages(checkout: Path) -> None:
    """Raise CommandError when this environment lacks packages that the Function App imports."""
    missing = missing_packages(checkout / "requirements.txt")
    if not missing:
        return
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise CommandError(
        Exit.CANNOT_START,
        f"this environment lacks packages that the Function App needs: {missing[0]}{more}.",
        f"Run `make setup` in {checkout} and use its .venv/bin/touchdown, or:"
        f" pip install -r {checkout / 'requirements.txt'}",
    )


def missing_packages(requirements: Path) -> list[str]:
    """The packages that are locked for every platform and not installed, whatever their version."""
    names = re.findall(r"(?m)^([\w.-]+)(?:\[[\w,-]+\])?==[^;\s]+ *\\?$", requirements.read_text())
    return [name for name in names if not is_installed(name)]


def is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
