"""Where Azure refuses a call for want of a role, the error says which role on what."""

from collections.abc import Iterator

import pytest
from localcloud.access.calls import Call
from localcloud.access.decisions import Allowed, Refused

from runs import missing_roles, remedies
from runs.errors import RefusedError
from runs.missing_roles import APP, PERSON, TRAINING, Role
from scripts.assigned_roles import assignments, principal_of, scope
from services.errors import explain
from tests.bicep.deployed import Deployed, committed
from tests.bicep.granted import access, assigned, calls
from tests.unit.test_errors import answered

(DEFAULTS,) = [each for each in committed() if each.case == "defaults"]
ELSEWHERE = {"hostKeepsCodeKeysAndState", "hostQueuesWork", "hostKeepsHistory", "appSendsTelemetry"}
"""Assignments of the app's identity with which the platform works, and none of the app's own calls."""
NAMED: list[Role] = [*APP, *PERSON, *(role for _, roles, _ in TRAINING for role in roles)]


@pytest.mark.parametrize("role", NAMED, ids=lambda role: role.name)
def test_a_role_is_called_as_the_templates_assign_it(role: Role) -> None:
    deployed = assignments()[role.name]
    assert (role.role, role.scope) == (deployed.role, deployed.scope)


def test_every_role_with_which_the_app_calls_is_known() -> None:
    of_app = {each.name for each in assignments().values() if each.identity == "app"}
    assert {each.name for each in APP} == of_app - ELSEWHERE


def refusals() -> Iterator[tuple[Call, str, str]]:
    """Each call of the app's own, with the code and the words of Azure's refusal."""
    for row, assignment in assigned(DEFAULTS):
        if principal_of(DEFAULTS, assignment) != "app" or row["name"] in ELSEWHERE:
            continue
        for call in calls(row, assignment):
            where = scope(assignment)
            container = where.rpartition("/")[2]
            if "/blobServices/" in where:
                url = f"[GET https://stdata1.blob.core.windows.net/{container}/a/b]"
                yield call, "AuthorizationPermissionMismatch", f"not authorized to perform {url}"
            elif call.is_data:
                url = "[POST https://evgt.westeurope-1.eventgrid.azure.net/api/events]"
                yield call, "Unauthorized", f"no permission to send data to {where} {url}"
            else:
                yield call, "AuthorizationFailed", Refused(call).message


def by_name(deployed: Deployed, name: str) -> dict[str, object]:
    (found,) = [each for row, each in assigned(deployed) if row["name"] == name]
    return found


def test_the_role_that_a_refusal_names_allows_the_call() -> None:
    tried = 0
    for call, code, words in refusals():
        said = missing_roles.of_app(code, words)
        (named,) = [
            each for each in APP if said.startswith(f"The app's identity lacks the role {each.words}:")
        ]
        only = access(DEFAULTS, [by_name(DEFAULTS, named.name)])
        assert isinstance(only.decide(call), Allowed), f"{call.operation}: {said}"
        tried += 1
    assert tried > 40


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AuthorizationFailed", "to perform action 'Microsoft.Network/virtualNetworks/read'"),
        ("ResourceNotFound", "Microsoft.DataFactory/factories/f was not found"),
        ("Unauthorized", "the token has expired [GET https://management.azure.com/x]"),
    ],
)
def test_other_errors_name_no_role(code: str, words: str) -> None:
    assert missing_roles.of_app(code, words) == ""


def test_an_error_of_the_app_ends_with_the_role_that_it_lacks() -> None:
    refused = "may not perform action 'Microsoft.DataFactory/factories/pipelines/createRun/action'"
    meant = explain(answered(403, {"code": "AuthorizationFailed", "message": refused}))
    assert isinstance(meant, RefusedError)
    assert meant.code == "AuthorizationFailed"
    assert str(meant).startswith(f"AuthorizationFailed (403): {refused} [GET https://arm/x] ")
    assert "lacks the role Touchdown pipeline runner on the data factory: docs/roles.md" in str(meant)
    conflict = explain(answered(409, {"code": "Conflict", "message": refused}))
    assert "role" not in str(conflict)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Cannot access user batch account; please check", ("trainingManagesBatch", "trainingSubmitsTasks")),
        (
            "Cannot access user storage account; please",
            ("trainingOwnsDataAccount", "trainingUsesDataAccount"),
        ),
        ("Access for one of the specified Azure Blob(s) is denied.", ("trainingOwnsDataAccount",)),
        (
            "Cannot access user storage account; please check. Failed to get the secret from key vault:"
            " Caller is not authorized to perform action on resource.",
            ("trainingReadsStorageKey", "trainingReadsBatchKey"),
        ),
        ("The command ended with exit code 1", ()),
        ("Cannot create Shared Access Signature unless Account Key credentials are used.", ()),
    ],
)
def test_a_training_that_is_refused_says_which_roles_it_needs(words: str, names: tuple[str, ...]) -> None:
    said = missing_roles.of_training(words)
    assert bool(said) == bool(names)
    for name in names:
        assert f"{assignments()[name].role} on the {assignments()[name].scope}" in said


def test_a_person_whom_storage_refuses_is_told_both_roles_and_no_other_error_is_explained() -> None:
    said = missing_roles.of_person("not authorized to perform this operation using this permission.")
    for role in PERSON:
        assert role.role in said
        assert role.scope in said
    assert missing_roles.of_person("The specified container does not exist.") == ""


def test_azure_ml_that_is_refused_a_blob_names_the_roles_of_its_identities() -> None:
    said = remedies.remedy("StreamAccessException: AuthorizationPermissionMismatch (403)")
    names = (
        "workspaceReadsAndWritesBlobs",
        "scoringUsesBlobs",
        "scoringReadsAndWritesData",
        "scoringWritesLogs",
    )
    for name in names:
        assert assignments()[name].role in said
        assert assignments()[name].scope in said
