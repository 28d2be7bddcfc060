"""localcloud's certificate authority, and the certificate that its TLS listeners share.

The Azure SDKs refuse to send a bearer token over plain HTTP, so even a cloud on loopback needs TLS. The
authority is created once per home; nothing outside the home trusts it.
"""

from pathlib import Path

import certifi
import trustme

from localcloud.home import LOOPBACK, Home


def ensure(home: Home) -> None:
    """Create the authority, the server certificate and the trust bundle unless they exist."""
    folder = home.certificates
    if home.ca_bundle.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="localcloud")
    server = authority.issue_cert(LOOPBACK, "localhost", "*.localhost")
    server_chain(home).write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    server.private_key_pem.write_to_path(str(server_key(home)))
    server_key(home).chmod(0o600)
    partial = home.ca_bundle.with_suffix(".partial")
    partial.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    partial.rename(home.ca_bundle)


def server_chain(home: Home) -> Path:
    return home.certificates / "server.pem"


def server_key(home: Home) -> Path:
    return home.certificates / "server.key"
