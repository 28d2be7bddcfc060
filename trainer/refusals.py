"""Why a training ends early: one line on stderr and an exit code, never a bare traceback.

Exit codes: 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset was replaced after the run
was started; 1 anything else.
"""

from __future__ import annotations

import re


class Refused(Exception):
    """The run cannot go on, for a reason that its one-line message names."""

    exit_code = 1


class BadInput(Refused):
    """The dataset, an argument or a hyperparameter is one that nothing can be trained with."""

    exit_code = 2


class DatasetReplaced(Refused):
    """The blob is no longer the upload that this run was started for."""

    exit_code = 3


def shown(text: str) -> str:
    """What came from outside, as it can stand in a one-line message: short and printable."""
    short = text if len(text) <= 100 else text[:97] + "..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def quoted(text: str) -> str:
    return f'"{shown(text)}"'


def without_secrets(text: str) -> str:
    return re.sub(r"(?i)\b(AccountKey|SharedAccessSignature|sig)=[^;&\s'\"]+", r"\1=(hidden)", text)
