"""Imports that a training does not need, and that would take a quarter of the time of a small one."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

PLATFORM = "databricks.sdk.errors.platform"


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


def import_lazily(package: str, name: str) -> None:
    """Let a module of a package be executed at its first use, as the documentation of importlib shows."""
    full = f"{package}.{name}"
    if full in sys.modules or (spec := importlib.util.find_spec(full)) is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    setattr(sys.modules[package], name, module)
    spec.loader.exec_module(module)
