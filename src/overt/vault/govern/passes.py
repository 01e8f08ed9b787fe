"""Passes: how the vault server shows the broker that a call is its own.

Stage: between two processes of one server. In: the secret that both were set up with,
a route and a body; out: a pass for that call alone, good for a minute. The secret
itself never travels, and a pass opens no page and no other route.
"""

from __future__ import annotations

import hashlib
import hmac

from overt.vault.govern.refusals import UnsignedError

LIFE_S = 60
_SCHEME = "Service"


def make_pass(secret: str, route: str, body: bytes, now_s: int) -> str:
    """Return the Authorization header of one call.

    Args:
        secret: What both processes were set up with.
        route: The path that is called.
        body: The call's bytes.
        now_s: Unix seconds now.
    """
    expires_s = now_s + LIFE_S
    return f"{_SCHEME} {expires_s}.{_mac(secret, route, body, expires_s)}"


def check_pass(header: str, secret: str, route: str, body: bytes, now_s: int) -> None:
    """Check that a call carries a pass for exactly itself.

    Raises:
        UnsignedError: It carries none, an old one, or another call's.
    """
    text, _, mac = header.removeprefix(f"{_SCHEME} ").partition(".")
    expires_s = int(text) if text.isascii() and text.isdecimal() else 0
    good = hmac.compare_digest(
        mac.encode(), _mac(secret, route, body, expires_s).encode()
    )
    if not secret or not good or not now_s < expires_s <= now_s + 2 * LIFE_S:
        raise UnsignedError("The call shows no valid pass of the vault server.")


def _mac(secret: str, route: str, body: bytes, expires_s: int) -> str:
    parts = f"{route}\n{expires_s}\n{hashlib.sha256(body).hexdigest()}"
    message = b"overt service pass v1\0" + parts.encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
