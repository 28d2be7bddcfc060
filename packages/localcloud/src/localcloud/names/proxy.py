"""How Azurite's process is told to serve the proxy of a home."""

import json
from pathlib import Path

from localcloud import certificates
from localcloud.home import Home

HOOK = Path(__file__).parent / "proxy.cjs"
"""The module that Node must load with `--require` before Azurite."""
VARIABLE = "LOCALCLOUD_NAMES"


def variables(home: Home) -> dict[str, str]:
    """The environment variable that `proxy.cjs` reads."""
    listeners = ("blob", "queue", "table", "arm", "functions")
    told = {
        "suffix": home.suffix,
        "port": home.ports.proxy,
        "listeners": {name: getattr(home.ports, name) for name in listeners},
        "chain": str(certificates.server_chain(home)),
        "key": str(certificates.server_key(home)),
        "bundle": str(home.ca_bundle),
    }
    return {VARIABLE: json.dumps(told)}
