"""The errors that end a training with one line on stderr and an exit code instead of a traceback.

Exit codes: 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset has changed since the
run inspected it; 1 anything else.
"""

from __future__ import annotations

import re


class TrainingRefusedError(Exception):
    """The training cannot go on, for the reason that the one-line message states."""

    exit_code = 1


class BadInputError(TrainingRefusedError):
    """No model can be trained with this dataset, argument or hyperparameter."""

    exit_code = 2


class DatasetReplacedError(TrainingRefusedError):
    """The blob is no longer the version that this run is about."""

    exit_code = 3


def without_secrets(text: str) -> str:
    """The text with account keys and signatures replaced by "(hidden)"."""
    return re.sub(r"(?i)\b(AccountKey|SharedAccessSignature|sig)=[^;&\s'\"]+", r"\1=(hidden)", text)
