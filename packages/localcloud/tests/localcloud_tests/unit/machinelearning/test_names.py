"""Valid names of resources, compared with the rules of the SDK and the Bicep types."""

import re

import pytest
from azure.ai.ml.constants._endpoint import EndpointConfigurations
from hypothesis import given
from hypothesis import strategies as st
from localcloud.machinelearning import names
from localcloud.wire import AzureError

BICEP_COMPUTE = r"^[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9\-]{2,23}$"
LIKE_NAMES = st.text(alphabet="abzAZ019-_. /", max_size=40)


def accepted(rule: object, name: str) -> bool:
    try:
        rule(name)  # type: ignore[operator]
    except AzureError:
        return False
    return True


@given(LIKE_NAMES)
def test_an_endpoint_name_is_accepted_exactly_when_the_sdk_would_send_it(name: str) -> None:
    limits = EndpointConfigurations
    sendable = limits.MIN_NAME_LENGTH <= len(name) <= limits.MAX_NAME_LENGTH and bool(
        re.fullmatch(limits.NAME_REGEX_PATTERN, name)
    )
    assert accepted(names.endpoint_name, name) == sendable


@given(LIKE_NAMES)
def test_a_compute_name_is_accepted_exactly_when_its_bicep_type_allows_it(name: str) -> None:
    assert accepted(names.compute_name, name) == bool(re.fullmatch(BICEP_COMPUTE, name))


def test_endpoint_names_are_kept_in_lower_case() -> None:
    assert names.endpoint_name("Iris-EP") == "iris-ep"


@pytest.mark.parametrize("name", ["../predictions.csv", "a/b.csv", "..", "", "a\\b", "a\0b"])
def test_an_output_file_name_is_no_path(name: str) -> None:
    assert not accepted(names.file_name, name)


@pytest.mark.parametrize("tags", [{"a": ""}, {"a": None}, {"a": 1}])
def test_a_tag_without_text_is_refused(tags: dict[str, object]) -> None:
    with pytest.raises(AzureError, match="Tag values must not be null or empty: a"):
        names.checked_tags(tags)
