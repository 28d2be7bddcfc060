"""Settings: which source wins, what a value may be, and how an invalid one is refused."""

import json
import math
import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from runs import resolving, settings
from runs.authority import Owner
from runs.contracts import Polling, RunSettings
from runs.errors import RefusedError
from runs.run_settings import RUN_SETTINGS
from runs.settings import APP_SETTINGS, App

COLUMNS = ["sepal_length", "petal_length", "species"]
NEEDED = {
    "TOUCHDOWN_SUBSCRIPTION_ID": "10ca1c10-0d00-4000-8000-000000000001",
    "TOUCHDOWN_RESOURCE_GROUP": "group",
    "TOUCHDOWN_WORKSPACE": "workspace",
    "TOUCHDOWN_DATA_FACTORY": "factory",
    "TOUCHDOWN_STORAGE_URL": "https://account.blob.core.windows.net",
    "TOUCHDOWN_CONTAINER": "azureml-blobstore-1",
}
EVERY = {
    "label": ("petal_length", "sepal_length", "species"),
    "model_name": ("from-body", "from-metadata", "from-app"),
    "endpoint_name": ("from-body", "from-metadata", "from-app"),
    "epochs": (1, "2", "3"),
    "lr": (0.5, "0.25", "0.125"),
    "min_accuracy": (0.5, "0.25", "0.125"),
    "training_timeout": ("1h", "2h", "3h"),
    "keep_deployments": (5, "4", "3"),
    "compute_name": ("from-body", "from-metadata", "from-app"),
    "vm_size": ("Standard_A", "Standard_B", "Standard_C"),
    "task": ("regression", "Regression", " regression "),
    "algorithm": ("boosting", "linear", "Boosting"),
    "training_budget": (0.5, "2.5", "60"),
    "rare_classes": ("merge", "MERGE", " merge "),
    "class_weights": ("balanced", "BALANCED", " balanced "),
    "max_rmse": (0.5, "0.25", "1e6"),
    "tolerance": (0, "0.25", "0.5"),
    "approval": ("required", "Required", "REQUIRED"),
    "approval_timeout": ("1h", "2h", "7d"),
    "uncompared_champion": ("approval", "Approval", "replace"),
}
"""For each setting, a value in the body, one in the metadata and one in the app settings.

Those of the body and the metadata are tighter than those of the app settings, if there is such a thing.
"""
POLICY = [each.name for each in RUN_SETTINGS.values() if each.owner is Owner.POLICY]
PLACE = [each.name for each in RUN_SETTINGS.values() if each.owner is Owner.PLACE]
WIDE = {
    "TOUCHDOWN_METADATA_SETTINGS": ", ".join(PLACE),
    "TOUCHDOWN_ALLOWED_VM_SIZES": "Standard_A,Standard_B",
}
"""App settings under which metadata may set any value of EVERY."""


def app_with(**more: str) -> App:
    return App.read(NEEDED | more)


def resolved(
    given: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
    app: App | None = None,
    dataset: str = "iris_csv.csv",
    columns: list[str] | None = None,
    task: str = "classification",
) -> RunSettings:
    return resolving.resolve(
        given or {},
        metadata or {},
        app or app_with(),
        dataset=dataset,
        columns=columns or COLUMNS,
        task_of=lambda _: task,
    )


def refused(**given: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        settings.checked(given)
    return caught.value


# --- Settings of a run --------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_lab() -> None:
    found = resolved()
    assert (found.label, found.epochs, found.lr) == ("species", 50, 0.1)
    assert (found.model_name, found.keep_deployments) == ("iris_classification", 2)
    assert found.endpoint_name.startswith("iris-classification-")
    assert (found.min_accuracy, found.training_timeout) == (0.0, 86400)
    assert (found.compute_name, found.vm_size) == ("cpu-cluster", "Standard_DS3_v2")
    assert (found.task, found.algorithm, found.rare_classes) == ("classification", "auto", "refuse")
    assert (found.training_budget, found.class_weights) == (10.0, "equal")
    assert (found.max_rmse, found.tolerance) == (0.0, 0.01)
    assert (found.approval, found.approval_timeout) == ("none", 3 * 86400)
    assert found.uncompared_champion == "approval"


def test_the_contract_has_the_settings_of_the_table_and_no_second_default_for_any() -> None:
    assert {each.name for each in fields(RunSettings)} == set(RUN_SETTINGS)
    assert [each.name for each in fields(RunSettings) if each.default is not MISSING] == []


def test_the_task_is_detected_from_the_label_unless_it_is_set() -> None:
    found = resolved(dataset="houses.csv", task="regression")
    assert (found.task, found.model_name) == ("regression", "houses_regression")
    set_ = resolved({"task": "classification"}, dataset="houses.csv", task="regression")
    assert (set_.task, set_.model_name) == ("classification", "houses_classification")
    empty = settings.checked({"task": ""})
    assert resolved(empty, task="regression").task == "regression"


def test_the_task_is_detected_from_the_column_that_is_the_label() -> None:
    asked: list[str] = []
    resolving.resolve(
        {"label": "petal_length"},
        {},
        app_with(),
        dataset="x.csv",
        columns=COLUMNS,
        task_of=lambda column: asked.append(column) or "regression",  # type: ignore[func-returns-value]
    )
    assert asked == ["petal_length"]


@pytest.mark.parametrize(
    ("value", "signs_in"),
    [("True", True), (" True ", True), ("true", True), ("False", False), ("", False), ("1", False)],
)
def test_callers_are_signed_in_only_if_app_service_says_so(value: str, signs_in: bool) -> None:
    assert app_with(WEBSITE_AUTH_ENABLED=value).signs_in is signs_in
    assert app_with().signs_in is False


def test_every_setting_has_values_for_these_tests() -> None:
    assert set(EVERY) == set(RUN_SETTINGS)


@pytest.mark.parametrize("name", EVERY)
def test_body_goes_before_metadata_before_app_before_default(name: str) -> None:
    body, metadata, variable = EVERY[name]
    app = app_with(**{RUN_SETTINGS[name].variable: str(variable)}, **WIDE)
    parse = RUN_SETTINGS[name].type.parse
    given = settings.checked({name: body})
    assert getattr(resolved(given, {name: str(metadata)}, app), name) == parse(body)
    assert getattr(resolved({}, {name: str(metadata)}, app), name) == parse(metadata)
    assert getattr(resolved({}, {}, app), name) == parse(variable)
    same = ("label", "uncompared_champion")
    assert getattr(resolved(), name) not in (parse(body), parse(metadata)) or name in same


def test_metadata_is_read_in_any_case_and_other_keys_are_ignored() -> None:
    found = resolved({}, {"Epochs": "7", "owner": "somebody", "LR": " 0.5 ", "hdi_isfolder": "x"})
    assert (found.epochs, found.lr) == (7, 0.5)


def test_an_empty_value_in_metadata_or_app_settings_does_not_count() -> None:
    app = app_with(TOUCHDOWN_EPOCHS=" ")
    assert resolved({}, {"epochs": " ", "label": ""}, app).epochs == 50


def test_checking_settings_twice_changes_nothing_more() -> None:
    """The record keeps the checked settings of the body, and they are resolved from there."""
    once = settings.checked({name: body for name, (body, _, _) in EVERY.items()})
    assert settings.checked(json.loads(json.dumps(once))) == once


def test_the_endpoint_is_named_after_the_model_unless_it_is_set() -> None:
    assert resolved({"model_name": "wine"}).endpoint_name.startswith("wine-")
    assert resolved({"model_name": "wine", "endpoint_name": "serving"}).endpoint_name == "serving"


def test_a_text_has_at_most_256_characters_and_loses_the_spaces_around_it() -> None:
    assert settings.checked({"label": "x" * 256}) == {"label": "x" * 256}
    assert settings.checked({"label": "  a b "}) == {"label": "a b"}


def test_names_are_made_valid() -> None:
    found = resolved({"model_name": "a b", "endpoint_name": "My Endpoint", "compute_name": "cpu-1"})
    assert found.model_name.startswith("a-b-")
    assert found.endpoint_name.startswith("my-endpoint-")
    assert found.compute_name.startswith("cpu-1-")


@pytest.mark.parametrize("label", ["petal width", "  petal width", "petal width \t"])
def test_spaces_around_a_columns_name_need_not_be_given_with_the_label(label: str) -> None:
    """Metadata loses them, and a setting's value is stripped."""
    columns = ["sepal width", " petal width ", "species"]
    given = {} if "\t" in label else settings.checked({"label": label})
    assert resolved(given, {"label": label.strip()}, columns=columns).label == " petal width "


def test_a_column_of_exactly_the_labels_name_goes_before_one_with_spaces_around_it() -> None:
    assert resolved({"label": "b"}, columns=[" b", "b", "b ", "c"]).label == "b"
    assert resolved({"label": "b"}, columns=["a", " b", "b ", "c"]).label == " b"


@pytest.mark.parametrize("label", ["Species", "SPECIES", " speciEs "])
def test_the_case_of_a_label_need_not_be_that_of_its_column(label: str) -> None:
    columns = ["a", " species", "b"]
    assert resolved({"label": label}, columns=columns).label == " species"
    assert resolving.named_label({"label": label}, {}, app_with(), dataset="d") == label.strip()


def test_a_column_of_exactly_the_labels_case_goes_before_one_of_another() -> None:
    assert resolved({"label": "b"}, columns=["B", "b", "c"]).label == "b"


def test_a_label_that_is_several_columns_in_some_case_is_none_of_them() -> None:
    with pytest.raises(RefusedError, match="is not in the header"):
        resolved({"label": "ab"}, columns=["Ab", "aB", "c"])


def test_a_label_differs_from_a_column_by_spaces_within() -> None:
    for label in ("spe cies", "specie", "species2"):
        with pytest.raises(RefusedError, match="is not in the header"):
            resolved({"label": label})


def test_a_label_that_is_no_column_is_refused_with_the_names_of_the_columns() -> None:
    with pytest.raises(RefusedError) as caught:
        resolved({"label": "clas"})
    assert caught.value.code == "LabelMissing"
    assert str(caught.value) == (
        'dataset iris_csv.csv: label column "clas" is not in the header (found: sepal_length, petal_length,'
        " species); rename the column or name another label."
    )


@pytest.mark.parametrize("columns", [21, 10_000])
def test_the_message_about_a_missing_label_names_the_first_20_columns(columns: int) -> None:
    with pytest.raises(RefusedError) as caught:
        resolved({"label": "none"}, columns=[f"column{n}" for n in range(columns)])
    assert "column19, …)" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_message_about_a_missing_label_is_short_whatever_the_columns() -> None:
    with pytest.raises(RefusedError) as caught:
        resolved({"label": "none"}, columns=["x" * 100_000, "a\0b", *"cdefghijklmnopqrst"])
    assert f"(found: {'x' * 39}…, a\\x00b, c," in str(caught.value)
    assert "s, t);" in str(caught.value), "no ellipsis after 20 columns that are all"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("body", 'setting epochs: "many" was given'),
        ("metadata", 'dataset iris_csv.csv: metadata epochs: "many" was given'),
        ("app", 'app setting TOUCHDOWN_EPOCHS: "many" was given'),
    ],
)
def test_an_invalid_value_is_refused_with_its_source(source: str, words: str) -> None:
    given = {"epochs": "many"} if source == "body" else {}
    metadata = {"epochs": "many"} if source == "metadata" else {}
    app = app_with(TOUCHDOWN_EPOCHS="many") if source == "app" else app_with()
    with pytest.raises(RefusedError, match="expected a whole number from 1 to 10000") as caught:
        resolved(given, metadata, app)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("epochs", "a whole number from 1 to 10000"),
        ("min_accuracy", "a number from 0 to 1"),
        ("max_rmse", "a number of at least 0"),
        ("rare_classes", "one of refuse, merge"),
        ("class_weights", "one of equal, balanced"),
        ("task", "one of classification, regression"),
        ("label", "a text of at most 256 printable characters"),
        (
            "training_timeout",
            'a duration of 1 s to 7 d: seconds, or a text such as "90s", "30m", "24h", "1d"',
        ),
    ],
)
def test_an_invalid_value_is_refused_with_what_is_possible(name: str, expected: str) -> None:
    assert str(refused(**{name: "no\nvalue"})) == (
        f'setting {name}: "no\\nvalue" was given, expected {expected}.'
    )


def test_an_invalid_value_that_another_source_overrides_is_ignored() -> None:
    assert resolved({"epochs": 3}, {"epochs": "many"}).epochs == 3


# --- Who may set what ---------------------------------------------------------------------------------

LOOSER: dict[str, list[tuple[Any, Any]]] = {
    "approval": [("none", "required")],
    "approval_timeout": [("2h", "1h"), ("7d", "3d")],
    "min_accuracy": [(0, 0.9), (0.89, 0.9)],
    "max_rmse": [(0, 1.5), (1.6, 1.5), (1e9, 1.5)],
    "tolerance": [(0.02, 0.01), (1, 0)],
    "keep_deployments": [(1, 2), (2, 10)],
    "training_timeout": [("25h", "24h"), ("7d", 60)],
    "training_budget": [(10.1, 10), (3600, 0.1)],
    "uncompared_champion": [("replace", "approval")],
}
"""For each setting of policy, pairs of a value that is looser than the app's own, and that one."""
TIGHTER: dict[str, list[tuple[Any, Any]]] = {
    "approval": [("required", "none"), ("none", "none"), ("required", "required")],
    "approval_timeout": [("1h", "1h"), ("1s", "3d")],
    "min_accuracy": [(0.9, 0.9), (1, 0), (0, 0)],
    "max_rmse": [(1.5, 1.5), (1.4, 1.5), (1.5, 0), (0, 0), (1e300, 0)],
    "tolerance": [(0, 0.01), (0.01, 0.01)],
    "keep_deployments": [(2, 2), (10, 2)],
    "training_timeout": [("24h", "24h"), (1, "7d")],
    "training_budget": [(10, 10), (0.1, 3600)],
    "uncompared_champion": [("approval", "replace"), ("replace", "replace")],
}
"""For each setting of policy, pairs of a value that is at least as tight as the app's own, and that one."""


def pairs(table: dict[str, list[tuple[Any, Any]]]) -> list[tuple[str, Any, Any]]:
    return [(name, value, own) for name, values in table.items() for value, own in values]


def not_allowed(
    given: dict[str, Any] | None = None, metadata: dict[str, str] | None = None, app: App | None = None
) -> str:
    """The message with which values are refused, before anything is paid for."""
    with pytest.raises(RefusedError) as caught:
        resolved(given, metadata, app)
    assert caught.value.code == "SettingNotAllowed"
    if not metadata:
        with pytest.raises(RefusedError) as by_http:
            resolving.check_body(settings.checked(given), app or app_with())
        assert str(by_http.value) == str(caught.value)
    return str(caught.value)


def test_every_setting_has_an_owner_and_policy_knows_what_is_tighter() -> None:
    for each in RUN_SETTINGS.values():
        assert (each.tighter is not None) == (each.owner is Owner.POLICY), each.name
    assert set(LOOSER) == set(TIGHTER) == set(POLICY)
    assert set(PLACE) == {"endpoint_name", "model_name", "compute_name", "vm_size"}


@pytest.mark.parametrize(("name", "value", "own"), pairs(LOOSER))
def test_neither_metadata_nor_a_request_may_loosen_policy(name: str, value: Any, own: Any) -> None:
    variable = RUN_SETTINGS[name].variable
    app = app_with(**{variable: str(own)})
    for message in (not_allowed({name: value}, {}, app), not_allowed({}, {name: str(value)}, app)):
        assert f"{name}: " in message
        assert f"the app setting {variable}" in message
        assert "may only tighten it" in message


@pytest.mark.parametrize(("name", "value", "own"), pairs(TIGHTER))
def test_metadata_and_a_request_may_tighten_policy(name: str, value: Any, own: Any) -> None:
    app = app_with(**{RUN_SETTINGS[name].variable: str(own)})
    parsed = RUN_SETTINGS[name].type.parse(value)
    assert getattr(resolved(settings.checked({name: value}), {}, app), name) == parsed
    assert getattr(resolved({}, {name: str(value)}, app), name) == parsed
    resolving.check_body(settings.checked({name: value}), app)


def test_without_an_app_setting_the_default_is_what_may_only_be_tightened() -> None:
    assert "metadata tolerance: 1.0 is looser than 0.01" in not_allowed({}, {"tolerance": "1"})
    assert "setting keep_deployments: 1 is looser than 2" in not_allowed({"keep_deployments": 1})
    assert resolved({"approval": "none"}).approval == "none"


@pytest.mark.parametrize("name", PLACE)
def test_metadata_says_nothing_about_where_a_model_goes(name: str) -> None:
    """An uploader moved a model to the endpoint of another team in this way."""
    message = not_allowed({}, {name.upper(): "theirs"})
    assert message.startswith(f"dataset iris_csv.csv: metadata {name}: the metadata of a dataset may not set")
    for word in (RUN_SETTINGS[name].variable, "POST /api/runs", "TOUCHDOWN_METADATA_SETTINGS"):
        assert word in message
    assert resolved({}, {name: " "}), "an empty value does not count"


def test_a_request_may_say_where_a_model_goes() -> None:
    given = {"endpoint_name": "ours", "model_name": "m", "compute_name": "cpus", "vm_size": "standard_ds3_V2"}
    resolving.check_body(given, app_with())
    found = resolved(given)
    assert {name: getattr(found, name) for name in given} == given


def test_metadata_that_a_request_overrides_is_not_looked_at() -> None:
    assert resolved({"endpoint_name": "ours"}, {"endpoint_name": "theirs"}).endpoint_name == "ours"
    assert resolved({"tolerance": 0}, {"tolerance": "1"}).tolerance == 0


def test_the_operator_may_let_metadata_set_what_its_uploader_does_not_own() -> None:
    app = app_with(TOUCHDOWN_METADATA_SETTINGS="endpoint_name, tolerance,")
    found = resolved({}, {"endpoint_name": "theirs", "tolerance": "1"}, app)
    assert (found.endpoint_name, found.tolerance) == ("theirs", 1.0)
    assert "metadata model_name" in not_allowed({}, {"model_name": "m"}, app)
    assert "setting tolerance" in not_allowed({"tolerance": 1}, {}, app), "it is about metadata alone"


def test_an_unknown_name_among_the_settings_of_metadata_is_refused() -> None:
    with pytest.raises(
        RefusedError, match='TOUCHDOWN_METADATA_SETTINGS: "endpoint\\\\n": no setting'
    ) as caught:
        app_with(TOUCHDOWN_METADATA_SETTINGS="label,endpoint\\n")
    assert "endpoint_name" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "cap", "variable", "value", "within"),
    [
        ("epochs", "20", "TOUCHDOWN_MAX_EPOCHS", 21, 20),
        ("training_timeout", "1h", "TOUCHDOWN_MAX_TRAINING_TIMEOUT", 3601, 3600),
    ],
)
def test_a_cap_holds_for_everyone(name: str, cap: str, variable: str, value: int, within: int) -> None:
    every = {variable: cap, "TOUCHDOWN_METADATA_SETTINGS": name}
    app = app_with(**every)
    assert getattr(resolved({}, {}, app), name) == within, "the default is cut to the cap"
    message = not_allowed({}, {name: str(value)}, app)
    assert f"metadata {name}: {value} is more than {within}" in message
    assert variable in message
    assert getattr(resolved({}, {name: str(within)}, app), name) == within
    own = app_with(**every, **{RUN_SETTINGS[name].variable: str(value)})
    with pytest.raises(
        RefusedError, match=f"app setting {RUN_SETTINGS[name].variable}: {value} is more than"
    ):
        resolved({}, {}, own)


def test_a_request_may_not_go_beyond_the_cap_of_epochs() -> None:
    app = app_with(TOUCHDOWN_MAX_EPOCHS="20")
    assert "setting epochs: 21 is more than 20" in not_allowed({"epochs": 21}, {}, app)


def test_a_vm_size_is_the_apps_own_or_one_that_the_operator_lists() -> None:
    app = app_with(TOUCHDOWN_VM_SIZE="Standard_F4s", TOUCHDOWN_ALLOWED_VM_SIZES="Standard_A, Standard_B")
    message = not_allowed({"vm_size": "Standard_ND96"}, {}, app)
    assert '"Standard_ND96" is none of Standard_F4s, Standard_A, Standard_B' in message
    assert "TOUCHDOWN_ALLOWED_VM_SIZES" in message
    for size in ("standard_a", "Standard_B", "STANDARD_F4S"):
        assert resolved({"vm_size": size}, {}, app).vm_size == size
    assert resolved({}, {}, app).vm_size == "Standard_F4s"
    assert "is none of Standard_DS3_v2;" in not_allowed({"vm_size": "Standard_A"})


@pytest.mark.parametrize(("value", "allowed"), [("", False), ("refuse", False), ("Allow", True)])
def test_runs_take_nothing_over_unless_the_operator_allows_it(value: str, allowed: bool) -> None:
    assert app_with(TOUCHDOWN_TAKE_OVER=value).may_take_over is allowed


# --- Settings in an HTTP body -------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, [], "epochs=3", 3, True])
def test_settings_that_are_not_an_object_are_refused(given: Any) -> None:
    with pytest.raises(RefusedError, match="a JSON object is expected") as caught:
        settings.checked(given)
    assert caught.value.code == "InvalidSetting"


@pytest.mark.parametrize("name", ["epoch", "Epochs", "", "__class__", "x" * 10_000, "sub.epochs"])
def test_an_unknown_setting_is_refused_with_the_names_of_the_known_ones(name: str) -> None:
    error = refused(**{name: 1})
    assert error.code == "UnknownSetting"
    assert "epochs" in str(error)
    assert "training_timeout" in str(error)
    assert len(str(error)) < 500


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HUGE = 10**400
"""A whole number that JSON can hold and that no float can."""
BEYOND_TEXT = 10**5000
"""A whole number of more digits than Python converts to text."""
UNUSABLE: tuple[Any, ...] = (
    HUGE,
    -HUGE,
    BEYOND_TEXT,
    -BEYOND_TEXT,
    "1e400",
    "9" * 5000,
    1e308,
    nested(50_000),
)
"""Values that no setting takes, except that a short text may be 1e400, and max_rmse any finite number."""
WRONG: dict[str, list[Any]] = {
    "uncompared_champion": [None, "", "deploy", True],
    "label": [None, 1, ["species"], "x" * 257, "a\nb", "a\0b", "\ud800"],
    "model_name": [None, 7, {"a": 1}],
    "endpoint_name": [None, 7, True],
    "compute_name": [None, 7],
    "vm_size": [None, 7],
    "epochs": [None, 0, -1, 10_001, 1.5, 50.0, "", "1.5", "many", "1e3", True, [50], "9" * 400, math.nan],
    "lr": [None, 0, -0.1, 101, "", "fast", True, "nan", "inf", math.nan, math.inf, -math.inf, [0.1], {}],
    "min_accuracy": [None, -0.01, 1.01, "97 %", True, math.nan],
    "training_timeout": [
        None,
        0,
        -5,
        "0s",
        "",
        "soon",
        "1w",
        "1h30m",
        "8d",
        604_801,
        "604801",
        "0.9",
        True,
        "-1h",
        [60],
        {},
        "1e3",
        "9" * 400,
        math.nan,
    ],
    "keep_deployments": [None, 0, -1, 11, 2.5, "two", True],
    "task": [None, 1, "cluster", ["regression"], True, "classification,regression"],
    "algorithm": [None, "", "forest", 1, "x" * 10_000],
    "training_budget": [None, 0, -1, 3601, "much", True, math.nan],
    "rare_classes": [None, "", "drop", True],
    "class_weights": [None, "", "none", 1, True, ["balanced"]],
    "max_rmse": [None, -0.01, "inf", math.inf, math.nan, "much", True],
    "tolerance": [None, -0.01, 1.01, "1 %", True, math.nan],
    "approval": [None, "", "yes", True, 1],
    "approval_timeout": [None, 0, "8d", "never", True],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_value_of_the_wrong_kind_or_size_is_refused_naming_the_setting(name: str, value: Any) -> None:
    error = refused(**{name: value})
    assert error.code == "InvalidSetting"
    assert str(error).startswith(f"setting {name}: ")
    assert re.search(r" was given, expected (a |one of )", str(error))
    assert len(str(error)) < 300


TEXTS = ("label", "model_name", "endpoint_name", "compute_name", "vm_size")
"""The settings that take any short text, even one of digits."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in RUN_SETTINGS
        for value in UNUSABLE
        if (name, value) != ("max_rmse", 1e308) and not (name in TEXTS and value == "1e400")
    ],
    ids=lambda each: each if isinstance(each, str) and len(each) < 80 else type(each).__name__,
)
def test_a_number_or_nesting_beyond_all_bounds_is_refused_and_breaks_nothing(name: str, value: Any) -> None:
    error = refused(**{name: value})
    assert error.code == "InvalidSetting"
    assert str(error).startswith(f"setting {name}: ")
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (1, 1),
        (90, 90),
        (1.5, 2),
        ("90", 90),
        ("90s", 90),
        (" 30m ", 1800),
        ("2 h", 7200),
        ("24H", 86400),
        ("1d", 86400),
        ("0.5h", 1800),
        ("7d", 604800),
        (604800, 604800),
    ],
)
def test_durations_are_seconds_or_say_their_unit(text: Any, seconds: int) -> None:
    assert settings.checked({"training_timeout": text}) == {"training_timeout": seconds}


def test_the_deployments_that_are_kept_leave_room_for_runs_in_progress() -> None:
    """Azure ML refuses the 21st deployment of an endpoint, and a run deploys before it prunes."""
    kept = settings.checked({"keep_deployments": 10})["keep_deployments"]
    assert kept + 10 <= 20


# --- Settings of the app ------------------------------------------------------------------------------


def test_the_required_app_settings_suffice() -> None:
    app = app_with()
    assert (app.pipeline, app.datastore) == ("train", "workspaceblobstore")
    assert app.resource_manager == "https://management.azure.com"
    assert app.topic_endpoint == ""
    assert app.run_defaults == {}
    assert app.workspace_id == (
        "/subscriptions/10ca1c10-0d00-4000-8000-000000000001/resourceGroups/group"
        "/providers/Microsoft.MachineLearningServices/workspaces/workspace"
    )


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_app_setting_is_named(missing: str) -> None:
    with pytest.raises(RefusedError, match=missing) as caught:
        App.read({name: value for name, value in NEEDED.items() if name != missing})
    assert caught.value.code == "MissingAppSetting"


def test_a_missing_app_setting_comes_with_the_names_that_may_be_meant_for_it() -> None:
    given = {name: value for name, value in NEEDED.items() if name != "TOUCHDOWN_CONTAINER"}
    with pytest.raises(RefusedError) as caught:
        App.read(given | {"TOUCHDOWN_CONTAINR": "c", "TOUCHDOWN_EPOCHS": "20", "PATH": "/bin"})
    assert str(caught.value).endswith("No setting is called TOUCHDOWN_CONTAINR: is one of these misspelt?")


def test_all_missing_app_settings_are_named_at_once() -> None:
    with pytest.raises(RefusedError) as caught:
        App.read({"TOUCHDOWN_WORKSPACE": "  "})
    assert all(name in str(caught.value) for name in NEEDED)
    assert "local.settings.json" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOUCHDOWN_RUN_POLLING_FIRST_SECONDS", "often"),
        ("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "0"),
        ("TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS", "-1"),
        ("TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS", "nan"),
        ("TOUCHDOWN_COMPUTE_MAX_NODES", "0"),
        ("TOUCHDOWN_COMPUTE_MAX_NODES", "1.5"),
        ("TOUCHDOWN_COMPUTE_MAX_NODES", "1001"),
        ("TOUCHDOWN_RUN_POLLING_FIRST_SECONDS", "0.009"),
        ("TOUCHDOWN_RUN_POLLING_CAP_SECONDS", "86401"),
    ],
)
def test_an_app_setting_with_an_impossible_value_is_named(variable: str, value: str) -> None:
    with pytest.raises(RefusedError, match=f'app setting {variable}: "{value}" was given, expected'):
        app_with(**{variable: value})


def test_the_limits_of_an_app_setting_are_possible_values() -> None:
    assert app_with(TOUCHDOWN_COMPUTE_MAX_NODES="1").compute_max_nodes == 1
    assert app_with(TOUCHDOWN_COMPUTE_MAX_NODES="1000").compute_max_nodes == 1000
    first = {"TOUCHDOWN_RUN_POLLING_FIRST_SECONDS": "0.01", "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS": "1"}
    caps = {"TOUCHDOWN_RUN_POLLING_CAP_SECONDS": "86400", "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS": "2.5"}
    assert app_with(**first, **caps).polling == Polling(0.01, 86400, 1, 2.5)


def test_a_slash_at_the_end_of_an_address_is_dropped() -> None:
    app = app_with(
        TOUCHDOWN_STORAGE_URL="https://127.0.0.1:10000/devstoreaccount1/",
        TOUCHDOWN_RESOURCE_MANAGER_URL="https://localhost:9443/",
    )
    assert app.storage_url == "https://127.0.0.1:10000/devstoreaccount1"
    assert app.resource_manager == "https://localhost:9443"


def test_no_two_settings_share_a_variable() -> None:
    variables = [each.variable for each in APP_SETTINGS] + [each.variable for each in RUN_SETTINGS.values()]
    assert len(set(variables)) == len(variables)


def test_every_setting_says_what_it_means() -> None:
    meanings = [each.meaning for each in APP_SETTINGS] + [each.meaning for each in RUN_SETTINGS.values()]
    assert [text for text in meanings if not text.endswith(".")] == []
