"""The image of a model's environment, which Azure ML builds from the model's conda file before it scores.

Here no image is built: every model scores in the environment of the nodes. `build` decides whether Azure
could build the image. Its fault point is `machinelearning.image` (where: name, endpoint, deployment; actions
"delay" and "error"): an error fails the build. A job whose image cannot be built fails without a child; see
jobs.py.
"""

import yaml


class ImageBuildError(Exception):
    """The image of a model's environment cannot be built; the text says why, as Azure words it."""


def build(conda: str) -> None:
    """Check that Azure could build the image of a conda file, given as text. Raises ImageBuildError."""
    try:
        described = yaml.safe_load(conda)
    except yaml.YAMLError as error:
        raise failed(f"the conda file is not YAML: {error}") from None
    if not isinstance(described, dict) or not isinstance(described.get("dependencies"), list):
        raise failed("the conda file lists no dependencies")


def failed(why: str) -> ImageBuildError:
    """A failed build. Its log is quoted here, since localcloud keeps none.

    Source of the first sentence: the error that Azure/azure-sdk-for-python#39535 quotes.
    """
    return ImageBuildError(f"Image build failed. Build log: {why}")
