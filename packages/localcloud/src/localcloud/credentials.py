"""Credentials of this cloud's identities, for the Azure SDKs.

With the variables that `localcloud env` prints, `DefaultAzureCredential` authenticates as the person too.
"""

import httpx
from azure.core.credentials import AccessToken

from localcloud import persons
from localcloud.home import Home
from localcloud.plain_http import no_trust


class Principal:
    """One identity of the home's cloud, as an azure-core TokenCredential.

    name: a carrier of localcloud.home, such as "person" or "site", or a person or program that was added.
    client_id: which identity of the carrier, if it has several. Raises UnknownPersonError.
    """

    def __init__(self, home: Home, name: str = "person", client_id: str = "") -> None:
        self._home = home
        self._secret = persons.secret_of(home, name)
        self._choice = {"client_id": client_id} if client_id else {}

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """Return a token for the first of `scopes`. Raises httpx.HTTPError if the cloud is not running."""
        answer = httpx.get(
            self._home.identity_endpoint,
            params={
                "resource": scopes[0].removesuffix("/.default"),
                "api-version": "2019-08-01",
                **self._choice,
            },
            headers={"X-IDENTITY-HEADER": self._secret},
            verify=no_trust(),
            trust_env=False,
        ).raise_for_status()
        body = answer.json()
        return AccessToken(body["access_token"], int(body["expires_on"]))
