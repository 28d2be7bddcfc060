"""What a person can do about a failure of Azure ML, by the words in which it is reported."""

from typing import Any

import pytest

from runs import remedies
from runs.remedies import coded, failure, is_driver_failure, messages, with_remedy


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("ClusterMinNodesExceedCoreQuota: The specified subscription has a quota of 0", remedies.QUOTA),
        ("status code JobNodeCountExceedsCoreQuota, the family vCPU quota of 2 is less", remedies.QUOTA),
        ("ClusterCoreQuotaReached", remedies.QUOTA),
        ("Operation results in exceeding quota limits of Core.", remedies.QUOTA),
        ("QuotaExceeded: no cores left", remedies.QUOTA),
        ("Image build failed. TasksOperationsNotAllowed: not permitted", remedies.TASKS),
        ("ACR Tasks requests for the registry x and y are not permitted.", remedies.TASKS),
        ("Image build failed. Build log: https://…/rawtext.log", remedies.IMAGE),
        ("ImageBuildFailure", remedies.IMAGE),
    ],
)
def test_words_that_are_known_get_the_remedy_that_fits_them_best(words: str, remedy: str) -> None:
    assert remedies.remedy(words) == remedy
    assert with_remedy(words) == f"{words} {remedy}"
    assert remedies.is_about_quota(words) == (remedy == remedies.QUOTA)


NO_STORAGE = "Cannot access user storage account; please check storage account settings."


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        ("2502", f"{NO_STORAGE} KeyBasedAuthenticationNotPermitted", remedies.KEYS_OFF),
        (
            "2502",
            f"{NO_STORAGE} Key based authentication is not permitted on this storage account.",
            remedies.KEYS_OFF,
        ),
        (
            "2505",
            "Cannot create Shared Access Signature unless Account Key credentials are used.",
            remedies.KEYS,
        ),
        ("2507", "The folder path does not exist or is empty: code", ""),
    ],
)
def test_a_training_fails_with_data_factorys_code_and_what_to_do(code: str, words: str, remedy: str) -> None:
    assert remedies.of_training(code, words) == f"{code}: {words} {remedy}".strip()


def test_a_training_without_words_has_no_code_either() -> None:
    assert remedies.of_training("2500", "") == ""


@pytest.mark.parametrize("words", ["", "The node caught fire.", "KeyError: 'images'", "No quotas are set."])
def test_other_words_stay_as_they_are(words: str) -> None:
    assert with_remedy(words) == words


@pytest.mark.parametrize(
    ("words", "failed"),
    [
        ("User process 'python' exited with status code 42. Please check log file", True),
        ("exit code: 42", True),
        ("SystemExit: 42", True),
        ("exited with status code 421", False),
        ("row 42", False),
    ],
)
def test_exit_code_42_is_the_drivers(words: str, failed: bool) -> None:
    assert is_driver_failure(words) is failed


def run(*details: Any, message: Any = "m") -> dict[str, Any]:
    return {"error": {"error": {"message": message, "details": list(details)}}}


@pytest.mark.parametrize(
    ("history", "found"),
    [
        (run(), "m"),
        (run({"message": "a"}, {"message": "m"}, {"message": "b"}), "m a b"),
        (run({"message": "a"}, message=None), "a"),
        (run("a", None, {}), "m"),
        ({"error": None}, ""),
        ({"error": {"error": None}}, ""),
        ({"error": {"error": "m"}}, ""),
        ({"error": {"error": {"message": "m", "details": None}}}, "m"),
        ({}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_the_messages_of_a_run_are_read_from_whatever_the_history_holds(history: Any, found: str) -> None:
    assert messages(history) == found


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ({"error": {"code": "c", "message": "m"}}, "c: m"),
        ({"error": {"code": "c"}}, "c"),
        ({"error": {"message": "m"}}, "m"),
        ({"error": None}, ""),
        ("m", ""),
    ],
)
def test_an_error_response_is_put_into_words(response: Any, found: str) -> None:
    assert coded(response) == found


def test_a_jobs_own_error_is_left_out_only_if_it_points_to_a_child_that_has_one() -> None:
    pointing = "Pipeline has failed child jobs. Failed nodes: /batchscoring."
    assert failure(pointing, ["why"]) == "why"
    assert failure(pointing, []) == failure(pointing, [""]) == pointing
    assert failure("own", ["why", "own"]) == "own why"
    assert failure("", []) == ""
