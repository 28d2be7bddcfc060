"""Imported once by the process that the children are forked from: the third-party modules of the tests."""

import os
from pathlib import Path

from scripts.mutation_testing.execution import import_modules

import_modules(Path(os.environ["MUTATION_MODULES"]))
