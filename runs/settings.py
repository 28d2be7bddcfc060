"""The app's settings, among them the values of a run's settings that hold for every run (runs.run_settings).

runs.resolving says what the settings of a run are. The app's settings are environment variables, which are
read once; nothing else in the product reads the environment.
"""

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runs import access
from runs.contracts import Json, Polling
from runs.errors import RefusedError
from runs.run_settings import RUN_SETTINGS
from runs.text import quote
from runs.value_types import ValueType, duration, number, one_of, whole_number
from trainer.dialect_zip import LIMITS


@dataclass(frozen=True)
class AppSetting:
    """An environment variable of the app that is not a run's default.

    is_limit: whether it is a limit or a pace, and not the address or the name of something.
    """

    variable: str
    meaning: str
    default: str | None = None
    is_limit: bool = False


APP_SETTINGS = (
    AppSetting("TOUCHDOWN_SUBSCRIPTION_ID", "Subscription of the workspace and the data factory."),
    AppSetting("TOUCHDOWN_RESOURCE_GROUP", "Resource group of the workspace and the data factory."),
    AppSetting("TOUCHDOWN_WORKSPACE", "Azure ML workspace."),
    AppSetting("TOUCHDOWN_DATA_FACTORY", "Data factory whose pipeline trains the models."),
    AppSetting("TOUCHDOWN_PIPELINE", "Name of that pipeline.", "train"),
    AppSetting("TOUCHDOWN_STORAGE_URL", "Blob endpoint of the workspace's storage account, with https."),
    AppSetting("TOUCHDOWN_CONTAINER", "Container of the workspace's default datastore."),
    AppSetting("TOUCHDOWN_DATASTORE", "Name of that datastore.", "workspaceblobstore"),
    AppSetting(
        "TOUCHDOWN_RESOURCE_MANAGER_URL",
        "Endpoint of Azure Resource Manager.",
        "https://management.azure.com",
    ),
    AppSetting(
        "TOUCHDOWN_COMPUTE_IDENTITY", "Resource id of the identity that is assigned to a new cluster.", ""
    ),
    AppSetting(
        "TOUCHDOWN_COMPUTE_MAX_NODES", "Largest number of nodes of a new cluster.", "2", is_limit=True
    ),
    AppSetting(
        "TOUCHDOWN_TOPIC_ENDPOINT", "Event Grid topic for lifecycle events. Empty: no events are sent.", ""
    ),
    AppSetting(
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS",
        "First polling interval of a pipeline run, which is polled in case its event is lost.",
        "30",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_RUN_POLLING_CAP_SECONDS",
        "Longest polling interval of a pipeline run.",
        "300",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS",
        "First polling interval of an Azure ML operation or job.",
        "2",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS",
        "Longest polling interval of an Azure ML operation or job.",
        "30",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_METADATA_SETTINGS",
        "Run settings, separated by commas, that the metadata of a dataset may set to any value, although its"
        " uploader does not own them.",
        "",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_ALLOWED_VM_SIZES",
        "VM sizes, separated by commas, that `vm_size` may name beside the app's own, `TOUCHDOWN_VM_SIZE`.",
        "",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_MAX_EPOCHS", "Largest number of `epochs` that anyone may set.", "10000", is_limit=True
    ),
    AppSetting(
        "TOUCHDOWN_MAX_TRAINING_TIMEOUT",
        "Longest `training_timeout` that anyone may set.",
        "7d",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_MAX_ROWS",
        "Largest number of rows of a dataset that is trained on.",
        "100000000",
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_MAX_TEXT_MIB",
        "Largest text of a compressed dataset, in MiB.",
        str(LIMITS.text >> 20),
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_MAX_COMPRESSION_RATIO",
        "How many times as long as a compressed dataset its text may be, beyond its first 64 MiB.",
        str(LIMITS.ratio),
        is_limit=True,
    ),
    AppSetting(
        "TOUCHDOWN_TAKE_OVER",
        "Whether a caller over HTTP may let a run take over an endpoint or a model name that belongs to"
        " another dataset, or that Touchdown did not make: `refuse` or `allow`.",
        "refuse",
        is_limit=True,
    ),
    AppSetting(
        access.SIGN_IN,
        "Who may call the HTTP API: `key`, whoever has a function key; `entra`, whoever App Service"
        " authentication has signed in with Microsoft Entra ID. Read when the functions are indexed.",
        "key",
    ),
    AppSetting(
        access.APPROVERS,
        "Who may approve or reject runs, separated by commas: `key:` and the SHA-256 of a function key, or"
        " `entra:` and the object id of a principal. Empty: everyone who may call the HTTP API.",
        "",
    ),
)


SIGNED_IN = "WEBSITE_AUTH_ENABLED"
"""App Service sets it to True where its authentication is on ("Environment variables and app settings in
Azure App Service", "Authentication & Authorization")."""


@dataclass(frozen=True)
class App:
    """The app's settings, checked. run_defaults: raw values by the name of the run setting."""

    subscription: str
    resource_group: str
    workspace: str
    data_factory: str
    pipeline: str
    storage_url: str
    container: str
    datastore: str
    resource_manager: str
    compute_identity: str
    compute_max_nodes: int
    topic_endpoint: str
    polling: Polling
    run_defaults: dict[str, str]
    metadata_settings: frozenset[str] = frozenset()
    """Names of the run settings that metadata may set although its writer does not own them."""
    allowed_vm_sizes: tuple[str, ...] = ()
    max_epochs: int = 10_000
    max_training_timeout: int = 7 * 86400
    max_rows: int = 100_000_000
    max_text_mib: int = LIMITS.text >> 20
    max_compression_ratio: int = LIMITS.ratio
    may_take_over: bool = False
    """Whether a request may let a run take over what belongs to another dataset, or to nobody."""
    sign_in: access.SignIn = "key"
    approvers: frozenset[str] = frozenset()
    signs_in: bool = False
    """Whether App Service signs callers in (its authentication is on): then its headers name the caller."""

    @property
    def workspace_id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "App":
        """The settings in `environment`.

        Raises RefusedError that names all missing variables, or the first one with an invalid value.
        """
        values = _values_of(environment)

        def value[T](name: str, type_: ValueType[T]) -> T:
            return parsed(f"app setting TOUCHDOWN_{name.upper()}", type_, values[name])

        def polling(name: str) -> float:
            return value(name, number(0.01, 86400))

        return cls(
            subscription=values["subscription_id"],
            resource_group=values["resource_group"],
            workspace=values["workspace"],
            data_factory=values["data_factory"],
            pipeline=values["pipeline"],
            storage_url=values["storage_url"].rstrip("/"),
            container=values["container"],
            datastore=values["datastore"],
            resource_manager=values["resource_manager_url"].rstrip("/"),
            compute_identity=values["compute_identity"],
            compute_max_nodes=value("compute_max_nodes", whole_number(1, 1000)),
            topic_endpoint=values["topic_endpoint"],
            polling=Polling(
                run_first=polling("run_polling_first_seconds"),
                run_cap=polling("run_polling_cap_seconds"),
                operation_first=polling("operation_polling_first_seconds"),
                operation_cap=polling("operation_polling_cap_seconds"),
            ),
            run_defaults={
                name: environment[setting.variable]
                for name, setting in RUN_SETTINGS.items()
                if environment.get(setting.variable, "").strip()
            },
            metadata_settings=_run_settings_in(values["metadata_settings"]),
            allowed_vm_sizes=tuple(_words(values["allowed_vm_sizes"])),
            max_epochs=value("max_epochs", whole_number(1, 10_000)),
            max_training_timeout=value("max_training_timeout", duration()),
            max_rows=value("max_rows", whole_number(1, 10**12)),
            max_text_mib=value("max_text_mib", whole_number(1, 10**9)),
            max_compression_ratio=value("max_compression_ratio", whole_number(1, 1100)),
            may_take_over=value("take_over", one_of("refuse", "allow")) == "allow",
            sign_in=access.read_sign_in(values["sign_in"]),
            approvers=access.read_approvers(values["approvers"]),
            signs_in=environment.get(SIGNED_IN, "").strip().lower() == "true",
        )


def _values_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The value of each of APP_SETTINGS, by its variable's name in lower case without TOUCHDOWN_."""
    values: dict[str, str] = {}
    missing = []
    for each in APP_SETTINGS:
        value = environment.get(each.variable, "").strip() or each.default
        if value is None:
            missing.append(each.variable)
        else:
            values[each.variable.removeprefix("TOUCHDOWN_").lower()] = value
    if missing:
        others = unknown(environment)
        misspelt = f" No setting is called {', '.join(others)}: is one of these misspelt?" if others else ""
        raise RefusedError(
            "MissingAppSetting",
            f"app settings are missing: {', '.join(missing)}; set them on the Function App, or locally in"
            f" local.settings.json (see local.settings.sample.json).{misspelt}",
        )
    return values


def _words(value: str) -> list[str]:
    """The words of a list that is separated by commas."""
    return [word.strip() for word in value.split(",") if word.strip()]


def _run_settings_in(value: str) -> frozenset[str]:
    """The run settings that TOUCHDOWN_METADATA_SETTINGS names. Raises RefusedError for another word."""
    names = frozenset(_words(value))
    others = ", ".join(quote(each) for each in sorted(names - set(RUN_SETTINGS)))
    if others:
        raise RefusedError(
            "InvalidSetting",
            f"app setting TOUCHDOWN_METADATA_SETTINGS: {others}: no setting of a run has that name; use"
            f" {', '.join(sorted(RUN_SETTINGS))}.",
        )
    return names


def unknown(names: Iterable[str]) -> list[str]:
    """Those of `names` that begin as the app's settings do, and are none."""
    known = {each.variable for each in APP_SETTINGS} | {each.variable for each in RUN_SETTINGS.values()}
    return sorted(name for name in names if name.startswith("TOUCHDOWN_") and name not in known)


@functools.cache
def app() -> App:
    """The settings of this process; read on first use, so that the functions can be listed without them."""
    return App.read(os.environ)


def checked(given: Any) -> Json:
    """The settings of an HTTP body, with each value converted to its type, whoever may set it.

    Raises RefusedError for an unknown name or an invalid value; the message says what is allowed.
    """
    if not isinstance(given, dict):
        raise RefusedError("InvalidSetting", 'settings: a JSON object is expected, such as {"epochs": 20}.')
    for name in given:
        if name not in RUN_SETTINGS:
            raise RefusedError(
                "UnknownSetting", f"setting {quote(name)} is unknown; use {', '.join(sorted(RUN_SETTINGS))}."
            )
    return {name: parsed(f"setting {name}", RUN_SETTINGS[name].type, value) for name, value in given.items()}


def parsed[T](source: str, type_: ValueType[T], value: Any) -> T:
    """`value` as one of `type_`. Raises RefusedError InvalidSetting that names `source`, its setting."""
    try:
        return type_.parse(value)
    except ValueError as expected:
        raise RefusedError(
            "InvalidSetting", f"{source}: {quote(value, 80)} was given, expected {expected}."
        ) from None
