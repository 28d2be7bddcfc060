"""The settings file of Azure Functions Core Tools for the app against a localcloud."""

from pathlib import Path
from typing import Any

from localcloud.environment import environment_of_app
from localcloud.home import LOOPBACK, STORAGE_ACCOUNT, Home, Ports
from runs.settings import RUN_SETTINGS

EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of every storage emulator, published by Microsoft; no secret."""


def func_settings(home: Home) -> dict[str, Any]:
    """What `local.settings.json` holds. Durable's own storage is this home's too."""
    return {
        "IsEncrypted": False,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage": connection_string(home),
            **environment_of_app(home),
        },
    }


def connection_string(home: Home) -> str:
    """For the Functions host, which has no identity here: it uses shared key."""
    account = [f"AccountName={STORAGE_ACCOUNT}", f"AccountKey={EMULATOR_KEY}"]
    ports = {"Blob": home.ports.blob, "Queue": home.ports.queue, "Table": home.ports.table}
    endpoints = [
        f"{kind}Endpoint=https://{LOOPBACK}:{port}/{STORAGE_ACCOUNT}" for kind, port in ports.items()
    ]
    return ";".join(["DefaultEndpointsProtocol=https", *account, *endpoints])


def sample() -> dict[str, Any]:
    """What local.settings.sample.json holds: every setting, for a localcloud on its usual ports.

    Paths are relative to the app's folder, where `func start` runs.
    """
    home = Home(Path(".localcloud"), Ports(), {"app": "written by: python -m localcloud env --func"}, "")
    settings = func_settings(home)
    settings["Values"] |= {each.variable: str(each.default) for each in RUN_SETTINGS.values()}
    return settings
