"""The keys of a function app: master, function and system keys, in one file that only its owner can read.

Source: "Work with access keys in Azure Functions"; SecretManager.cs of the Functions host.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from starlette.requests import Request

from localcloud import private_files

EXTENSIONS = ("eventgrid", "durabletask")
HEADER = "x-functions-key"
QUERY = "code"


class KeysError(Exception):
    """The key file cannot be used; the text says why and what to do."""


class Access(Enum):
    """A request's access: no valid key (401), the right key (200), or a valid key of something else (403)."""

    UNKNOWN = 401
    GRANTED = 200
    REFUSED = 403


@dataclass(frozen=True)
class HostKeys:
    master: str
    functions: dict[str, str]
    systems: dict[str, str]

    def system(self, extension: str) -> str | None:
        return self.systems.get(f"{extension.lower()}_extension")

    def function_access(self, key: str, level: str) -> Access:
        """Return the access to an HTTP function of that auth level: ANONYMOUS, FUNCTION or ADMIN."""
        if level.upper() == "ANONYMOUS":
            return Access.GRANTED
        return self._access(key, self.functions.values() if level.upper() == "FUNCTION" else ())

    def system_access(self, key: str, extension: str) -> Access:
        system = self.system(extension)
        return self._access(key, [system] if system else ())

    def admin_access(self, key: str) -> Access:
        return self._access(key, ())

    def _access(self, key: str, fitting: Iterable[str]) -> Access:
        if _among(key, [self.master, *fitting]):
            return Access.GRANTED
        known = _among(key, [*self.functions.values(), *self.systems.values()])
        return Access.REFUSED if known else Access.UNKNOWN


def sent_key(request: Request) -> str:
    """Return a request's key, from the header or else from the query; "" if it has none."""
    return request.headers.get(HEADER, request.query_params.get(QUERY, ""))


def load(path: Path) -> HostKeys:
    """Read the keys from a file, which is created with mode 0600 if it does not exist. Raises KeysError."""
    if not path.exists():
        _write(path, generate())
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        keys = HostKeys(content["masterKey"], dict(content["functionKeys"]), dict(content["systemKeys"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysError(f"{path} holds no keys ({error!r}); delete it to have new ones made") from None
    missing = [extension for extension in EXTENSIONS if not keys.system(extension)]
    if not keys.master or missing:
        names = ", ".join(f"{extension}_extension" for extension in missing) or "masterKey"
        raise KeysError(f"{path} lacks {names}; delete the file to have new keys made")
    return keys


def generate() -> HostKeys:
    return HostKeys(
        master=secrets.token_urlsafe(40),
        functions={"default": secrets.token_urlsafe(40)},
        systems={f"{extension}_extension": secrets.token_urlsafe(40) for extension in EXTENSIONS},
    )


def _write(path: Path, keys: HostKeys) -> None:
    content = {"masterKey": keys.master, "functionKeys": keys.functions, "systemKeys": keys.systems}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process may have made the keys meanwhile: the first ones are the app's.
    private_files.create(path, json.dumps(content, indent=1))


def _among(key: str, candidates: Iterable[str]) -> bool:
    """Return whether `key` is one of `candidates`, in a time that reveals nothing of a candidate."""
    return any(secrets.compare_digest(key.encode(), candidate.encode()) for candidate in candidates)
