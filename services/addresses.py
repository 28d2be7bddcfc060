"""Which addresses that come from a response may be called: a request carries a token of ours.

Several responses name an address to ask next: of an operation, of a workspace's run history, of a task's log.
Whoever can forge or change such a response would otherwise be sent the app's token for Resource Manager.
"""

import re
from urllib.parse import urlsplit

from runs.settings import App

_AZURE_ML = re.compile(r"(?:[a-z0-9-]+\.)+api\.(?:azureml\.ms|ml\.azure\.us|ml\.azure\.cn)")
"""The hosts of Azure ML's own APIs in Azure, Azure Government and Azure in China ("Configure inbound and
outbound network traffic", "Required public internet access")."""


def may_receive_management_token(url: str, settings: App) -> bool:
    """Whether an address belongs to Resource Manager or to one of Azure ML's own APIs."""
    if has_origin(url, settings.resource_manager):
        return True
    scheme, host = _origin(url)
    return scheme == "https" and _AZURE_ML.fullmatch(host) is not None


def has_origin(url: str, own: str) -> bool:
    """Whether an address has the scheme, host and port of `own`, and no user name in front of them."""
    return _origin(url) == _origin(own)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()
