"""Finds what must not be left in a cloud's files: keys, tokens, signatures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = {"keys.json", "certificates"}
"""Where keys are kept: those of the site, and the private keys of the cloud's own authority."""
SHORTEST = 20
"""Characters of a key. Shorter texts in keys.json are no keys."""
FORMS = re.compile(
    rb"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"  # a token
    rb"|[?&]sig=[\w%+/=]{20,}"  # the signature of a SAS
    rb"|[?&]code=[\w-]{20,}"  # a function key in an address
    rb"|AccountKey=\w|SharedAccessKey=\w|SharedKey \w+:"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)
    elif isinstance(value, str):
        yield value


def keys_of(home: Path) -> list[bytes]:
    """The keys of the site that runs in a cloud."""
    keys = json.loads((home / "keys.json").read_text())
    return [each.encode() for each in texts_of(keys) if len(each) >= SHORTEST]


def secrets_left(home: Path) -> list[str]:
    """Each file of a stopped cloud that holds a secret, and the beginning of the secret.

    Read are logs, the storage with records and histories, the folders of tasks, and what the cloud remembers
    of its resources.
    """
    keys = keys_of(home)
    found = []
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home)
        if place.parts[0] in KEPT or path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        form = FORMS.search(content)
        held = [form[0]] if form else [key for key in keys if key in content]
        found += [f"{place}: {each[:12].decode(errors='replace')}…" for each in held]
    return found
