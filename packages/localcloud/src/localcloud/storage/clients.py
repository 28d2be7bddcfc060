"""Clients of this cloud's storage, each with the token of one principal."""

from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from localcloud.home import Home
from localcloud.identities import Principal
from localcloud.tokens import Tokens


class PrincipalCredential:
    """The credential of a principal, for the Azure SDKs within the cloud's own process."""

    def __init__(self, tokens: Tokens, principal: Principal) -> None:
        self._tokens = tokens
        self._principal = principal

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        token, expires_on = self._tokens.issue(self._principal, scopes[0].removesuffix("/.default"))
        return AccessToken(token, expires_on)


def client(home: Home, tokens: Tokens, principal: Principal, account: str) -> BlobServiceClient:
    """Return a client of a storage account. It blocks, so call it through asyncio.to_thread."""
    return BlobServiceClient(
        home.storage_url(account),
        credential=PrincipalCredential(tokens, principal),
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
    )


def with_key(home: Home, account: str, key: str) -> BlobServiceClient:
    """Return a client of a storage account that signs its requests with a key of it. It blocks."""
    return BlobServiceClient(
        home.storage_url(account),
        credential={"account_name": account, "account_key": key},
        connection_verify=str(home.ca_bundle),
        proxies=home.proxies,
    )
