"""Make secrets by the forms of their providers, where people leave them.

Stage: bench of masking. Input: a seed. Output: `Sample`s whose spans are secrets, in
settings, code, logs, chats. Nothing here opens anything: all is drawn at random.
"""

from __future__ import annotations

import base64
import json
import random
import string
from typing import TYPE_CHECKING, Final

from bench.privacy.prose import Half, Sample, half_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BASE62: Final = string.ascii_letters + string.digits
_WORDS: Final = (
    "orbit",
    "lemon",
    "castle",
    "window",
    "silver",
    "garden",
    "pencil",
    "rocket",
    "winter",
    "button",
    "market",
    "candle",
    "bridge",
    "yellow",
    "hammer",
    "pocket",
    "saddle",
    "tunnel",
    "velvet",
    "walnut",
    "anchor",
    "basket",
    "copper",
    "dragon",
    "engine",
    "forest",
    "guitar",
    "harbor",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "magnet",
    "needle",
)
_CONTEXTS: Final = (
    "export {key}={value}",
    "{key}: {value}",
    '  "{key}": "{value}",',
    "const {key} = '{value}';",
    '{key} = "{value}"  # do not commit',
    '<add key="{key}" value="{value}" />',
    "curl -H 'Authorization: Bearer {value}' https://api.example.org/v1/items",
    "hey, the {words} is {value} please delete this message afterwards",
    "You can log in with {value} until Friday, then it changes.",
    "ERROR 2024-05-01 12:00:01 login failed for token {value}",
    "das {words} ist {value}, bitte nicht weitergeben",
    "la {words} es {value}, no la compartas",
    "conn = connect('postgres://app:{value}@db.internal:5432/main')",
    "set {key} {value}",
    "--{key}={value}",
    "{key}\n{value}",
    "{words}:\n    {value}\n",
)
_KEYS: Final = (
    "API_KEY", "api_key", "SECRET", "client_secret", "DB_PASSWORD", "password", "token",
    "AUTH_TOKEN", "aws_secret_access_key", "STRIPE_KEY", "smtp_pass", "private_key",
    "JWT_SECRET", "pwd", "encryptionKey", "webhook",
)  # fmt: skip
_TOLD: Final = ("password", "passphrase", "API key", "token", "Passwort", "contraseña")


def secrets(half: Half, seed: int, count: int) -> Iterator[Sample]:
    """Yield texts with one secret each; contexts are split into halves by hash."""
    rng = random.Random(f"keys{half}{seed}")  # noqa: S311 - nothing that opens
    contexts = [one for one in _CONTEXTS if half_of(one) == half]
    for _ in range(count):
        value = rng.choice(_MAKERS)(rng)
        context = rng.choice(contexts)
        if " " in value and "{words}" not in context and '"' not in context:
            context = "{key}: {value}"
        before, after = (
            part.replace("{key}", rng.choice(_KEYS)).replace(
                "{words}", rng.choice(_TOLD)
            )
            for part in context.split("{value}")
        )
        text = before + value + after
        yield Sample(text, "en", ((len(before), len(before) + len(value)),))


def _some(rng: random.Random, letters: str, size: int) -> str:
    return "".join(rng.choices(letters, k=size))


def _prefixed(prefix: str, letters: str, size: int) -> Callable[[random.Random], str]:
    return lambda rng: prefix + _some(rng, letters, size)


def _jwt(rng: random.Random) -> str:
    head = {"alg": "HS256", "typ": "JWT"}
    body = {"sub": _some(rng, string.digits, 10), "name": "x"}
    parts = [json.dumps(one).encode() for one in (head, body)]
    parts.append(rng.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts)


def _pem(rng: random.Random) -> str:
    body = base64.b64encode(rng.randbytes(480)).decode()
    lines = "\n".join(body[n : n + 64] for n in range(0, len(body), 64))
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    return (
        f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"
    )


def _typed(rng: random.Random) -> str:
    """A password as people make them."""
    word = rng.choice(_WORDS)
    return rng.choice(
        [
            word.capitalize() + str(rng.randint(1, 2030)) + rng.choice("!?#$."),
            word.replace("a", "4").replace("e", "3") + rng.choice(_WORDS),
            f"{word}-{rng.choice(_WORDS)}-{rng.choice(_WORDS)}-{rng.randint(1, 99)}",
            f"{word}_{rng.choice(_WORDS)}",
            _some(rng, _BASE62 + "!$%&*+-=?@_()", rng.randint(9, 20)),
            word + rng.choice(_WORDS).capitalize() + rng.choice(_WORDS),
        ]
    )


def _phrase(rng: random.Random) -> str:
    return " ".join(rng.sample(_WORDS, rng.choice([4, 5, 6, 12])))


_HEX: Final = "0123456789abcdef"
_MAKERS: Final[tuple[Callable[[random.Random], str], ...]] = (
    _prefixed("AKIA", string.ascii_uppercase + string.digits, 16),
    _prefixed("", _BASE62 + "+/", 40),
    _prefixed("ghp_", _BASE62, 36),
    _prefixed("glpat-", _BASE62 + "-_", 20),
    _prefixed("xoxb-", string.digits, 24),
    _prefixed("sk_live_", _BASE62, 24),
    _prefixed("AIza", _BASE62 + "-_", 35),
    _prefixed("SG.", _BASE62, 22),
    _prefixed("", _HEX, 32),
    _prefixed("", _HEX, 64),
    _prefixed("npm_", _BASE62, 36),
    lambda rng: f"{_some(rng, _HEX, 8)}-{_some(rng, _HEX, 4)}-4{_some(rng, _HEX, 3)}",
    lambda rng: base64.b64encode(rng.randbytes(rng.randint(16, 48))).decode(),
    lambda rng: _some(rng, string.digits, rng.choice([4, 6])),
    _jwt, _pem, _typed, _typed, _typed, _phrase,
)  # fmt: skip
