"""The image of a model's environment, which Azure ML builds from the model's conda file before it scores.

Here no image is built: every model scores in the environment of the nodes. `build` decides whether that can
replace the image: a model whose pins it does not meet would score with other packages than in Azure.

Its fault point is `machinelearning.image` (where: name, endpoint, deployment; actions "delay" and "error"):
an error fails the build. A job whose image cannot be built fails without a child; see jobs.py.
"""

import json
import subprocess
from functools import lru_cache
from pathlib import Path

from packaging.utils import canonicalize_name

from localcloud.machinelearning import conda
from localcloud.machinelearning.conda import Installed

ASK = """
import importlib.metadata, json, platform
found = {each.name: each.version for each in importlib.metadata.distributions()}
print(json.dumps([platform.python_version(), found]))
"""
ASK_SECONDS = 60


class ImageBuildError(Exception):
    """The image of a model's environment cannot be built; the text says why, as Azure words it."""


def build(text: str, python: Path) -> None:
    """Check that Azure could build the image of a conda file, and that the nodes have what it would hold.

    text: of the conda file. python: that of the nodes' environment. Raises ImageBuildError.
    """
    try:
        lacking = conda.parse(text).lacks(installed(python))
    except conda.CondaFileError as error:
        raise failed(f"the conda file defines no environment: {error}") from None
    if lacking:
        raise failed(
            f"localcloud installs nothing, and the environment of the nodes lacks {', '.join(lacking)}."
            " Hand the cloud an environment with these versions, or save the model with those that it has."
        )


def installed(python: Path) -> Installed:
    """What the environment of a Python interpreter has. Raises ImageBuildError if it cannot say."""
    home = python.parent.resolve()
    folders = home.parent.glob("lib/python3*/site-packages")
    return _installed(home / python.name, tuple(sorted(each.stat().st_mtime_ns for each in folders)))


@lru_cache(maxsize=8)
def _installed(python: Path, changed: tuple[int, ...]) -> Installed:  # noqa: ARG001
    """changed: when packages were last installed or removed, so that the answer does not become stale."""
    try:
        answer = subprocess.run(
            [python, "-I", "-c", ASK], capture_output=True, check=True, timeout=ASK_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise failed(f"the Python of the nodes' environment does not list its packages: {error}") from None
    version, found = json.loads(answer.stdout)
    return Installed(version, {canonicalize_name(name): each for name, each in found.items()})


def failed(why: str) -> ImageBuildError:
    """A failed build. Its log is quoted here, since localcloud keeps none.

    Source of the first sentence: the error that Azure/azure-sdk-for-python#39535 quotes.
    """
    return ImageBuildError(f"Image build failed. Build log: {why}")
