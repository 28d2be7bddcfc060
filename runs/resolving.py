"""What the settings of a run are: which source wins, and what each source may say.

A setting comes from the HTTP body, else from the blob metadata of the dataset, else from the app setting
`TOUCHDOWN_<NAME>`, else from its default. A value that its source may not give is refused (runs.authority).
"""

from collections.abc import Callable, Mapping
from typing import Any

from runs import authority, naming
from runs.authority import Owner
from runs.contracts import Json, RunSettings
from runs.errors import RefusedError
from runs.run_settings import RUN_SETTINGS, Setting
from runs.settings import App, parsed
from runs.text import printable, quote, shorten
from runs.value_types import LONGEST_TEXT
from trainer.dialect import column_named


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

    Raises RefusedError for an invalid value, for one that its source may not give, and for a label that is
    not among `columns`.
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


def check_body(given: Json, app: App) -> None:
    """Raise RefusedError if a value of an HTTP body is not the caller's to give. given: checked values."""
    for name, value in given.items():
        _check_value(RUN_SETTINGS[name], value, f"setting {name}", app, is_metadata=False)


def _found(given: Json, metadata: Mapping[str, str], app: App, dataset: str) -> dict[str, Any]:
    """The value of each setting, from the first place that has one.

    Metadata may hold keys of other programs: only those that name a setting are read.
    """
    found: dict[str, Any] = {}
    for name, setting in RUN_SETTINGS.items():
        is_metadata = name not in given and bool(metadata.get(name, "").strip())
        if name in given or is_metadata:
            source = f"dataset {dataset}: metadata {name}" if is_metadata else f"setting {name}"
            found[name] = parsed(source, setting.type, metadata[name] if is_metadata else given[name])
            _check_value(setting, found[name], source, app, is_metadata=is_metadata)
        else:
            found[name] = _own(setting, app)
    return found


def _own(setting: Setting, app: App) -> Any:
    """The value of a setting for runs that set none: the app setting's, else the default within the cap."""
    if setting.name in app.run_defaults:
        source = f"app setting {setting.variable}"
        value = parsed(source, setting.type, app.run_defaults[setting.name])
        _check_cap(setting, value, source, app)
        return value
    return min(setting.default, getattr(app, setting.cap)) if setting.cap else setting.default


def _check_value(setting: Setting, value: Any, source: str, app: App, *, is_metadata: bool) -> None:
    """Raise RefusedError if metadata, or else an HTTP body, may not give a setting this value."""
    if not (is_metadata and setting.name in app.metadata_settings):
        if is_metadata and setting.owner is Owner.PLACE:
            raise authority.not_of_metadata(source, setting.variable, setting.name)
        if setting.tighter is not None:
            own = _own(setting, app)
            if not setting.tighter.keeps(value, own):
                raise authority.looser(source, value, own, setting.tighter, setting.variable)
    _check_cap(setting, value, source, app)
    if setting.choices:
        allowed: tuple[str, ...] = (_own(setting, app), *getattr(app, setting.choices))
        if str(value).casefold() not in {each.casefold() for each in allowed}:
            raise authority.unlisted(source, value, allowed, f"TOUCHDOWN_{setting.choices.upper()}")


def _check_cap(setting: Setting, value: Any, source: str, app: App) -> None:
    if setting.cap and value > getattr(app, setting.cap):
        cap = getattr(app, setting.cap)
        raise authority.beyond_cap(source, value, cap, f"TOUCHDOWN_{setting.cap.upper()}")


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
