"""The environments in which the processes of one localcloud run, and a person's shell can.

A shell may hold the settings of a real subscription: a service principal, a tenant, another cloud. None of
them may reach a process of localcloud, where they would win over its own identity.
"""

import os
from collections.abc import Mapping

from localcloud.home import (
    CONTAINER,
    DATASTORE,
    FACTORY,
    LOOPBACK,
    REPOSITORY,
    RESOURCE_GROUP,
    SUBSCRIPTION,
    WORKSPACE,
    Home,
)
from runs.settings import APP_SETTINGS, RUN_SETTINGS

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

TUNABLE = (
    *(setting.variable for setting in RUN_SETTINGS.values()),
    *(setting.variable for setting in APP_SETTINGS if setting.variable.endswith(("_SECONDS", "_NODES"))),
)
"""Settings of the app that a person's environment may set for localcloud; the others are addresses of it."""

TRAINER = REPOSITORY / ".venv-trainer"
TRAINER_VARIABLE = "LOCALCLOUD_TRAINER_ENVIRONMENT"


def inherited() -> dict[str, str]:
    """This process's environment without what belongs to another cloud; loopback goes round any proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((*FOREIGN, "TOUCHDOWN_")) or name in TUNABLE
    }
    direct = {each for each in kept.get("NO_PROXY", kept.get("no_proxy", "")).split(",") if each}
    without = ",".join(sorted(direct | {LOOPBACK, "localhost"}))
    return kept | {"NO_PROXY": without, "no_proxy": without}


def environment_of_app(home: Home) -> dict[str, str]:
    """The settings of a Function App that belongs to `home`, all that it needs of localcloud.

    Its looks are paced for a machine where a training takes seconds; Azure's own pace is the app's default.
    """
    return {
        "TOUCHDOWN_SUBSCRIPTION_ID": SUBSCRIPTION,
        "TOUCHDOWN_RESOURCE_GROUP": RESOURCE_GROUP,
        "TOUCHDOWN_WORKSPACE": WORKSPACE,
        "TOUCHDOWN_DATA_FACTORY": FACTORY,
        "TOUCHDOWN_PIPELINE": "train",
        "TOUCHDOWN_STORAGE_URL": home.blob_url,
        "TOUCHDOWN_CONTAINER": CONTAINER,
        "TOUCHDOWN_DATASTORE": DATASTORE,
        "TOUCHDOWN_RESOURCE_MANAGER_URL": home.resource_manager,
        "TOUCHDOWN_COMPUTE_IDENTITY": "",
        "TOUCHDOWN_COMPUTE_MAX_NODES": "2",
        "TOUCHDOWN_TOPIC_ENDPOINT": home.topic_endpoint,
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS": "2",
        "TOUCHDOWN_RUN_POLLING_CAP_SECONDS": "15",
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS": "0.1",
        "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS": "2",
        "ARM_CLOUD_METADATA_URL": home.metadata_url,
        "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING": "1",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        **home.identity("app"),
        **home.trust(),
    }


def of_functions(home: Home, settings: Mapping[str, str]) -> dict[str, str]:
    """The Functions host's: the app's settings, over them the person's, over all `settings`."""
    person = {name: os.environ[name] for name in TUNABLE if name in os.environ}
    return inherited() | environment_of_app(home) | person | dict(settings)


def of_cloud(home: Home, settings: Mapping[str, str]) -> dict[str, str]:
    """The cloud process's. Batch and scoring share the trainer's environment where `make setup` made one."""
    made = any(TRAINER.glob("lib/python3.*/site-packages/mlflow/__init__.py"))
    ready = {TRAINER_VARIABLE: str(TRAINER)} if made else {}
    return ready | inherited() | home.trust() | dict(settings)


def of_storage(home: Home) -> dict[str, str]:
    from localcloud.eventgrid import journal

    return inherited() | {journal.FOLDER_VARIABLE: str(journal.folder(home))}


def of_person(home: Home) -> dict[str, str]:
    """In which Azure's SDKs find this cloud and are its person: for a shell, a script, a notebook."""
    return {"ARM_CLOUD_METADATA_URL": home.metadata_url, **home.identity("person"), **home.trust()}
