"""The target of Touchdown's client on a localcloud."""

import json

from localcloud.credentials import Principal
from localcloud.functions.site import read, site_file
from localcloud.home import SUBSCRIPTION, Home

from touchdown.errors import StackNotRunningError
from touchdown.local.deploying import outputs
from touchdown.local.names import DATASTORE
from touchdown.target import Target


def target(home: Home) -> Target:
    """The Touchdown on the localcloud of `home`, with the identity of its person.

    Raises StackNotRunningError until it is deployed and the Functions host has written its keys.
    """
    values = outputs(home)
    return Target(
        api=home.functions_url,
        function_key=function_key(home),
        blob_url=values["STORAGE_URL"],
        container=values["CONTAINER"],
        resource_manager=home.resource_manager,
        subscription=SUBSCRIPTION,
        resource_group=values["AZURE_RESOURCE_GROUP"],
        workspace=values["WORKSPACE"],
        datastore=DATASTORE,
        credential=Principal(home, "person"),
        verify=str(home.ca_bundle),
        proxy=home.proxy,
        api_scope=api_scope(home),
    )


def api_scope(home: Home) -> str:
    """The scope of the tokens with which the app is called; "" if App Service authentication is off."""
    site = read(site_file(home))
    return f"{site.audience}/.default" if site and site.audience else ""


def function_key(home: Home) -> str:
    """The app's default function key. Raises StackNotRunningError until its host has written it."""
    try:
        keys = json.loads((home.root / "keys.json").read_text())
    except FileNotFoundError:
        raise StackNotRunningError(
            f"the Functions host of {home.root} has never run: start it with `touchdown up`."
        ) from None
    return str(keys["functionKeys"]["default"])
