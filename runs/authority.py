"""Who may decide what about a run: the owners of its settings.

A person who may upload a dataset writes its metadata, so metadata is the word of an uploader. An HTTP body is
the word of someone with a function key or a sign-in, and an app setting that of whoever operates the app.

    owner     metadata                        HTTP body                       app setting
    data      any value within the caps       any value within the caps       any value within the caps
    policy    tighter than the app's, only    tighter than the app's, only    any value
    place     no                              any value that is allowed       any value

The app setting TOUCHDOWN_METADATA_SETTINGS names settings that metadata may set to any value all the same,
within the caps and the lists of the app settings, which hold for everyone.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runs.errors import RefusedError
from runs.text import quote


class Owner(StrEnum):
    """Whose decision a setting is."""

    DATA = "data"
    """The uploader's: what the dataset is and how to learn from it."""
    POLICY = "policy"
    """The operator's: what a model must show, who agrees to it, what a run may cost."""
    PLACE = "place"
    """The operator's or that of a caller over HTTP: where a model goes, and what it is called."""


@dataclass(frozen=True)
class Direction:
    """Which values of a policy setting are tighter. keeps: whether `new` is at least as tight as `own`."""

    words: str
    keeps: Callable[[Any, Any], bool]


HIGHER = Direction("higher", operator.ge)
LOWER = Direction("lower", operator.le)
LOWER_ABOVE_0 = Direction("lower, and 0 is the loosest", lambda new, own: own == 0 or 0 < new <= own)


def towards(tight: str) -> Direction:
    """The direction of a setting of two words, of which `tight` is the tighter one."""
    return Direction(f"`{tight}`", lambda new, own: new in (tight, own))


def not_of_metadata(source: str, variable: str, name: str) -> RefusedError:
    """The refusal of metadata that says where a model goes. source: what names the value in a message."""
    return _refused(
        f"{source}: the metadata of a dataset may not set where a model goes. Remove it, and start the run"
        f' with POST /api/runs and "settings": {{"{name}": …}}; or whoever operates the app sets {variable},'
        f" or names {name} in TOUCHDOWN_METADATA_SETTINGS."
    )


def looser(source: str, value: object, own: object, direction: Direction, variable: str) -> RefusedError:
    """The refusal of a value that is looser than the app's own."""
    words = direction.words.replace("`", '"')
    return _refused(
        f"{source}: {quote(value, 80)} is looser than {quote(own, 80)}, which holds for this app; metadata"
        f" and requests may only tighten it (tighter is: {words}). Whoever operates the app may loosen it,"
        f" with the app setting {variable}."
    )


def beyond_cap(source: str, value: object, cap: object, variable: str) -> RefusedError:
    """The refusal of a value above the cap that an app setting gives."""
    return _refused(
        f"{source}: {quote(value, 80)} is more than {quote(cap, 80)}, the most that the app setting"
        f" {variable} allows; whoever operates the app may raise that."
    )


def unlisted(source: str, value: object, allowed: tuple[str, ...], variable: str) -> RefusedError:
    """The refusal of a value that an app setting does not list."""
    return _refused(
        f"{source}: {quote(value, 80)} is none of {', '.join(allowed)}; whoever operates the app may add it"
        f" to the app setting {variable}."
    )


def _refused(message: str) -> RefusedError:
    return RefusedError("SettingNotAllowed", message)
