"""The container as others than the app see it: who uploads, who trains, and who deploys.

The conditions of their roles let each write in its own places alone, so a test prepares what another actor
leaves as that actor.
"""

from azure.storage.blob import ContainerClient
from localcloud.credentials import Principal
from localcloud.home import Home
from localcloud.identities import client_id_of

from touchdown.local.deploying import outputs
from touchdown.local.names import identity_id

_homes: list[Home] = []
"""That of the session's one cloud, once it runs."""


def work_in(home: Home) -> None:
    _homes[:] = [home]


def uploader() -> ContainerClient:
    """An uploader whose prefix is empty."""
    return container(Principal(_homes[0], "uploader"))


def trainer() -> ContainerClient:
    """A node of the pool."""
    return container(Principal(_homes[0], "pool", client_id_of(identity_id("training"))))


def publisher() -> ContainerClient:
    """Who deploys."""
    return container(Principal(_homes[0]))


def container(credential: Principal) -> ContainerClient:
    (home,) = _homes
    values = outputs(home)
    return ContainerClient(
        values["STORAGE_URL"],
        values["CONTAINER"],
        credential,
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
    )
