"""The settings file with which Azure Functions Core Tools serves the app against a localcloud."""

from pathlib import Path
from typing import Any

from localcloud.environment import environment_of_app
from localcloud.home import LOOPBACK, STORAGE_ACCOUNT, Home, Ports

from runs.settings import RUN_SETTINGS

EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Microsoft publishes for storage emulators. It is not a secret."""


def func_settings(home: Home) -> dict[str, Any]:
    """The content of `local.settings.json`. Durable keeps its state in this home's storage too."""
    return {
        "IsEncrypted": False,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage": connection_string(home),
            **environment_of_app(home),
        },
    }


def connection_string(home: Home) -> str:
    """The storage connection string of the Functions host, which signs in with the shared key."""
    account = [f"AccountName={STORAGE_ACCOUNT}", f"AccountKey={EMULATOR_KEY}"]
    ports = {"Blob": home.ports.blob, "Queue": home.ports.queue, "Table": home.ports.table}
    endpoints = [
        f"{kind}Endpoint=https://{LOOPBACK}:{port}/{STORAGE_ACCOUNT}" for kind, port in ports.items()
    ]
    return ";".join(["DefaultEndpointsProtocol=https", *account, *endpoints])


def sample() -> dict[str, Any]:
    """The content of local.settings.sample.json: every setting, for a localcloud on its default ports.

    Paths are relative to the app's folder, where `func start` runs.
    """
    home = Home(Path(".localcloud"), Ports(), {"app": "written by: touchdown env --func"}, "")
    settings = func_settings(home)
    settings["Values"] |= {each.variable: str(each.default) for each in RUN_SETTINGS.values()}
    return settings
