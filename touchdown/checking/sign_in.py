"""Whether the HTTP API asks callers for what they can bring: a function key, or a token of App Service's."""

from collections.abc import Iterator

from azure.core.exceptions import AzureError

from runs import access
from touchdown.checking.deployment import SITE, Deployment, authentication, scope_of
from touchdown.checking.findings import Finding, Outcome
from touchdown.connection import Json
from touchdown.errors import ApiError

NAME = "sign-in"
WEBHOOKS = "/runtime/webhooks/*"
"""What Event Grid calls, with a key of the host and no token."""
REFUSED = (401, 403)


def sign_in(found: Deployment) -> Iterator[Finding]:
    """Whether the app and App Service agree on who may call, and whether whoever checks may."""
    site = found.one(SITE)
    listed = found.get(site, "/config/appsettings/list", "POST")["properties"]
    settings, name = authentication(found, site), site.rpartition("/")[2]
    if fault := disagreement(settings, asks_for_keys=access.asks_for_keys(listed)):
        yield Finding(NAME, Outcome.FAILED, f"{name} {fault}")
    elif scope_of(settings):
        yield called(found)
    else:
        yield Finding(NAME, Outcome.OK, f"{name} asks callers for a function key.")


def disagreement(settings: Json, *, asks_for_keys: bool) -> str:
    """What is wrong with the settings of App Service authentication of an app, or "".

    asks_for_keys: whether the app's own setting lets its host ask callers for a function key.
    """
    if not scope_of(settings):
        return (
            ""
            if asks_for_keys
            else f"refuses all callers: {access.SIGN_IN} is entra, and App Service authentication is off."
            " Deploy the infrastructure again: signIn = Entra sets both."
        )
    if asks_for_keys:
        return (
            "asks callers for a token and for a function key: App Service authentication is on, and"
            f" {access.SIGN_IN} is not entra. Deploy the infrastructure again: signIn sets both."
        )
    if WEBHOOKS not in excluded(settings):
        below = WEBHOOKS.removesuffix("*")
        return (
            f"refuses Event Grid: App Service asks for a token below {below}, too."
            " Deploy the infrastructure again."
        )
    return ""


def excluded(settings: Json) -> list[str]:
    return list((settings.get("globalValidation") or {}).get("excludedPaths") or [])


def called(found: Deployment) -> Finding:
    """Whether the API answers whoever checks, by a token for its application."""
    scope = found.target.api_scope
    try:
        found.connection.api("GET", "runs", params={"top": "1"})
    except AzureError as error:
        message = (
            f"no token for {scope}: {error} docs/deploy.md, Sign-in, says how the app's registration lets az"
            " ask for one."
        )
        return Finding(NAME, Outcome.FAILED, message)
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        message = (
            f"the API refuses a token for {scope}: {error}. docs/deploy.md, Sign-in, says what the app's"
            " registration needs, and who has to be assigned to it."
        )
        return Finding(NAME, Outcome.FAILED, message)
    return Finding(NAME, Outcome.OK, f"the API answers callers with a token for {scope}.")
