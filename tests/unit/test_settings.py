"""Settings: which source wins, what a value may be, and how an invalid one is refused."""

import json
import math
import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from runs import settings
from runs.contracts import Polling, RunSettings
from runs.errors import RefusedError
from runs.settings import APP_SETTINGS, RUN_SETTINGS, App

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
    "keep_deployments": (3, "4", "5"),
    "compute_name": ("from-body", "from-metadata", "from-app"),
    "vm_size": ("Standard_A", "Standard_B", "Standard_C"),
    "task": ("regression", "Regression", " regression "),
    "algorithm": ("boosting", "linear", "Boosting"),
    "training_budget": (0.5, "2.5", "60"),
    "rare_classes": ("merge", "MERGE", " merge "),
    "class_weights": ("balanced", "BALANCED", " balanced "),
    "max_rmse": (0.5, "0.25", "1e6"),
    "tolerance": (0.5, "0.25", "0"),
    "approval": ("required", "Required", "REQUIRED"),
    "approval_timeout": ("1h", "2h", "7d"),
}
"""For each setting, a value in the body, one in the metadata and one in the app settings."""


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
    return settings.resolve(
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
    settings.resolve(
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
    app = app_with(**{RUN_SETTINGS[name].variable: str(variable)})
    parse = RUN_SETTINGS[name].type.parse
    given = settings.checked({name: body})
    assert getattr(resolved(given, {name: str(metadata)}, app), name) == parse(body)
    assert getattr(resolved({}, {name: str(metadata)}, app), name) == parse(metadata)
    assert getattr(resolved({}, {}, app), name) == parse(variable)
    assert getattr(resolved(), name) not in (parse(body), parse(metadata)) or name == "label"


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
    assert settings.named_label({"label": label}, {}, app_with(), dataset="d") == label.strip()


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
