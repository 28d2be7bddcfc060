"""Which blob of this cloud's storage a URL names."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from localcloud.home import Home
from localcloud.inventory import Inventory

STORAGE = "Microsoft.Storage/storageAccounts"


@dataclass(frozen=True)
class BlobUrl:
    """A blob by the names of its account, its container and itself."""

    account: str
    container: str
    blob: str


def account_of(home: Home, accounts: Iterable[str], url: str) -> str | None:
    """The account of whose blob service a URL is the root or something below it; None for another URL."""
    sent = urlsplit(url)
    for name in accounts:
        own = urlsplit(home.storage_url(name))
        same = (sent.scheme, sent.netloc.lower()) == (own.scheme, own.netloc.lower())
        if same and f"{sent.path}/".startswith(f"{own.path}/"):
            return name
    return None


def located(home: Home, accounts: Iterable[str], url: str) -> BlobUrl | None:
    """The blob that a URL names; None if it is no blob of one of these accounts."""
    account = account_of(home, accounts, url)
    if account is None:
        return None
    path = urlsplit(url).path.removeprefix(urlsplit(home.storage_url(account)).path).strip("/")
    container, _, blob = path.partition("/")
    return BlobUrl(account, container, unquote(blob)) if container and blob else None


def accounts_of(inventory: Inventory) -> list[str]:
    """The names of the storage accounts of a cloud."""
    return [str(each["name"]) for each in inventory.all(STORAGE)]
