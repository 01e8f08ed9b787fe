"""Logging in at an OpenID provider: who it is, and which of their roles count.

Stage: the console's door where there is more than one machine. In: the provider's
signed token for a code that this browser asked for; out: a member of the signed roster
with those of their roles that the provider's groups name too. The provider alone makes
nobody: who is not on the roster stays out, whatever it says.
Source: OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE); RFC 9207.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import DataError, GovernError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overt.protocol.programme import Programme, Role

LIFE_S = 300
_MAX_WAITING = 1000
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider, as the server's settings name it.

    Attributes:
        issuer: Its URL; exactly what its tokens say.
        client: Client id of this console.
        secret: Client secret.
        redirect: This console's address for the way back, `.../console/oidc/back`.
        name_claim: The claim that holds the member's name on the roster.
        groups_claim: The claim that holds groups.
        roles: Which roles a group stands for.
    """

    issuer: str
    client: str
    secret: str
    redirect: str
    roles: Mapping[str, tuple[Role, ...]]
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A login under way: what must come back."""

    nonce: str
    verifier: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Known:
    """Who came back.

    Attributes:
        member: Name on the roster.
        roles: The roles that roster and provider agree on.
    """

    member: str
    roles: tuple[Role, ...]


class OpenId:
    """Logins at one provider.

    Args:
        provider: The provider.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()
        self._facts: tuple[float, dict[str, Any]] | None = None

    def begin(self, now_s: int) -> tuple[str, str]:
        """Return where to send the browser, and the secret that ties it to the answer.

        Raises:
            NetworkError: The provider is away.
        """
        state = secrets.token_urlsafe(32)
        asked = _Asked(
            secrets.token_urlsafe(32), secrets.token_urlsafe(48), now_s + LIFE_S
        )
        with self._lock:
            waiting = self._asked.items()
            self._asked = {s: one for s, one in waiting if one.expires_s > now_s}
            if len(self._asked) >= _MAX_WAITING:
                raise GovernError("Too many logins are under way; try again soon.")
            self._asked[state] = asked
        place = self._discover()["authorization_endpoint"]
        with self._client() as client:
            url, _ = client.create_authorization_url(
                place, state=state, nonce=asked.nonce, code_verifier=asked.verifier
            )
        return str(url), state

    def end(self, query: Mapping[str, str], cookie: str, now_s: int) -> dict[str, Any]:
        """Return the verified claims of whoever came back with this query.

        Args:
            query: `code`, `state` and, where the provider sends it, `iss`.
            cookie: The secret that this browser was given.
            now_s: Unix seconds now.

        Raises:
            GovernError: Another browser's answer, an old one, or a token that does
                not hold.
            NetworkError: The provider is away.
        """
        state = query.get("state", "")
        with self._lock:
            asked = self._asked.pop(state, None)
        same = bool(cookie) and secrets.compare_digest(cookie.encode(), state.encode())
        if asked is None or not same or asked.expires_s <= now_s:
            raise _refused("The login was begun in another browser, or too long ago.")
        if query.get("iss", self.provider.issuer) != self.provider.issuer:
            raise _refused("The answer is another provider's.")
        if "code" not in query:
            raise _refused("The provider let nobody in.")
        return self._claims(self._token(query["code"], asked), asked)

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self.provider.client,
            self.provider.secret,
            scope="openid",
            redirect_uri=self.provider.redirect,
            code_challenge_method="S256",
            timeout=10,
            trust_env=False,
            follow_redirects=False,
        )

    def _discover(self) -> dict[str, Any]:
        import httpx

        if self._facts is not None and time.monotonic() - self._facts[0] < LIFE_S:
            return self._facts[1]
        try:
            with httpx.Client(timeout=10, trust_env=False) as client:
                place = f"{self.provider.issuer}/.well-known/openid-configuration"
                facts: dict[str, Any] = client.get(place).raise_for_status().json()
                facts["keys"] = client.get(facts["jwks_uri"]).raise_for_status().json()
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise _away() from error
        if facts.get("issuer") != self.provider.issuer:
            raise _refused("The provider calls itself by another name.")
        self._facts = (time.monotonic(), facts)
        return facts

    def _token(self, code: str, asked: _Asked) -> str:
        import httpx
        from authlib.common.errors import AuthlibBaseError

        place = self._discover()["token_endpoint"]
        try:
            with self._client() as client:
                answer = client.fetch_token(
                    place,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=asked.verifier,
                )
        except httpx.HTTPError as error:
            raise _away() from error
        except (AuthlibBaseError, ValueError) as error:
            raise _refused("The provider does not know the code.") from error
        return str(answer.get("id_token", ""))

    def _claims(self, token: str, asked: _Asked) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        keys = KeySet.import_key_set(self._discover()["keys"])
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client},
            exp={"essential": True},
            nonce={"essential": True, "value": asked.nonce},
        )
        try:
            found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            rules.validate(found.claims)
        except (JoseError, ValueError) as error:
            raise _refused("The provider's token does not hold.") from error
        claims: dict[str, Any] = found.claims
        return claims


def member_of(
    claims: Mapping[str, Any], provider: Provider, programme: Programme
) -> Known:
    """Return the member that claims are about, with the roles that both sides give.

    Raises:
        GovernError: Nobody of that name is on the signed roster, or no role is left.
    """
    name, groups = claims.get(provider.name_claim), claims.get(provider.groups_claim)
    try:
        member = programme.member(str(name))
    except DataError as error:
        raise _refused("You are not on the programme's signed roster.") from error
    named = {
        role
        for group in (groups if isinstance(groups, list) else [])
        for role in provider.roles.get(str(group), ())
    }
    roles = tuple(role for role in member.roles if role in named)
    if not roles:
        raise _refused("None of your groups stands for a role that the roster gives.")
    return Known(member.name, roles)


def _refused(text: str) -> GovernError:
    return GovernError(text, remedy="Begin again, or ask a steward for the roster.")


def _away() -> NetworkError:
    return NetworkError(
        "The login provider does not answer.", remedy="Try again; ask the operator."
    )
