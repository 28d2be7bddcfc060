"""Persons and programs that sign in to a home's cloud, beside the identities of its resources.

Every home knows `person`, who made the subscription, `publisher` and `uploader`; `add_person` makes others,
which have no role until somebody assigns one. They are kept in the home, with the secrets of their headers.
"""

import json
import secrets
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from localcloud import private_files
from localcloud.home import PERSONS, Home
from localcloud.identities import Principal, Type
from localcloud.store import Document

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The client id with which a person signs in: that of the Azure CLI."""


class UnknownPersonError(LookupError):
    """No person or program of this home has a name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nobody here is called {name!r}: `localcloud principal list` says who is.")


def person(name: str, type_: Type = "User") -> Principal:
    """The principal of a name, which is the same in every home."""
    object_id = str(uuid5(NAMESPACE_URL, f"localcloud/person/{name}"))
    client = str(uuid5(NAMESPACE_URL, f"localcloud/person/{name}/client"))
    return Principal(object_id, AZURE_CLI if type_ == "User" else client, name, type_)


def person_of(home: Home, name: str) -> Principal:
    """A person or program of a home. Raises UnknownPersonError."""
    known = added(home)
    if name in PERSONS:
        return person(name)
    if name not in known:
        raise UnknownPersonError(name)
    return person(name, known[name]["type"])


def persons(home: Home) -> list[Principal]:
    """All persons and programs of a home."""
    return [person_of(home, name) for name in (*PERSONS, *added(home))]


def add_person(home: Home, name: str, type_: Type) -> Principal:
    """Make a person or program, without any role. Raises ValueError for a name that is taken."""
    known = added(home)
    if name in known or name in home.identity_headers:
        raise ValueError(f"'{name}' exists: choose another name.")
    known[name] = {"type": type_, "secret": secrets.token_hex(16)}
    private_files.replace(_file(home), json.dumps(known, indent=1))
    return person_of(home, name)


def secret_of(home: Home, carrier: str) -> str:
    """The secret of a carrier's identity header. Raises UnknownPersonError."""
    secret = home.identity_headers.get(carrier) or added(home).get(carrier, {}).get("secret")
    if secret is None:
        raise UnknownPersonError(
            f"nobody here is called {carrier!r}: `localcloud principal list` says who is."
        )
    return str(secret)


def added(home: Home) -> Document:
    """The persons and programs that were added to a home: `{name: {"type", "secret"}}`."""
    file = _file(home)
    found: Document = json.loads(file.read_text()) if file.exists() else {}
    return found


def _file(home: Home) -> Path:
    return home.root / "principals.json"
