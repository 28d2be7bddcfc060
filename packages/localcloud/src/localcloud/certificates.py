"""localcloud's certificate authority, and the certificates of its TLS listeners.

The Azure SDKs refuse to send a bearer token over plain HTTP, so even a cloud on loopback needs TLS. The
authority is created once per home; nothing outside the home trusts it.
"""

import os
from pathlib import Path

import certifi
import trustme

from localcloud.home import LOOPBACK, Home
from localcloud.parts import StackError
from localcloud.regions import REGIONS

ROOTS = "LOCALCLOUD_ROOTS"
"""The variable with the file of root certificates that programs trust besides localcloud's own."""


def ensure(home: Home) -> None:
    """Create the authority, the server certificate and the trust bundle unless they exist.

    Raises StackError if the root certificates cannot be read.
    """
    folder = home.certificates
    if home.ca_bundle.exists():
        return
    others = roots()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="localcloud")
    _issue(authority, server_chain(home), server_key(home), storage_and_sites(home))
    _issue(authority, manager_chain(home), manager_key(home), manager(home))
    partial = home.ca_bundle.with_suffix(".partial")
    partial.write_bytes(others + authority.cert_pem.bytes())
    partial.rename(home.ca_bundle)


def roots() -> bytes:
    """The root certificates of others that the bundle of a new home has, as PEM."""
    file = os.environ.get(ROOTS) or certifi.where()
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        message = f"{ROOTS} is {file}, which cannot be read ({error.strerror}): name a PEM file, or unset it."
        raise StackError(message) from None
    return content if content.endswith(b"\n") or not content else content + b"\n"


def _issue(authority: trustme.CA, chain: Path, key: Path, names: list[str]) -> None:
    issued = authority.issue_cert(LOOPBACK, "localhost", *names)
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)


def storage_and_sites(home: Home) -> list[str]:
    services = ("blob.core", "queue.core", "table.core", "azurewebsites")
    return [f"*.{service}.{home.suffix}" for service in services]


def manager(home: Home) -> list[str]:
    """The names of the listener that has Resource Manager: of every region, since any may be deployed to."""
    fixed = ("*", "*.vault", "*.scm.azurewebsites")
    regional = ("*.{}.batch", "*.{}-1.eventgrid", "*.{}.inference.ml")
    names = [*fixed, *(name.format(region) for region in REGIONS for name in regional)]
    return [f"{name}.{home.suffix}" for name in names]


def server_chain(home: Home) -> Path:
    """The certificate of Azurite and of sites."""
    return home.certificates / "server.pem"


def server_key(home: Home) -> Path:
    return home.certificates / "server.key"


def manager_chain(home: Home) -> Path:
    """The certificate of the listener that has Resource Manager. It is long, so nothing else sends it."""
    return home.certificates / "manager.pem"


def manager_key(home: Home) -> Path:
    return home.certificates / "manager.key"
