"""The environment variables for the processes of one localcloud, and for a developer's shell.

A shell may hold the settings of a real subscription: a service principal, a tenant, another cloud. No process
of localcloud may get them, because they would take precedence over its own identity.
"""

import json
import os
from collections.abc import Mapping

from localcloud.functions.site import HOSTED, OVERRIDES
from localcloud.home import LOOPBACK, Home
from localcloud.persons import secret_of

FOREIGN = (
    "ARM_",
    "AZURE_",
    "AZUREML_",
    "IDENTITY_",
    "IMDS_",
    "MSI_",
    "NODE_OPTIONS",
    "PYTHONHOME",
    "PYTHONPATH",
)
"""Prefixes of variables that choose a cloud, an identity or the code that runs."""


def inherited() -> dict[str, str]:
    """This process's environment without the variables of another cloud, and with no proxy for loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    direct = {each for each in kept.get("NO_PROXY", kept.get("no_proxy", "")).split(",") if each}
    without = ",".join(sorted(direct | {LOOPBACK, "localhost"}))
    return kept | {"NO_PROXY": without, "no_proxy": without}


def of_app(home: Home, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a site, its identity (as App Service adds it), proxy and CA bundle."""
    return dict(settings) | home.identity("site") | home.trust()


def of_functions(home: Home, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of the Functions host, which gives itself the settings of its site.

    `settings` override those of the site.
    """
    overriding = {OVERRIDES: json.dumps(dict(settings))}
    return inherited() | home.identity("site") | home.trust() | overriding


def of_cloud(home: Home, settings: Mapping[str, str], *, hosted: bool = False) -> dict[str, str]:
    """The environment of the cloud process. hosted: whether the stack has a Functions host."""
    return inherited() | home.trust() | ({HOSTED: "1"} if hosted else {}) | dict(settings)


def of_storage(home: Home) -> dict[str, str]:
    from localcloud.storage import emulator

    return inherited() | emulator.variables(home)


def of_person(home: Home, name: str = "person") -> dict[str, str]:
    """The variables with which Azure's SDKs use this cloud as a person, in a shell, script or notebook.

    Raises UnknownPersonError.
    """
    identity = {"IDENTITY_ENDPOINT": home.identity_endpoint, "IDENTITY_HEADER": secret_of(home, name)}
    return {"ARM_CLOUD_METADATA_URL": home.metadata_url, **identity, **home.trust()}
