"""How a row of the table of attacks becomes a test that is shown able to fail.

A row is a function of a stack that plays an attack and asserts what must come of it.
`@attack(MUTATION)` runs it twice on each stack: on the sound build, where it must
pass; and with the mutation, which takes one guard out of the running process for that
test alone, where one of its assertions must fail. Nothing in the product can do that.
"""

from __future__ import annotations

import base64
import gzip
import io
import secrets
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from demo.canaries import Canary, pixel_canary
from overt.protocol import sealing

if TYPE_CHECKING:
    from tests.fakes.stacks import Stack

Mutation = Callable[[pytest.MonkeyPatch], None]


def attack(*mutations: Mutation) -> Callable[[Callable[[Stack], None]], Any]:
    """Make a test of an attack, with one broken build for each mutation.

    Args:
        mutations: Each takes a guard out; each alone must turn the test red.
    """
    builds = [None, *mutations]
    names = ["sound", *(one.__name__ for one in mutations)]

    def made(row: Callable[[Stack], None]) -> Any:
        @pytest.mark.loopback
        @pytest.mark.parametrize("build", builds, ids=names)
        @wraps(row)
        def test(
            build: Mutation | None, stack: Stack, monkeypatch: pytest.MonkeyPatch
        ) -> None:
            if build is None:
                row(stack)
                return
            build(monkeypatch)
            with pytest.raises(AssertionError):
                row(stack)

        del test.__wrapped__  # pytest reads the parameters of the outer function
        return test

    return made


def null_cipher(patch: pytest.MonkeyPatch) -> None:
    """Seal nothing: keys are handled as ever, bytes stay as they are."""
    patch.setattr(sealing, "_encrypt", lambda _key, data, *_: sealing.pad(data))
    patch.setattr(sealing, "_decrypt", lambda _key, data, _context: sealing.unpad(data))


def instead(target: Any, name: str, value: Any) -> Mutation:
    """Return the mutation that puts something in place of a guard."""

    def without(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(target, name, value)

    without.__name__ = f"without {name.strip('_')}"
    return without


def planted() -> tuple[list[Canary], list[bytes]]:
    """Return canaries and the recordings that hold them: texts, names, pixels.

    Each recording holds one canary, as it is or wrapped up in a known way.
    """
    texts = [f"canary {secrets.token_hex(8)} of a text".encode() for _ in range(6)]
    name = f"Zoë Canary-{secrets.token_hex(6)}"
    noise = np.random.default_rng(secrets.randbits(32))
    frame = noise.integers(0, 256, (48, 192, 3), dtype="u1")
    png = io.BytesIO()
    Image.fromarray(frame).save(png, "PNG")
    pixels = pixel_canary("pixels", frame)
    assert pixels is not None
    wrapped = [
        texts[0],
        gzip.compress(texts[1]),
        base64.b64encode(b"xx" + texts[2]),
        texts[3].hex().encode(),
        texts[4].decode().encode("utf-16-le"),
        sealing.pad(texts[5]),
        name.encode(),
        png.getvalue(),
        frame.tobytes(),
    ]
    named = [Canary(f"text {at}", "text", text) for at, text in enumerate(texts)]
    return [*named, Canary("name", "text", name.encode()), pixels], wrapped
