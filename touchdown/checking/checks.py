"""All checks that need no run, in their order."""

from collections.abc import Callable, Iterator

from touchdown.checking import app, events, quotas, roles, sign_in
from touchdown.checking.deployment import Deployment
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.rows import HOST, row_of
from touchdown.errors import ApiError, NotFoundError

type Check = Callable[[Deployment], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "functions": app.functions,
    "settings": app.settings,
    "bundle": app.bundle,
    sign_in.NAME: sign_in.sign_in,
    "events": events.subscriptions,
    "roles": roles.roles,
    "batch quota": quotas.batch,
    "cluster quota": quotas.cluster,
}
UNTOLD = {
    "image build": "no API tells whether the registry may build images; a first run shows it.",
    "package index": "no API tells whether Batch nodes reach a package index; a first run shows it.",
}
"""What only a run can show."""
UNANSWERED = (401, 403, 501)
"""HTTP statuses that say nothing of the deployment: whoever asks may not know, or the cloud cannot tell."""


def check_all(found: Deployment) -> Iterator[Finding]:
    """The findings of all checks, as they are found."""
    for name, check in CHECKS.items():
        yield from attempted(name, check, found)
    for name, why in UNTOLD.items():
        yield Finding(name, Outcome.NOT_CHECKED, why)


def attempted(name: str, check: Check, found: Deployment) -> Iterator[Finding]:
    """The findings of one check; an error of Resource Manager is one too, in its own words."""
    try:
        yield from check(found)
    except ApiError as error:
        outcome = Outcome.NOT_CHECKED if error.status in UNANSWERED else Outcome.FAILED
        yield Finding(name, outcome, str(error), row_of(HOST, str(error)))
    except NotFoundError as error:
        yield Finding(name, Outcome.FAILED, str(error))
