"""Settings: those of a run, and those of the app.

A run's setting comes from the HTTP body, else from the blob metadata of the CSV, else from the app setting
`TOUCHDOWN_<NAME>`, else from the default below. The app's own settings are environment variables, which are
read once; nothing else in the product reads the environment.
"""

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runs import naming
from runs.contracts import Json, Polling, RunSettings
from runs.errors import RefusedError
from runs.text import printable, quote, shorten
from runs.value_types import LONGEST_TEXT, ValueType, duration, number, one_of, text, whole_number
from trainer.dialect import column_named


@dataclass(frozen=True)
class Setting:
    """One setting of a run.

    default: for the names and the task, "" means that `resolve` derives it. meaning: for docs/settings.md.
    """

    name: str
    type: ValueType[Any]
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The app setting that sets it for every run."""
        return f"TOUCHDOWN_{self.name.upper()}"


RUN_SETTINGS = {
    each.name: each
    for each in (
        Setting("label", text(), "", "Column to predict. Default: the last column."),
        Setting(
            "model_name", text(), "", "Name of the registered model. Default: derived from the file's name."
        ),
        Setting(
            "endpoint_name",
            text(),
            "",
            "Name of the batch endpoint. Default: derived from the names of model and workspace.",
        ),
        Setting(
            "epochs",
            whole_number(1, 10_000),
            50,
            "Passes over the training rows (`linear`), or rounds (`boosting`); `auto` takes none.",
        ),
        Setting(
            "lr", number(1e-9, 100.0), 0.1, "Learning rate of `linear` or `boosting`; `auto` takes none."
        ),
        Setting(
            "min_accuracy",
            number(0.0, 1.0),
            0.0,
            "For a classification: a model whose hold-out accuracy is lower is not deployed.",
        ),
        Setting(
            "training_timeout",
            duration(),
            86400,
            "How long training may take, including the time in a queue.",
        ),
        # Azure ML allows 20 on an endpoint. Runs in progress need the rest: they deploy before they prune.
        Setting(
            "keep_deployments",
            whole_number(1, 10),
            2,
            "Number of deployments that an endpoint keeps, including the default.",
        ),
        Setting("compute_name", text(), "cpu-cluster", "Name of the AmlCompute cluster that scores."),
        Setting(
            "vm_size", text(), "Standard_DS3_v2", "VM size of that cluster, if Touchdown has to create it."
        ),
        Setting(
            "task",
            one_of("", "classification", "regression"),
            "",
            "What kind of model is trained. Default: detected from the label column, see below.",
        ),
        Setting(
            "algorithm",
            one_of("auto", "linear", "boosting"),
            "auto",
            "`auto`: a linear model, gradient-boosted trees or a blend of both, whichever predicts unseen"
            " training rows best; `linear`: a linear model by stochastic gradient descent on all rows;"
            " `boosting`: trees alone. The last two take `epochs` and `lr`.",
        ),
        Setting(
            "training_budget",
            number(0.1, 3600.0),
            10.0,
            "How much work `auto` may take: one is about what a core does in a second. It is counted in work,"
            " not by a clock, so the same file gives the same model on any machine.",
        ),
        Setting(
            "rare_classes",
            one_of("refuse", "merge"),
            "refuse",
            "What happens to classes with too few rows for a hold-out: `refuse` ends the training, `merge`"
            " combines them into one class, `(other)`.",
        ),
        Setting(
            "class_weights",
            one_of("equal", "balanced"),
            "equal",
            "How much the rows of each class count in the training of a classifier: `equal`, all alike;"
            " `balanced`, inversely to the class's frequency, so that each class counts alike. Predicted"
            " probabilities then no longer follow the classes' frequencies.",
        ),
        Setting(
            "max_rmse",
            number(0.0),
            0.0,
            "For a regression: a model whose hold-out RMSE is higher is not deployed. 0 means no limit.",
        ),
        # Training twice on the same few thousand rows in another order changes accuracy by about a point.
        Setting(
            "tolerance",
            number(0.0, 1.0),
            0.01,
            "How much worse than the champion a model may be and still be deployed: in accuracy (0.01 is one"
            " percentage point), or as a fraction of the champion's RMSE. On data sets of a few thousand"
            " rows, shuffling the same rows changes a model by about the default; smaller differences do not"
            " justify keeping the champion.",
        ),
        Setting(
            "approval",
            one_of("none", "required"),
            "none",
            "`required`: the run waits for a person's decision before it promotes its deployment.",
        ),
        Setting("approval_timeout", duration(), 259200, "How long the run waits for that decision."),
    )
}


@dataclass(frozen=True)
class AppSetting:
    """An environment variable of the app that is not a run's default."""

    variable: str
    meaning: str
    default: str | None = None


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
    AppSetting("TOUCHDOWN_COMPUTE_MAX_NODES", "Largest number of nodes of a new cluster.", "2"),
    AppSetting(
        "TOUCHDOWN_TOPIC_ENDPOINT", "Event Grid topic for lifecycle events. Empty: no events are sent.", ""
    ),
    AppSetting(
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS",
        "First polling interval of a pipeline run, which is polled in case its event is lost.",
        "30",
    ),
    AppSetting("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "Longest polling interval of a pipeline run.", "300"),
    AppSetting(
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS",
        "First polling interval of an Azure ML operation or job.",
        "2",
    ),
    AppSetting(
        "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS",
        "Longest polling interval of an Azure ML operation or job.",
        "30",
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

        def polling(name: str) -> float:
            return _parsed(f"app setting TOUCHDOWN_{name.upper()}", number(0.01, 86400), values[name])

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
            compute_max_nodes=_parsed(
                "app setting TOUCHDOWN_COMPUTE_MAX_NODES", whole_number(1, 1000), values["compute_max_nodes"]
            ),
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


def unknown(names: Iterable[str]) -> list[str]:
    """Those of `names` that begin as the app's settings do, and are none."""
    known = {each.variable for each in APP_SETTINGS} | {each.variable for each in RUN_SETTINGS.values()}
    return sorted(name for name in names if name.startswith("TOUCHDOWN_") and name not in known)


@functools.cache
def app() -> App:
    """The settings of this process; read on first use, so that the functions can be listed without them."""
    return App.read(os.environ)


def checked(given: Any) -> Json:
    """The settings of an HTTP body, with each value converted to its type.

    Raises RefusedError for an unknown name or an invalid value; the message says what is allowed.
    """
    if not isinstance(given, dict):
        raise RefusedError("InvalidSetting", 'settings: a JSON object is expected, such as {"epochs": 20}.')
    for name in given:
        if name not in RUN_SETTINGS:
            raise RefusedError(
                "UnknownSetting", f"setting {quote(name)} is unknown; use {', '.join(sorted(RUN_SETTINGS))}."
            )
    return {name: _parsed(f"setting {name}", RUN_SETTINGS[name].type, value) for name, value in given.items()}


def resolve(
    given: Json,
    metadata: Mapping[str, str],
    app: App,
    *,
    dataset: str,
    columns: list[str],
    task_of: Callable[[str], str],
) -> RunSettings:
    """The settings of a run: HTTP body over blob metadata over app settings over defaults.

    metadata is that of the dataset's blob. task_of gives the task that suits a column as the label; it is
    asked if no setting names the task. Names are made valid (runs.naming).

    Raises RefusedError for an invalid value, or a label that is not among `columns`.
    """
    found = _found(given, {key.lower(): value for key, value in metadata.items()}, app, dataset)
    found["label"] = _label(found["label"], columns, dataset)
    found["task"] = found["task"] or task_of(found["label"])
    model = naming.valid_name("model", found["model_name"] or naming.model_name(dataset, found["task"]))
    found["model_name"] = model
    if found["endpoint_name"]:
        found["endpoint_name"] = naming.valid_name("endpoint", found["endpoint_name"])
    else:
        found["endpoint_name"] = naming.endpoint_name(model, app.workspace_id)
    found["compute_name"] = naming.valid_name("compute", found["compute_name"])
    return RunSettings(**found)


def named_label(given: Json, metadata: Mapping[str, str], app: App, *, dataset: str) -> str:
    """The label as the settings name it, which may differ from the column's name by case; "" if none does.

    Raises RefusedError for an invalid value of any setting.
    """
    return str(_found(given, {key.lower(): value for key, value in metadata.items()}, app, dataset)["label"])


def _found(given: Json, metadata: Mapping[str, str], app: App, dataset: str) -> dict[str, Any]:
    """The value of each setting, from the first place that has one.

    Metadata may hold keys of other programs: only those that name a setting are read.
    """
    found: dict[str, Any] = {}
    for name, setting in RUN_SETTINGS.items():
        if name in given:
            found[name] = _parsed(f"setting {name}", setting.type, given[name])
        elif metadata.get(name, "").strip():
            found[name] = _parsed(f"dataset {dataset}: metadata {name}", setting.type, metadata[name])
        elif name in app.run_defaults:
            found[name] = _parsed(f"app setting {setting.variable}", setting.type, app.run_defaults[name])
        else:
            found[name] = setting.default
    return found


def _label(wanted: str, columns: list[str], dataset: str) -> str:
    """The column that is called `wanted`; the last one for "". Raises RefusedError LabelMissing."""
    if not wanted:
        return columns[-1]
    found = column_named(columns, wanted)
    if found:
        return found
    names = ", ".join(shorten(printable(column), 40) for column in columns[:20])
    more = ", …" if len(columns) > 20 else ""
    raise RefusedError(
        "LabelMissing",
        f"dataset {dataset}: label column {quote(wanted, LONGEST_TEXT)} is not in the header (found:"
        f" {names}{more}); rename the column or name another label.",
    )


def _parsed[T](source: str, type_: ValueType[T], value: Any) -> T:
    """`value` as one of `type_`. Raises RefusedError InvalidSetting that names `source`, its setting."""
    try:
        return type_.parse(value)
    except ValueError as expected:
        raise RefusedError(
            "InvalidSetting", f"{source}: {quote(value, 80)} was given, expected {expected}."
        ) from None
