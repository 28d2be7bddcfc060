from datetime import timedelta
from pathlib import Path

import pytest
from localcloud.functions.bundles import Bundle
from localcloud.functions.hostjson import HostJsonError, HostSettings, read, time_span


def settings_of(folder: Path, content: str, **environment: str) -> HostSettings:
    (folder / "host.json").write_text(content)
    return read(folder, environment)


def test_what_host_json_does_not_say_is_the_hosts_default(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '{"version": "2.0"}')
    assert (settings.route_prefix, settings.task_hub) == ("api", "TestHubName")
    assert settings.function_timeout == timedelta(minutes=30)
    assert (settings.replaces_running, settings.throw_on_raise) == (False, None)


def test_what_it_says_is_followed(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """{"version": "2.0", "functionTimeout": "00:10:00", "extensions": {
            "http": {"routePrefix": ""},
            "durableTask": {"hubName": "%HUB%", "maxConcurrentActivityFunctions": 3,
                            "overridableExistingInstanceStates": "AnyState"}}}""",
        HUB="MyHub",
    )
    assert (settings.route_prefix, settings.task_hub, settings.max_activities) == ("", "MyHub", 3)
    assert settings.function_timeout == timedelta(minutes=10)
    assert settings.replaces_running


def test_a_setting_of_the_app_overrides_host_json(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        '{"version": "2.0", "logging": {"logLevel": {"default": "Warning"}}}',
        AzureFunctionsJobHost__logging__loglevel__Function="Debug",
        AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions="7",
    )
    assert settings.log_levels == {"default": "Warning", "Function": "Debug"}
    assert settings.max_activities == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:30:00", timedelta(minutes=30)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("-1", None),
    ],
)
def test_time_spans_are_nets(text: str, expected: timedelta | None) -> None:
    assert time_span(text) == expected


@pytest.mark.parametrize(
    "content",
    [
        '{"version": "2.0", "functionTimeout": "10"}',
        '{"version": "2.0", "extensions": []}',
        '{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": -1}}}',
        '{"version": "2.0", "extensions": {"durableTask": {"overridableExistingInstanceStates": "All"}}}',
        '{"version": "2.0", "extensions": {"durableTask": {"hubName": "%NOT_SET%"}}}',
        '{"version": "1.0"}',
        "[]",
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_files_name(tmp_path: Path, content: str) -> None:
    with pytest.raises(HostJsonError, match=r"host\.json"):
        settings_of(tmp_path, content)


BUNDLE = """{"version": "2.0", "extensionBundle": {
    "id": "Microsoft.Azure.Functions.ExtensionBundle%s", "version": "%s"}}"""


@pytest.mark.parametrize(
    "range_", ["[4.*, 5.0.0)", "[4.37.1, 5.0.0)", "[4.37.1]", "(4.37.0,4.37.1]", "[4.*,)"]
)
def test_a_bundle_whose_range_holds_the_imitated_version_has_that_version(
    tmp_path: Path, range_: str
) -> None:
    for kind in ("", ".Preview"):
        assert settings_of(tmp_path, BUNDLE % (kind, range_)).bundle == Bundle(
            f"Microsoft.Azure.Functions.ExtensionBundle{kind}", "4.37.1"
        )


@pytest.mark.parametrize(
    ("kind", "range_", "words"),
    [
        ("", "[3.*, 4.0.0)", "Bundle version matching the [3.*, 4.0.0) was not found"),
        ("", "[4.37.2, 5.0.0)", "was not found: localcloud imitates 4.37.1"),
        ("", "[4.0.0, 4.37.1)", "was not found"),
        ("", "4", "is not a range of versions"),
        (
            ".Other",
            "[4.*, 5.0.0)",
            'there is no extension bundle "Microsoft.Azure.Functions.ExtensionBundle.Other"',
        ),
    ],
)
def test_a_bundle_that_localcloud_does_not_have_is_refused(
    tmp_path: Path, kind: str, range_: str, words: str
) -> None:
    with pytest.raises(HostJsonError) as caught:
        settings_of(tmp_path, BUNDLE % (kind, range_))
    assert words in str(caught.value)


def test_an_app_that_asks_for_no_bundle_has_none(tmp_path: Path) -> None:
    assert settings_of(tmp_path, '{"version": "2.0"}').bundle is None
