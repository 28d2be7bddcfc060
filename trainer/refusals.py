"""Why a training ends early: one line on stderr and an exit code, never a bare traceback.

Exit codes: 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset was replaced after the run
was started; 1 anything else.
"""

from __future__ import annotations

import re


class TrainingRefusedError(Exception):
    """The run cannot go on, for a reason that its one-line message names."""

    exit_code = 1


class BadInputError(TrainingRefusedError):
    """The dataset, an argument or a hyperparameter is one that nothing can be trained with."""

    exit_code = 2


class DatasetReplacedError(TrainingRefusedError):
    """The blob is no longer the upload that this run was started for."""

    exit_code = 3


def without_secrets(text: str) -> str:
    return re.sub(r"(?i)\b(AccountKey|SharedAccessSignature|sig)=[^;&\s'\"]+", r"\1=(hidden)", text)
