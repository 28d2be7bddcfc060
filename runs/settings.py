"""Settings: those of a run, and those of the app.

A run's setting is looked for in the HTTP body, then in the blob metadata of the CSV, then in the app
settings (`TOUCHDOWN_` and the name in capitals), then here. The app's own settings are environment
variables, read once; nothing else in the product reads the environment.
"""

import functools
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runs import naming
from runs.contracts import Json, Polling, RunSettings
from runs.errors import RefusedError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 256 or not value.isprintable():
        raise ValueError("a text of at most 256 printable characters")
    return value.strip()


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        expected = ValueError(f"a whole number from {low} to {high}")
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise expected
        try:
            number = int(value)
        except ValueError:
            raise expected from None
        if not low <= number <= high:
            raise expected
        return number

    return parse


def _number(low: float, high: float = math.inf) -> Callable[[Any], float]:
    span = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"

    def parse(value: Any) -> float:
        expected = ValueError(f"a number {span}")
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise expected
        try:
            number = float(value)
        except ValueError:
            raise expected from None
        if not (math.isfinite(number) and low <= number <= high):
            raise expected
        return number

    return parse


def _one_of(*words: str) -> Callable[[Any], str]:
    """One of these words, in any case; an empty text where "" is one of them."""
    shown = ", ".join(word for word in words if word)

    def parse(value: Any) -> str:
        given = value.strip().lower() if isinstance(value, str) else None
        if given not in words:
            raise ValueError(f"one of {shown}")
        return given

    return parse


def _duration(value: Any) -> int:
    expected = ValueError('a duration of 1 s to 7 d: seconds, or a text such as "90s", "30m", "24h", "1d"')
    found = None if isinstance(value, bool) else _DURATION.fullmatch(str(value).strip())
    if found is None:
        raise expected
    seconds = float(found[1]) * _SECONDS[found[2].lower()]
    if not 1 <= seconds <= 7 * 86400:
        raise expected
    return round(seconds)


@dataclass(frozen=True)
class Setting:
    """One setting of a run. default "" of a name means: derived, see `resolve`."""

    name: str
    parse: Callable[[Any], Any]
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The app setting that sets it for every run."""
        return f"TOUCHDOWN_{self.name.upper()}"


RUN_SETTINGS = {
    each.name: each
    for each in (
        Setting("label", _text, "", "Column to predict. Default: the last column."),
        Setting("model_name", _text, "", "Registered model. Default: from the file's name."),
        Setting(
            "endpoint_name", _text, "", "Batch endpoint. Default: from the model's name and the workspace."
        ),
        Setting("epochs", _whole(1, 10_000), 50, "Passes over the training rows."),
        Setting("lr", _number(1e-9, 100.0), 0.1, "Learning rate."),
        Setting(
            "min_accuracy",
            _number(0.0, 1.0),
            0.0,
            "Hold-out accuracy below which nothing is deployed. Of a classification.",
        ),
        Setting("training_timeout", _duration, 86400, "How long training may take, queueing included."),
        # Azure ML holds 20 on an endpoint; the others are for runs under way, which deploy before they prune.
        Setting(
            "keep_deployments", _whole(1, 10), 2, "Deployments that an endpoint keeps, the default included."
        ),
        Setting("compute_name", _text, "cpu-cluster", "AmlCompute cluster that scores."),
        Setting("vm_size", _text, "Standard_DS3_v2", "VM size of that cluster, when it has to be made."),
        Setting(
            "task",
            _one_of("", "classification", "regression"),
            "",
            "What is learnt. Default: told from the label, see below.",
        ),
        Setting(
            "algorithm",
            _one_of("linear", "boosting", "auto"),
            "linear",
            "`linear`: a linear model; `boosting`: gradient boosted trees; `auto`: both, and the better one"
            " is kept.",
        ),
        Setting(
            "rare_classes",
            _one_of("refuse", "merge"),
            "refuse",
            "What becomes of classes too small to be held out: `refuse` ends the training, `merge` makes one"
            " class of them, `(other)`.",
        ),
        Setting(
            "max_rmse",
            _number(0.0),
            0.0,
            "Hold-out RMSE above which nothing is deployed; 0: no limit. Of a regression.",
        ),
        # Two trainings on the same few thousand rows in another order differ by about a point of accuracy.
        Setting(
            "tolerance",
            _number(0.0, 1.0),
            0.01,
            "How much worse than the champion a model may be and still be deployed: in accuracy (0.01 is a"
            " point), or as a share of the champion's RMSE. The default is about what another order of the"
            " same rows changes on data sets of a few thousand rows; smaller differences are not worth a"
            " refusal.",
        ),
        Setting(
            "approval",
            _one_of("none", "required"),
            "none",
            "`required`: the run waits for a decision before it promotes.",
        ),
        Setting("approval_timeout", _duration, 259200, "How long it waits for that."),
    )
}


@dataclass(frozen=True)
class AppSetting:
    """An environment variable of the app that is not a run's default."""

    variable: str
    meaning: str
    default: str | None = None


APP_SETTINGS = (
    AppSetting("TOUCHDOWN_SUBSCRIPTION_ID", "Subscription of the workspace and the factory."),
    AppSetting("TOUCHDOWN_RESOURCE_GROUP", "Resource group of the workspace and the factory."),
    AppSetting("TOUCHDOWN_WORKSPACE", "Azure ML workspace."),
    AppSetting("TOUCHDOWN_DATA_FACTORY", "Data factory that trains."),
    AppSetting("TOUCHDOWN_PIPELINE", "Its pipeline.", "train"),
    AppSetting("TOUCHDOWN_STORAGE_URL", "Blob endpoint of the workspace's storage account, with https."),
    AppSetting("TOUCHDOWN_CONTAINER", "Container behind the workspace's default datastore."),
    AppSetting("TOUCHDOWN_DATASTORE", "That datastore.", "workspaceblobstore"),
    AppSetting("TOUCHDOWN_RESOURCE_MANAGER_URL", "Azure Resource Manager.", "https://management.azure.com"),
    AppSetting("TOUCHDOWN_COMPUTE_IDENTITY", "Resource id of the identity that a new cluster gets.", ""),
    AppSetting("TOUCHDOWN_COMPUTE_MAX_NODES", "Nodes that a new cluster may grow to.", "2"),
    AppSetting(
        "TOUCHDOWN_TOPIC_ENDPOINT", "Event Grid topic for lifecycle events; empty: none are sent.", ""
    ),
    AppSetting(
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS", "First look at a pipeline run, beside its event.", "30"
    ),
    AppSetting("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "Longest interval between two such looks.", "300"),
    AppSetting(
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS", "First look at an Azure ML operation or job.", "2"
    ),
    AppSetting("TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS", "Longest interval between two such looks.", "30"),
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
    """Whether App Service signs callers in (its authentication is on), and so says truly who calls."""

    @property
    def workspace_id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "App":
        """The settings in `environment`.

        Raises RefusedError naming every variable that is missing, or the first with a value it cannot have.
        """
        values: dict[str, str] = {}
        missing = []
        for each in APP_SETTINGS:
            value = environment.get(each.variable, "").strip() or each.default
            if value is None:
                missing.append(each.variable)
            else:
                values[each.variable.removeprefix("TOUCHDOWN_").lower()] = value
        if missing:
            raise RefusedError(
                "MissingAppSetting",
                f"app settings are missing: {', '.join(missing)}; set them on the Function App, or locally in"
                " local.settings.json (see local.settings.sample.json).",
            )

        def number(name: str) -> float:
            return _checked(f"app setting TOUCHDOWN_{name.upper()}", _number(0.01, 86400), values[name])

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
            compute_max_nodes=_checked(
                "app setting TOUCHDOWN_COMPUTE_MAX_NODES", _whole(1, 1000), values["compute_max_nodes"]
            ),
            topic_endpoint=values["topic_endpoint"],
            polling=Polling(
                run_first=number("run_polling_first_seconds"),
                run_cap=number("run_polling_cap_seconds"),
                operation_first=number("operation_polling_first_seconds"),
                operation_cap=number("operation_polling_cap_seconds"),
            ),
            run_defaults={
                name: environment[setting.variable]
                for name, setting in RUN_SETTINGS.items()
                if environment.get(setting.variable, "").strip()
            },
            signs_in=environment.get(SIGNED_IN, "").strip().lower() == "true",
        )


@functools.cache
def app() -> App:
    """The settings of this process; read on first use, so that the functions can be listed without them."""
    return App.read(os.environ)


def checked(given: Any) -> Json:
    """The settings of an HTTP body, each of a known name and a possible value.

    Raises RefusedError naming the setting, what was given, and what it may be.
    """
    if not isinstance(given, dict):
        raise RefusedError("InvalidSetting", 'settings: a JSON object is expected, such as {"epochs": 20}.')
    for name in given:
        if name not in RUN_SETTINGS:
            raise RefusedError(
                "UnknownSetting",
                f"setting {name[:80]!r} is unknown; there are {', '.join(sorted(RUN_SETTINGS))}.",
            )
    return {
        name: _checked(f"setting {name}", RUN_SETTINGS[name].parse, value) for name, value in given.items()
    }


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

    metadata is the CSV's own; keys that are no settings are other people's and are left alone. task_of: the
    task that a column asks for as label, where no setting says so. Names are made valid (runs.naming).
    Raises RefusedError for an impossible value, or a label that is no column.
    """
    found: dict[str, Any] = {}
    theirs = {key.lower(): value for key, value in metadata.items()}
    for name, setting in RUN_SETTINGS.items():
        if name in given:
            found[name] = _checked(f"setting {name}", setting.parse, given[name])
        elif theirs.get(name, "").strip():
            found[name] = _checked(f"dataset {dataset}: metadata {name}", setting.parse, theirs[name])
        elif name in app.run_defaults:
            found[name] = _checked(f"app setting {setting.variable}", setting.parse, app.run_defaults[name])
        else:
            found[name] = setting.default
    label = found["label"] or columns[-1]
    if label not in columns:
        # A value in metadata or a setting cannot keep the spaces around a column's name.
        label = next((column for column in columns if column.strip() == label), label)
    if label not in columns:
        shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
        raise RefusedError(
            "LabelMissing",
            f'dataset {dataset}: label column "{label}" is not in the header (found: {shown});'
            " rename the column or name another label.",
        )
    task = found["task"] or task_of(label)
    model = naming.valid_name("model", found["model_name"] or naming.model_name(dataset, task))
    return RunSettings(
        label=label,
        model_name=model,
        endpoint_name=(
            naming.valid_name("endpoint", found["endpoint_name"])
            if found["endpoint_name"]
            else naming.endpoint_name(model, app.workspace_id)
        ),
        epochs=found["epochs"],
        lr=found["lr"],
        min_accuracy=found["min_accuracy"],
        training_timeout=found["training_timeout"],
        keep_deployments=found["keep_deployments"],
        compute_name=naming.valid_name("compute", found["compute_name"]),
        vm_size=found["vm_size"],
        task=task,
        algorithm=found["algorithm"],
        rare_classes=found["rare_classes"],
        max_rmse=found["max_rmse"],
        tolerance=found["tolerance"],
        approval=found["approval"],
        approval_timeout=found["approval_timeout"],
    )


def _checked[T](what: str, parse: Callable[[Any], T], value: Any) -> T:
    try:
        return parse(value)
    except ValueError as expected:
        shown = repr(value)
        raise RefusedError(
            "InvalidSetting",
            f"{what}: {shown if len(shown) <= 80 else shown[:77] + '...'} was given, expected {expected}.",
        ) from None
