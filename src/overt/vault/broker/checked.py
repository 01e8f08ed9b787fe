"""Devices' signatures over segments that were verified before, so that none is twice.

Stage: inside the broker, before a read. In: a segment's bytes taken apart, and their
digest; out: nothing, or a raise. What is remembered is named by the SHA-256 of the very
bytes and by the key, in this process's memory: no row can say that a segment was
checked.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from overt.protocol.sealing import verify_sealed
from overt.protocol.signing import public_key

if TYPE_CHECKING:
    from overt.protocol.sealing import SealedSegment

MOST = 1 << 17  # about 30 MB

device_key = lru_cache(maxsize=4096)(public_key)


class Checked:
    """Remembers which bytes which device has signed."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def verify(self, sealed: SealedSegment, digest: str, key: str) -> None:
        """Check that a device signed a segment, unless that is known of these bytes.

        Args:
            sealed: The segment.
            digest: `sealed_digest` of its bytes, computed by the caller just now.
            key: The device's public key, base64url.

        Raises:
            SealError: It did not, or the bytes were altered.
        """
        name = (digest, key)
        if name in self._known:
            return
        verify_sealed(sealed, device_key(key))
        self._known[name] = None
        while len(self._known) > MOST:
            self._known.popitem(last=False)
