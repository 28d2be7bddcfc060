"""Access tokens as Microsoft Entra issues them, signed by localcloud's own key.

Their claims are those of version 1.0; those for an application that asks for it, of version 2.0. Source:
"Access token claims reference".
"""

import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud import private_files
from localcloud.home import TENANT, Home
from localcloud.identities import Principal

ISSUER = f"https://sts.windows.net/{TENANT}/"
LIFETIME = 3600
"""Seconds. Azure gives managed identities up to 24 h; an hour exercises a client's refresh more often."""


@dataclass(frozen=True)
class Application:
    """An application that gets tokens of version 2.0. issuer: what these name as theirs."""

    client_id: str
    issuer: str


class TokenError(Exception):
    """A bearer token is not valid; the text says why."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request, by a token. name: a person's user principal name, or an identity's name."""

    object_id: str
    client_id: str
    name: str
    is_user: bool = False

    @property
    def client(self) -> str:
        """What Azure's messages call the caller: a person's user principal name, or the client id."""
        return self.name if self.is_user else self.client_id


class Tokens:
    """Issues and checks tokens. The signing key is stored in the home, so tokens survive a restart."""

    def __init__(self, home: Home) -> None:
        file = home.certificates / "token.key"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            private_files.create(file, pem)
        # Whether its numbers are prime takes 40 ms to prove, and only the owner of the home can change them.
        private = serialization.load_pem_private_key(
            file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(private, rsa.RSAPrivateKey)
        self._private = private
        self._public = private.public_key()

    def issue(
        self,
        principal: Principal,
        resource: str,
        lifetime: int = LIFETIME,
        application: Application | None = None,
    ) -> tuple[str, int]:
        """Return a token of `principal` for the audience `resource`, and its expiry (seconds since 1970).

        application: the one that the resource is, if its tokens are of version 2.0.
        """
        now = int(time.time())
        expires_on = now + lifetime
        claims = {
            "iat": now,
            "nbf": now,
            "exp": expires_on,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": TENANT,
            **(of_version_2(principal, application) if application else of_version_1(principal, resource)),
        }
        return jwt.encode(claims, self._private, algorithm="RS256"), expires_on

    def check(self, token: str, audiences: list[str]) -> Caller:
        """Return the identity that `token` is for.

        Raises TokenError if it has expired, is for another audience or of version 2.0, or was not signed by
        this cloud.
        """
        accepted = [
            form for audience in audiences for form in (audience.rstrip("/"), audience.rstrip("/") + "/")
        ]
        try:
            claims = jwt.decode(token, self._public, algorithms=["RS256"], audience=accepted, issuer=ISSUER)
        except jwt.ExpiredSignatureError:
            raise TokenError("The access token expiry is in the past.") from None
        except jwt.InvalidAudienceError:
            raise TokenError(
                f"The access token has been obtained for the wrong audience. Expected one of {audiences}."
            ) from None
        except jwt.InvalidTokenError as error:
            raise TokenError(f"The access token is invalid: {error}.") from None
        is_user = claims["idtyp"] == "user"
        name = claims["upn" if is_user else "app_displayname"]
        return Caller(claims["oid"], claims["appid"], name, is_user)

    @property
    def public_key(self) -> str:
        """The key that checks the tokens' signature, in PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._public.public_bytes(serialization.Encoding.PEM, form).decode()


def of_version_1(principal: Principal, resource: str) -> dict[str, str]:
    return {
        "aud": resource,
        "iss": ISSUER,
        "appid": principal.client_id,
        "ver": "1.0",
        **named(principal),
    }


def of_version_2(principal: Principal, application: Application) -> dict[str, str]:
    """The claims of version 2.0: the audience is the client id, by whatever URI the token was asked for."""
    claims = {
        "aud": application.client_id,
        "iss": application.issuer,
        "azp": principal.client_id,
        "ver": "2.0",
    }
    if principal.type != "User":
        return claims
    person = {"preferred_username": principal.user_name, "name": principal.name}
    return {**claims, **person, "scp": "user_impersonation"}


def named(principal: Principal) -> dict[str, str]:
    """The claims that say whether a principal is a user or an app, and what it is called."""
    if principal.type == "User":
        upn = principal.user_name
        return {
            "idtyp": "user",
            "upn": upn,
            "unique_name": upn,
            "name": principal.name,
            "scp": "user_impersonation",
        }
    return {"idtyp": "app", "app_displayname": principal.name}
