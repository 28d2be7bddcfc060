"""The services' own storage client, with which Data Factory copies code and Azure ML reads models."""

from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from localcloud.home import Home
from localcloud.tokens import Tokens


class ServiceCredential:
    """The services' own identity towards storage."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        token, expires_on = self._tokens.issue("service", scopes[0].removesuffix("/.default"))
        return AccessToken(token, expires_on)


def client(home: Home, tokens: Tokens, account: str) -> BlobServiceClient:
    """Return a client of a storage account. It blocks, so call it through asyncio.to_thread."""
    return BlobServiceClient(
        home.storage_url(account), credential=ServiceCredential(tokens), connection_verify=str(home.ca_bundle)
    )
