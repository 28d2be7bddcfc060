"""The file that the hook decides by."""

import json
import logging
from pathlib import Path

import pytest
from localcloud.access.assignments import Assignment
from localcloud.access.built_in import built_in_named
from localcloud.access.conditions.errors import UnsupportedConditionError
from localcloud.access.conditions.parser import parse
from localcloud.access.decisions import Access
from localcloud.home import Home
from localcloud.storage import conditions, policy
from localcloud.tokens import ISSUER

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ACCOUNT = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/Uploads"
OWN_TAGS = f"@Resource[{BLOBS}/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'"
ALICE = "aaaaaaaa-0000-0000-0000-00000000000a"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def reader(condition: str | None = None) -> Assignment:
    role = built_in_named("Storage Blob Data Reader")
    assert role
    return Assignment("/1", ALICE.upper(), role.id, ACCOUNT, parse(condition) if condition else None)


def test_it_says_who_signs_which_accounts_there_are_and_what_each_principal_holds(home: Home) -> None:
    accounts = [policy.Account(ACCOUNT, ("a2V5",), shared_key=False)]
    policy.write(home, "PEM", accounts, Access([reader()]), "platform")
    written = json.loads(policy.file(home).read_text())
    assert written["issuer"] == ISSUER
    assert written["issuerKeys"] == ["PEM"]
    assert written["platform"] == "platform"
    assert written["accounts"] == {
        "uploads": {
            "id": ACCOUNT,
            "keys": ["a2V5"],
            "allowSharedKeyAccess": False,
            "allowBlobPublicAccess": False,
        }
    }
    (held,) = written["held"][ALICE]
    assert (held["scope"], held["dataActions"], held["condition"]) == (ACCOUNT, [f"{BLOBS}/read"], None)


def test_nobody_else_can_read_it_and_no_draft_of_it_remains(home: Home) -> None:
    policy.write(home, "PEM", [], Access([]), "platform")
    policy.write(home, "PEM", [], Access([]), "platform")
    assert policy.file(home).stat().st_mode & 0o777 == 0o600
    assert list(home.root.glob("storage-policy*")) == [policy.file(home)]


def test_each_home_has_a_seed_of_its_own_for_delegation_keys(home: Home, tmp_path: Path) -> None:
    other = Home.open(tmp_path / "other")
    seeds = []
    for each in (home, other, home):
        policy.write(each, "PEM", [], Access([]), "platform")
        seeds.append(json.loads(policy.file(each).read_text())["delegationSeed"])
    assert seeds[0] == seeds[2] != seeds[1]
    assert len(seeds[0]) == 64


def test_an_assignment_whose_condition_storage_cannot_evaluate_allows_nothing(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        policy.write(home, "PEM", [], Access([reader(OWN_TAGS)]), "platform")
    assert json.loads(policy.file(home).read_text())["held"] == {ALICE: []}
    assert "storage does not know the role assignment /1: localcloud does not evaluate" in caplog.text


@pytest.mark.parametrize(
    "condition",
    [OWN_TAGS, f"NOT ({OWN_TAGS})", f"ActionMatches{{'*'}} OR (Exists @Resource[{BLOBS}/tags&$keys$&])"],
)
def test_a_condition_on_a_blobs_own_tags_is_refused(condition: str) -> None:
    with pytest.raises(UnsupportedConditionError, match="tags"):
        conditions.check(parse(condition))


def test_any_other_attribute_is_accepted() -> None:
    conditions.check(parse(f"@Request[{BLOBS}/tags&$keys$&] ForAnyOfAnyValues:StringEquals {{'a'}}"))
    conditions.check(parse(f"@Resource[{BLOBS}:path] StringLike 'datasets/*' AND ActionMatches{{'a'}}"))
