"""The environments in which the processes of one localcloud run, and a person's shell can.

A shell may hold the settings of a real subscription: a service principal, a tenant, another cloud. None of
them may reach a process of localcloud, where they would win over its own identity.
"""

import os
from collections.abc import Mapping
from typing import Any

from localcloud.home import LOOPBACK, STORAGE_ACCOUNT, Home
from localcloud.spec import CloudSpec

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
"""How the names of variables begin that decide which cloud, which identity or which code is used."""

EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of every storage emulator, published by Microsoft; no secret."""


def inherited() -> dict[str, str]:
    """This process's environment without what belongs to another cloud; loopback goes round any proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    direct = {each for each in kept.get("NO_PROXY", kept.get("no_proxy", "")).split(",") if each}
    without = ",".join(sorted(direct | {LOOPBACK, "localhost"}))
    return kept | {"NO_PROXY": without, "no_proxy": without}


def of_app(home: Home, spec: CloudSpec) -> dict[str, str]:
    """The settings of the site in `spec`, with what App Service adds: an identity; here also trust."""
    return spec.app_settings() | home.identity("app") | home.trust()


def of_functions(home: Home, spec: CloudSpec, settings: Mapping[str, str]) -> dict[str, str]:
    """The Functions host's: the app's settings, over them `settings`."""
    return inherited() | of_app(home, spec) | dict(settings)


def of_cloud(home: Home, settings: Mapping[str, str]) -> dict[str, str]:
    """The cloud process's."""
    return inherited() | home.trust() | dict(settings)


def of_storage(home: Home) -> dict[str, str]:
    from localcloud.eventgrid import journal

    return inherited() | {journal.FOLDER_VARIABLE: str(journal.folder(home))}


def of_person(home: Home) -> dict[str, str]:
    """In which Azure's SDKs find this cloud and are its person: for a shell, a script, a notebook."""
    return {"ARM_CLOUD_METADATA_URL": home.metadata_url, **home.identity("person"), **home.trust()}


def func_settings(home: Home, spec: CloudSpec) -> dict[str, Any]:
    """What `local.settings.json` of Azure Functions Core Tools holds, for the app against this cloud."""
    return {
        "IsEncrypted": False,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage": connection_string(home),
            **of_app(home, spec),
        },
    }


def connection_string(home: Home) -> str:
    """Of the cloud's storage, for `func start`, whose host has no identity here: it uses the shared key."""
    account = [f"AccountName={STORAGE_ACCOUNT}", f"AccountKey={EMULATOR_KEY}"]
    ports = {"Blob": home.ports.blob, "Queue": home.ports.queue, "Table": home.ports.table}
    endpoints = [
        f"{kind}Endpoint=https://{LOOPBACK}:{port}/{STORAGE_ACCOUNT}" for kind, port in ports.items()
    ]
    return ";".join(["DefaultEndpointsProtocol=https", *account, *endpoints])
