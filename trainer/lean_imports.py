"""Imports that neither a training nor a prediction needs, and that would take a third of a small one's time.

This file is packaged inside the MLflow model, beside touchdown_model.py.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from importlib.abc import Loader
from types import ModuleType
from typing import Any

import numpy as np

PLATFORM = "databricks.sdk.errors.platform"
LOCK = threading.RLock()
"""Held while a deferred module is executed."""


class NotFound(Exception):  # noqa: N818 - it stands for the SDK's class of this name
    """Stands for the error of that name of Databricks' SDK, which nothing raises here."""


@contextlib.contextmanager
def without_databricks() -> Iterator[None]:
    """Import MLflow without Databricks' SDK.

    MLflow's stores for Databricks need one class of it, and import all of it for that (mlflow 2.22,
    mlflow/store/artifact/databricks_sdk_models_artifact_repo.py). A training uses none of these stores.
    """
    if PLATFORM in sys.modules:
        yield
        return
    stand_in = ModuleType(PLATFORM)
    stand_in.NotFound = NotFound  # type: ignore[attr-defined]
    sys.modules[PLATFORM] = stand_in
    try:
        yield
    finally:
        del sys.modules[PLATFORM]


class Deferred(ModuleType):
    """A module that is executed when it is first asked for something that it does not have yet.

    The LazyLoader of importlib executes it at `import package.module` already, which asks for its __spec__.
    """

    deferred_loader: Loader | None

    def __getattr__(self, name: str) -> Any:
        # An import asks for __path__, which packages alone have.
        if name != "__path__":
            self.execute()
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def execute(self) -> None:
        """Execute the module, once; what asks for a name meanwhile, in this thread, is part of it."""
        with LOCK:
            loader = vars(self).pop("deferred_loader", None)
            if loader is None:
                return
            for name in [name for name, value in vars(self).items() if isinstance(value, Promised)]:
                delattr(self, name)
            loader.exec_module(self)
            self.__class__ = ModuleType  # type: ignore[assignment]


class Promised:
    """An object of a deferred module, for code that names it while it is imported, and may never use it."""

    def __init__(self, module: Deferred, name: str) -> None:
        self._module = module
        self._name = name

    def _itself(self) -> Any:
        if isinstance(self._module, Deferred):
            self._module.execute()
        return getattr(self._module, self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._itself()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._itself(), name)


def defer(module: str, *promised: str, **known: Any) -> None:
    """Let a module be executed at its first use, unless it was.

    Before that, the names promised can be imported from it, and objects that are known without it.
    """
    package, _, name = module.rpartition(".")
    importlib.import_module(package)
    if module in sys.modules or (spec := importlib.util.find_spec(module)) is None:
        return
    deferred = importlib.util.module_from_spec(spec)
    deferred.__class__ = Deferred
    assert isinstance(deferred, Deferred)
    deferred.deferred_loader = spec.loader
    for each in promised:
        setattr(deferred, each, Promised(deferred, each))
    vars(deferred).update(known)
    sys.modules[module] = deferred
    setattr(sys.modules[package], name, deferred)


def defer_statistics() -> None:
    """Import scikit-learn without scipy.stats, half of it, which is for estimators that no model here has.

    The names are those that scikit-learn 1.9 takes from it while it is imported. Of these, boosting with more
    than two classes uses one.
    """
    defer("scipy.stats", "chi2", "rankdata", "spearmanr", gmean=geometric_mean)


def geometric_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """As scipy.stats.gmean, to the last bit, of an array of float64."""
    with np.errstate(divide="ignore"):
        mean: np.ndarray = np.exp(np.mean(np.log(values), axis=axis))
    return mean


def import_figures() -> None:
    """Import matplotlib's figures without what no figure here has or shows.

    That is the reader of TeX's output, and the lists of properties in the docstrings of its classes.
    """
    defer("matplotlib.dviread", "Dvi")
    from matplotlib import artist as artists

    describe = artists.kwdoc
    artists.kwdoc = lambda artist: ""  # noqa: ARG005
    try:
        import matplotlib.figure  # noqa: F401 - it defines the classes
    finally:
        artists.kwdoc = describe


def trust_the_environment() -> None:
    """Let MLflow save a model without reading the list of files of every installed package.

    It does so to know which module a requirement is, in case that the package's metadata gives no version
    (mlflow 2.22, mlflow/utils/requirements_utils.py); model_environment has compared all versions before.
    """
    from mlflow.utils import requirements_utils

    vars(requirements_utils)["_MODULES_TO_PACKAGES"] = {}
