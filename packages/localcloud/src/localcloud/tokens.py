"""Access tokens as Microsoft Entra issues them to managed identities, signed by localcloud's own key."""

import time
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.home import TENANT, Home

ISSUER = f"https://sts.windows.net/{TENANT}/"
LIFETIME = 3600
"""Seconds. Azure gives managed identities up to 24 h; an hour exercises a client's refresh more often."""


class TokenError(Exception):
    """A bearer token is not valid; the text says why."""


@dataclass(frozen=True)
class Caller:
    """The identity that a token is for: the principal's name ("app", "node", "person") and object id."""

    principal: str
    object_id: str


class Tokens:
    """Issues and checks tokens. The signing key is stored in the home, so tokens survive a restart."""

    def __init__(self, home: Home) -> None:
        file = home.certificates / "token.key"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
            file.chmod(0o600)
        private = serialization.load_pem_private_key(file.read_bytes(), password=None)
        assert isinstance(private, rsa.RSAPrivateKey)
        self._private = private
        self._public = private.public_key()

    @property
    def public_key(self) -> str:
        """The key with which others check this cloud's tokens, as PEM."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._public.public_bytes(serialization.Encoding.PEM, spki).decode()

    def issue(self, principal: str, resource: str, lifetime: int = LIFETIME) -> tuple[str, int]:
        """Return a token of `principal` for the audience `resource`, and its expiry (seconds since 1970)."""
        now = int(time.time())
        expires_on = now + lifetime
        object_id = str(uuid5(NAMESPACE_URL, f"localcloud/{principal}"))
        claims = {
            "aud": resource,
            "iss": ISSUER,
            "iat": now,
            "nbf": now,
            "exp": expires_on,
            "oid": object_id,
            "sub": object_id,
            "appid": object_id,
            "idtyp": "app",
            "tid": TENANT,
            "ver": "1.0",
            "xms_localcloud_principal": principal,
        }
        return jwt.encode(claims, self._private, algorithm="RS256"), expires_on

    def check(self, token: str, audiences: list[str]) -> Caller:
        """Return the identity that `token` is for.

        Raises TokenError if it has expired, is for another audience, or was not signed by this cloud.
        """
        accepted = [
            form for audience in audiences for form in (audience.rstrip("/"), audience.rstrip("/") + "/")
        ]
        try:
            claims = jwt.decode(token, self._public, algorithms=["RS256"], audience=accepted)
        except jwt.ExpiredSignatureError:
            raise TokenError("The access token expiry is in the past.") from None
        except jwt.InvalidAudienceError:
            raise TokenError(
                f"The access token has been obtained for the wrong audience. Expected one of {audiences}."
            ) from None
        except jwt.InvalidTokenError as error:
            raise TokenError(f"The access token is invalid: {error}.") from None
        return Caller(claims["xms_localcloud_principal"], claims["oid"])
