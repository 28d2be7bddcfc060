"""The services' own client of storage: Data Factory copies code with it, Azure ML reads models."""

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


def client(home: Home, tokens: Tokens) -> BlobServiceClient:
    """A client of this cloud's storage. It blocks: call it through asyncio.to_thread."""
    return BlobServiceClient(
        home.blob_url, credential=ServiceCredential(tokens), connection_verify=str(home.ca_bundle)
    )
