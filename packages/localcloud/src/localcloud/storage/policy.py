"""What Azurite's process decides by: accounts, keys and roles, in one file that is replaced as a whole.

The process looks at the file with each request (hook/policy.cjs), so what was written holds for every request
that begins afterwards.
"""

import json
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import private_files
from localcloud.access.assignments import Assignment
from localcloud.access.conditions.errors import UnsupportedConditionError
from localcloud.access.decisions import Access
from localcloud.access.definitions import Permission, RoleDefinition
from localcloud.home import TENANT, Home
from localcloud.storage import conditions
from localcloud.tokens import ISSUER

type Json = dict[str, Any]

VARIABLE = "LOCALCLOUD_STORAGE_POLICY"
HOOK = Path(__file__).parent / "hook" / "enforcement.cjs"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A storage account as storage needs it.

    id: its resource id. keys: base64. shared_key: whether keys, and SAS signed with them, authorize.
    public_access: whether containers may let anybody read.
    """

    id: str
    keys: tuple[str, ...]
    shared_key: bool = True
    public_access: bool = False

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2].lower()


def file(home: Home) -> Path:
    return home.root / "storage-policy.json"


def write(home: Home, public_key: str, accounts: Iterable[Account], access: Access, platform: str) -> None:
    """Replace the policy of `home`.

    public_key: PEM, of whoever signs tokens. platform: object id of the principal that needs no role.
    """
    policy = content(home, public_key, accounts, access, platform)
    private_files.replace(file(home), json.dumps(policy))


def content(home: Home, public_key: str, accounts: Iterable[Account], access: Access, platform: str) -> Json:
    return {
        "issuer": ISSUER,
        "issuerKeys": [public_key],
        "suffix": home.suffix,
        "challenge": f"Bearer authorization_uri={home.login_url}{TENANT}/oauth2/authorize"
        " resource_id=https://storage.azure.com",
        "platform": platform,
        "delegationSeed": _delegation_seed(home),
        "accounts": {
            each.name: {
                "id": each.id,
                "keys": each.keys,
                "allowSharedKeyAccess": each.shared_key,
                "allowBlobPublicAccess": each.public_access,
            }
            for each in accounts
        },
        "held": held(access),
    }


def held(access: Access) -> dict[str, list[Json]]:
    """What each principal holds. An assignment whose condition storage cannot evaluate allows nothing."""
    found: dict[str, list[Json]] = {}
    for principal, assignments in access.held.items():
        found[principal] = []
        for assignment, role in assignments:
            try:
                found[principal] += _permissions(assignment, role)
            except UnsupportedConditionError as error:
                log.warning("storage does not know the role assignment %s: %s", assignment.id, error)
    return found


def _permissions(assignment: Assignment, role: RoleDefinition) -> list[Json]:
    return [
        {
            "scope": assignment.scope,
            "actions": each.actions,
            "notActions": each.not_actions,
            "dataActions": each.data_actions,
            "notDataActions": each.not_data_actions,
            "condition": _condition(assignment, each),
        }
        for each in role.permissions
    ]


def _condition(assignment: Assignment, permission: Permission) -> Json | None:
    both = [each for each in (assignment.condition, permission.condition) if each]
    for each in both:
        conditions.check(each)
    return {"and": [conditions.as_json(each.term) for each in both]} if both else None


def _delegation_seed(home: Home) -> str:
    """What user-delegation keys are derived from: random, and kept, so that a SAS outlives a restart."""
    kept = file(home)
    if kept.exists():
        return str(json.loads(kept.read_text())["delegationSeed"])
    return secrets.token_hex(32)
